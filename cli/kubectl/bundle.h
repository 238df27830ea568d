// bundle: what somebody needs who is to find out, from afar, what is wrong: the objects of
// Espalier, what every agent says, its log, and its node's kernel state.
//
// Guarantees: no Secret is asked for, and no key of an SA. What could not be had is named in
// errors.txt, and keeps nothing from the rest.
// Caveat: names, addresses and certificates are in it.
#pragma once

#include <string>
#include <vector>

#include "cli/kubectl/cluster.h"

namespace espalier::cli::kubectl {

struct BundleFile {
  std::string path;  // within the bundle: "nodes/node1/status.json"
  std::string text;
};

// Asks for everything.
[[nodiscard]] std::vector<BundleFile> gather(Cluster& cluster, const std::vector<AgentPod>& agents);

// The files as a tar.gz at `path` (mode 0600), in a folder named `name`, by the program tar.
// kExists: `path` is there; kIo otherwise.
[[nodiscard]] Status write_bundle(Runner& runner, const std::vector<BundleFile>& files,
                                  const std::string& name, const std::string& path);

}  // namespace espalier::cli::kubectl
