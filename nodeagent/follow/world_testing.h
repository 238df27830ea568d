// A cluster of three nodes as an API server has it, for the tests of who follows one.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "nodeagent/follow/plan_follower.h"
#include "operator/plan/node_rules.h"
#include "operator/plan/world_testing.h"

namespace espalier::follow::testing {

// Policy "mesh" (NodeToNode) between node1, node2 and node3.
inline plan::World cluster() {
  plan::World world = plan::testing::nodes(3);
  crds::IPsecPolicy mesh = plan::testing::policy("mesh", {crds::Traffic::kNodeToNode});
  mesh.meta.uid = "p-mesh";
  mesh.meta.generation = 1;
  plan::testing::add(world, std::move(mesh));
  return world;
}

// A Tunnel of node1.
inline crds::Tunnel tunnel() {
  crds::Tunnel made;
  made.meta = {"edge", "branch", {}, {}, "t-branch", 3};
  made.spec.local.node = "node1";
  made.spec.local.subnets = {plan::testing::block("10.244.0.0/16")};
  made.spec.remote.addresses = {plan::testing::ip("192.0.2.9")};
  made.spec.remote.subnets = {plan::testing::block("172.16.0.0/24")};
  return made;
}

// What the operator makes of it for one node.
inline std::shared_ptr<const crds::NodePolicy> node_policy(const plan::World& world,
                                                           const std::string& node,
                                                           std::int64_t generation = 1) {
  auto made = std::make_shared<crds::NodePolicy>();
  made->meta.name = node;
  made->meta.uid = "n-" + node;
  made->meta.generation = generation;
  for (const plan::NodeRules& rules : plan::node_rules(world)) {
    if (rules.node == node) made->spec = rules.spec;
  }
  return made;
}

inline Heard heard(const plan::World& world, const std::string& node) {
  return {node_policy(world, node), world, {}};
}

}  // namespace espalier::follow::testing
