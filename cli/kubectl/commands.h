// The commands: each asks the cluster and gives back what is printed and what the process ends
// with.
#pragma once

#include <string>

#include "cli/kubectl/answers.h"
#include "cli/kubectl/cluster.h"

namespace espalier::cli::kubectl {

struct Wanted {
  std::string node;  // of release
  std::string name;  // of trafficstatus, release: a connection, a peer or an owner
  std::string from;  // of explain: POD or NAMESPACE/POD
  std::string to;
  std::string space;  // of pods without a namespace; empty: kubectl's own
  bool strict = false;
  bool end = false;
  bool in_clear = false;
  std::string why;
  std::string file;  // of bundle
};

// Errors are kUnavailable (kubectl, the API server), kNotFound, kInvalid, kIo or kExists.
[[nodiscard]] Result<Outcome> status(Cluster& cluster);
[[nodiscard]] Result<Outcome> traffic_status(Cluster& cluster, const Wanted& wanted);
[[nodiscard]] Result<Outcome> explain(Cluster& cluster, const Wanted& wanted);
[[nodiscard]] Result<Outcome> verify(Cluster& cluster, const Wanted& wanted);
[[nodiscard]] Result<Outcome> release(Cluster& cluster, const Wanted& wanted);
// `stamp`: what the bundle is called by ("20261125-140501").
[[nodiscard]] Result<Outcome> bundle(Cluster& cluster, Runner& runner, const Wanted& wanted,
                                     const std::string& stamp);

// What may stand on the command line: names of nodes, of pods. Empty where nobody answers.
[[nodiscard]] std::vector<std::string> names(Cluster& cluster, const Arguments& what);

}  // namespace espalier::cli::kubectl
