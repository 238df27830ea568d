// The planner: plan(world) -> one NodePlan per node.
//
// Guarantees: pure; the order of the world's objects does not matter; a change of one object
// changes only the plans that depend on it. What the header of node_plan.h promises of a plan.
#pragma once

#include <string_view>
#include <vector>

#include "operator/plan/node_plan.h"
#include "operator/plan/world.h"

namespace espalier::plan {

// One plan per node that has a NodeEndpoint or is named by a Tunnel, sorted by node.
[[nodiscard]] std::vector<NodePlan> plan(const World& world);

// The plan of one node. For a node that nothing is known of it holds what is always exempt, and a
// note about the missing NodeEndpoint if there are policies.
[[nodiscard]] NodePlan plan_node(const World& world, std::string_view node);

}  // namespace espalier::plan
