// Draft: one node's plan while it is being written, and the small things every writer needs.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "crds/types/ipsec_policy.h"
#include "operator/plan/node_plan.h"
#include "operator/plan/notes.h"
#include "operator/plan/precedence.h"
#include "operator/plan/world.h"

namespace espalier::plan {

class Contest;
struct Candidate;

struct Draft {
  NodePlan plan;
  NoteBook notes;
  // Policy and exemption name of every exemption that exempts from something.
  std::set<std::pair<std::string, std::string>> effective_exemptions;
};

// A node's address of a family.
[[nodiscard]] std::optional<IpAddress> address_of(const crds::NodeEndpoint& node, IpFamily family);

// The parts of `rule` that the policy's exemptions leave in clear: what goes to the exempt address,
// and, at the node that has it, what comes to it.
void exempt_from(const Selector& rule, const crds::IPsecPolicy& policy, int peer_length, Part part,
                 Draft& draft);
// Exemptions of the policy that exempted from nothing so far, so that the plan shows every one.
// Behind all other rules they change nothing that a policy or Tunnel has decided.
void add_idle_exemptions(const crds::IPsecPolicy& policy, Draft& draft);

// What is clear on every node whatever a policy says: neighbour discovery, DHCP, delivery within
// the node, and the API server.
void add_always_exempt(const World& world, Draft& draft);

// The winner decides about `flow` ("PodToPod") with a peer, a node or a block, and the loser is
// told so.
void tell_shadowed(Draft& draft, std::string_view flow, const Candidate& loser,
                   const Candidate& winner, const std::string& peer);

// All connections between two nodes, seen from `self`, and the bypass rules of the pair.
void plan_pair(const Contest& contest, std::size_t self, std::size_t peer, Draft& draft);

// What policies with peers.ipBlock say about addresses that belong to no node.
void plan_blocks(const Contest& contest, std::size_t self, Draft& draft);

// The Tunnels of this node. `contest` knows which addresses are the cluster's own.
void plan_tunnels(const World& world, const Contest& contest, Draft& draft);

// An empty plan of the node, with what its NodeEndpoint says of it.
[[nodiscard]] Draft begin_draft(const Contest& contest, std::string_view node);

// What no pair is needed for, after the pairs: blocks, idle exemptions, tunnels, what is always
// exempt.
void plan_beside_pairs(const World& world, const Contest& contest, Draft& draft);

// Sorts everything, leaves out rules whose selector another rule has too, and what is empty then;
// sets notes. True if something was left out of a connection.
bool settle(Draft& draft);

// The same, and the hash.
[[nodiscard]] NodePlan finish(Draft draft);

}  // namespace espalier::plan
