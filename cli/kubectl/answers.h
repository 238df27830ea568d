// The commands' answers: what the cluster and its agents said, put together, as JSON for scripts
// and as text of at most 100 columns for people.
//
// Guarantees: pure; the JSON has the agents' own answers whole, under "agent".
#pragma once

#include <string>
#include <vector>

#include "cli/exit_status.h"
#include "cli/kubectl/cluster.h"

namespace espalier::cli::kubectl {

// What a command ends with.
struct Outcome {
  Json json;
  std::string text;
  int status = kFine;
};

// `objects`: items of IPsecPolicies, Tunnels, NodePolicies and NodeEndpoints. Nodes are those that
// have a NodePolicy or a NodeEndpoint, and those where an agent's pod is.
[[nodiscard]] Outcome status_outcome(const Json& objects, const std::vector<NodeAnswer>& answers);

// One row per direction of a pair: what one end sent beside what the other end received.
[[nodiscard]] Outcome traffic_outcome(const std::vector<NodeAnswer>& answers);

// Not fine when a check of any node failed (strict: or warned).
[[nodiscard]] Outcome verify_outcome(const std::vector<NodeAnswer>& answers, bool strict);

}  // namespace espalier::cli::kubectl
