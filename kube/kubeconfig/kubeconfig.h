// Reads Access from a kubeconfig, or from what a pod finds in its own file system.
//
// Guarantees: every error names the file and the field; what we cannot do (exec plugins, auth
// providers, passwords, a SOCKS proxy, skipping the verification of the server) is refused by name,
// never left out in silence.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "kube/access.h"

namespace espalier::kube {

// The current context of a kubeconfig; `context` names another one if it is not empty. Relative
// paths in it are taken from the file's folder.
[[nodiscard]] Result<Access> read_kubeconfig(const std::string& file,
                                             std::string_view context = {});

// The same from its text; `folder` is where relative paths begin, `file` is for messages.
[[nodiscard]] Result<Access> parse_kubeconfig(const std::string& text, const std::string& folder,
                                              const std::string& file,
                                              std::string_view context = {});

// What a pod is given: KUBERNETES_SERVICE_HOST and _PORT (or `server`, when the Service network is
// not there yet, as for an agent on the host network), and the files of `folder`.
using Environment = std::function<std::string(const char*)>;
[[nodiscard]] Result<Access> in_cluster(
    const std::string& server = {},
    const std::string& folder = "/var/run/secrets/kubernetes.io/serviceaccount");
[[nodiscard]] Result<Access> in_cluster_from(const Environment& environment,
                                             const std::string& server, const std::string& folder);

// A program's --kubeconfig: that file's current context; empty: what its pod is given.
[[nodiscard]] Result<Access> find_access(const std::string& kubeconfig);

}  // namespace espalier::kube
