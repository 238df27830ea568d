// Whether a Tunnel may be carried out at all: its remote end must be outside the cluster.
//
// Guarantees: pure, and the same for operator and agent as far as they know the same: an agent
// knows no range of Services, so the operator names no refused Tunnel in a NodePolicy.
#pragma once

#include <string>
#include <vector>

#include "operator/plan/world.h"

namespace espalier::plan {

// What its remote end is: the subnets, else the peer's addresses; empty: any peer.
[[nodiscard]] std::vector<Prefix> remote_blocks(const crds::Tunnel& tunnel);

// "10.96.0.0/12 overlaps the Service range …", or empty: it may. Of `world` what is neither a node
// nor a policy; `nodes` are the world's, by name (Contest::nodes()).
[[nodiscard]] std::string refusal_of(const crds::Tunnel& tunnel,
                                     const std::vector<const crds::NodeEndpoint*>& nodes,
                                     const World& world);

}  // namespace espalier::plan
