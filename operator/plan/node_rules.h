// Which policies and tunnels a node's plan depends on, told as a NodePolicy; and the way back
// (docs/adr/015).
//
// Guarantees: pure. The operator's way out and the agent's way back meet: for a node with a
// NodeEndpoint, the plan made from what its NodePolicy names is its plan made from everything. A
// NodePolicy does not depend on other nodes, so one that joins or leaves changes no other's; but
// for a Tunnel that claims what is that node's: it is refused, and named nowhere.
//
// Assumes objects from an API server: a uid and generation stand for one content.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crds/types/node_policy.h"
#include "operator/plan/world.h"

namespace espalier::plan {

// What an agent must be able to do for a policy or tunnel, beyond certificates between the nodes of
// a cluster.
inline constexpr std::string_view kFeatureAddressBlocks = "AddressBlocks";  // peers.ipBlock
inline constexpr std::string_view kFeatureOnDemand = "OnDemand";            // establish: OnDemand
inline constexpr std::string_view kFeaturePodSelection =
    "PodSelection";  // namespaceSelector, podSelector
inline constexpr std::string_view kFeaturePostQuantumKeys = "PostQuantumKeys";  // ppk
inline constexpr std::string_view kFeaturePreSharedKeys =
    "PreSharedKeys";  // authentication type PSK
inline constexpr std::string_view kFeatureTunnels = "Tunnels";

// All that this release's agent can do, sorted.
[[nodiscard]] std::vector<std::string> known_features();

struct NodeRules {
  std::string node;
  crds::NodePolicySpec spec;

  friend bool operator==(const NodeRules&, const NodeRules&) = default;
};

// One per node that has a NodeEndpoint or is named by a Tunnel that is not refused, sorted by node.
[[nodiscard]] std::vector<NodeRules> node_rules(const World& world);

class Contest;

// Why Tunnels are refused (refusal_of()); empty: they are not.
using TunnelRefusals = std::map<std::shared_ptr<const crds::Tunnel>, std::string>;
// A world's Tunnels by their local node, in order of namespace and name, without those refused.
using TunnelsByNode =
    std::map<std::string, std::vector<std::shared_ptr<const crds::Tunnel>>, std::less<>>;
// What `refusals` knows is taken from there, and what it does not know is added: afterwards it has
// all of this world's Tunnels and no others. `contest` is of the same world.
[[nodiscard]] TunnelsByNode tunnels_by_node(const World& world, const Contest& contest,
                                            TunnelRefusals& refusals);

// The rules of one node; `contest` is of the same world as `tunnels`.
[[nodiscard]] NodeRules rules_of_node(const World& world, const Contest& contest,
                                      const TunnelsByNode& tunnels, const std::string& node);

// The spec's hash, over everything else in it.
[[nodiscard]] std::string hash_of(const crds::NodePolicySpec& spec);

// What an agent plans with: of `known` all NodeEndpoints and what the NodePolicy names. An error
// (kUnavailable) names the first object that is not known in the state it names, and the state that
// is known: then the agent keeps its last plan and waits.
[[nodiscard]] Result<World> world_named_by(const crds::NodePolicySpec& spec, const World& known);

}  // namespace espalier::plan
