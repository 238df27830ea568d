// explain POD POD: what becomes of packets between two pods, as the agents of their nodes see it.
//
// Guarantees: pure; the plan's winner for each family is told from both ends, with the SAs'
// counters.
#pragma once

#include <string>
#include <vector>

#include "base/ip.h"
#include "cli/kubectl/answers.h"
#include "cli/kubectl/cluster.h"

namespace espalier::cli::kubectl {

struct Pod {
  std::string name;  // "default/web-0"
  std::string node;  // empty: none yet
  bool host_network = false;
  std::vector<IpAddress> addresses;
};

[[nodiscard]] Pod pod_of(const Json& object);

// What the agent of one pod's node says of traffic with the other pod.
struct End {
  const Pod* here = nullptr;
  const Pod* there = nullptr;
  NodeAnswer traffic;                  // `espalierctl trafficstatus`
  std::vector<NodeAnswer> by_address;  // `espalierctl explain`, one per address of `there`
};

// Fine when everything between them is encrypted or stays on one node; not fine when something
// passes in clear or is blocked.
[[nodiscard]] Outcome pair_outcome(const Pod& from, const Pod& to, const std::vector<End>& ends);

}  // namespace espalier::cli::kubectl
