// explain(): which connection, child and policy covers something, as the plan in force says.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "nodeagent/telemetry/snapshot.h"

namespace espalier::telemetry {

struct Explanation {
  CoverageRule rule;
  bool wins = true;  // for an address: no rule before it takes all of its packets
  // Of the rule's connection; meaningless for an exemption.
  ConnectionState state = ConnectionState::kDown;
  ChildState child_state = ChildState::kDown;
  std::string sentence;  // "10.0.0.2 is encrypted: child nodes of node2/v4 carries it."
};

// `query` is an address (either end of a flow), or the name of a connection, a peer, a child, or
// an owner ("Tunnel/edge/branch", "edge/branch", "branch"). For an address the rules that match it,
// most decisive first; for a name every rule of it. Empty: nothing knows this name, or the address
// is covered by no rule and passes in clear.
[[nodiscard]] std::vector<Explanation> explain(const Snapshot& snapshot, std::string_view query);

// "Tunnel/edge/branch" is meant by its whole, by "edge/branch" and by "branch".
[[nodiscard]] bool is_owner_name(std::string_view owner, std::string_view query);

}  // namespace espalier::telemetry
