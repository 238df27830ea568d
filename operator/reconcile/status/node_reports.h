// NodeReports: what all nodes say about each policy and Tunnel, counted, and kept while
// NodePolicies change one by one.
//
// A status of a policy is a sum over its nodes. Here a node's change costs what that node names,
// not what the cluster has, and it is told whose sum became another, so that only those are
// written.
//
// Guarantees: pure; after any sequence of changes the counts are those of the NodePolicies that
// stand. A policy counts as in force on a node when the node's NodePolicy names just this state of
// it and the agent's status has it in this generation. The hash over all that holds on the node is
// not asked for, because a change of one policy must not unsettle the counts of all others; but
// where a NodePolicy names another uid than before, or a policy anew, nothing counts until the hash
// was applied once: a status names a policy's generation and not its uid.
//
// Caveats: an operator that starts just between that change and the agent's following may take the
// generation of a deleted policy for that of its namesake, for as long as the agent needs. A status
// stands until somebody writes another, whether its agent lives or not; a stolen node says what it
// likes.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "crds/types/node_policy.h"
#include "crds/types/status.h"

namespace espalier::reconcile {

// What one node says, in words.
struct NodeWords {
  std::string node;
  std::string words;

  friend bool operator==(const NodeWords&, const NodeWords&) = default;
};

// The notes that become conditions of the policy.
inline constexpr std::array<std::string_view, 2> kToldNotes = {"ProfileConflict", "Shadowed"};

struct NodeNotes {
  std::int64_t nodes = 0;
  NodeWords first;  // by name

  friend bool operator==(const NodeNotes&, const NodeNotes&) = default;
};

// All nodes' word on one state (uid and generation) of a policy.
struct PolicyCount {
  std::int64_t named = 0;     // nodes whose NodePolicy names the policy, in whatever state
  std::int64_t in_force = 0;  // those on which this state is in force
  std::int64_t complete = 0;  // those of in_force that have encrypted traffic with every peer
  // Nodes that were told this state and say that they cannot: how many, and the first by name.
  std::int64_t failed = 0;
  std::optional<NodeWords> first_failure;
  // What nodes of in_force note about it, by reason (kToldNotes).
  std::map<std::string, NodeNotes> notes;

  friend bool operator==(const PolicyCount&, const PolicyCount&) = default;
};

// One node's word on the Tunnel that it carries.
struct TunnelReport {
  std::string node;
  std::string uid;
  std::int64_t generation = 0;  // that its NodePolicy names
  bool in_force = false;        // what follows is about this generation
  bool established = false;
  std::string reason;  // why not; may be empty
  std::string message;
  std::string failure;  // not in force: what the node says about that; empty: nothing yet

  friend bool operator==(const TunnelReport&, const TunnelReport&) = default;
};

class NodeReports {
 public:
  using TunnelName = std::pair<std::string, std::string>;  // namespace, name

  // Whose status may have become another.
  struct Touched {
    std::set<std::string> policies;
    std::set<TunnelName> tunnels;
  };

  // A NodePolicy as it stands now, by meta.name. meta.generation tells whether what its status says
  // is about this spec.
  Touched put(const crds::NodePolicy& policy, const crds::NodePolicyStatus& status);
  // It is gone.
  Touched remove(const std::string& node);

  [[nodiscard]] PolicyCount count(const std::string& policy, const std::string& uid,
                                  std::int64_t generation) const;
  // Of `node` if that one carries the Tunnel, else of the first node by name; nullopt: none does.
  [[nodiscard]] std::optional<TunnelReport> report(const TunnelName& tunnel,
                                                   const std::string& node) const;

  [[nodiscard]] std::size_t node_count() const { return nodes_.size(); }

 private:
  using PolicyState = std::tuple<std::string, std::string, std::int64_t>;  // name, uid, generation
  struct Tally {
    std::int64_t nodes = 0;
    std::int64_t in_force = 0;
    std::int64_t complete = 0;
    std::map<std::string, std::string> failures;                      // by node
    std::map<std::string, std::map<std::string, std::string>> notes;  // by reason, then node
  };
  // What one node adds to one tally.
  struct Share {
    bool in_force = false;
    bool complete = false;
    bool doubted = false;  // the agent's generation may be of another policy of this name
    std::string failure;
    std::map<std::string, std::string> notes;  // by reason

    friend bool operator==(const Share&, const Share&) = default;
  };
  using Tallies = std::map<PolicyState, Tally>;
  // Texts are rare and stand in the tally: 5,000 nodes with 100 policies are half a million parts.
  struct Part {
    Tallies::iterator tally;
    bool in_force = false;
    bool complete = false;
    bool doubted = false;
  };
  struct Node {
    std::vector<Part> parts;
    std::map<TunnelName, TunnelReport> tunnels;
    std::set<TunnelName> doubted_tunnels;
  };
  using Shares = std::map<PolicyState, Share>;

  [[nodiscard]] Shares shares_of(const std::string& name, const Node& node) const;
  void change_shares(const std::string& name, Node& node, const Shares& next, Touched& touched);
  void change_tunnels(const std::string& name, Node& node, std::map<TunnelName, TunnelReport> next,
                      Touched& touched);

  Tallies tallies_;
  std::map<std::string, Node> nodes_;
  std::map<TunnelName, std::set<std::string>> carriers_;  // nodes by Tunnel
};

}  // namespace espalier::reconcile
