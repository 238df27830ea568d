// The program as an installer: `espalier-cni install` stays and looks after what it put there.
//
// Guarantees: drift is put right soon after it happens (inotify), at the latest after a minute; a
// node without a network yet is waited for. SIGTERM changes nothing, for a rollout ends this
// process, too, and pods must be held from one to the next. Only where the agent has said that
// Espalier is taken off the node (pods::leaving_mark) does the entry go, at once or at SIGTERM, and
// it comes back when that is taken back. Every thing that is done, and each error once, is a line
// on standard error.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "cni/linux/installer.h"

namespace espalier::cni {

struct InstallOptions {
  InstallFolders folders;
  std::string socket = kDefaultSocket;  // of the agent
  std::chrono::seconds timeout{15};
  std::vector<std::string> exempt_namespaces{"espalier-system"};
  bool json_log = false;
};

// Until SIGTERM or SIGINT. The process's exit status.
[[nodiscard]] int run_install(const InstallOptions& options);

// Once: 0 if all is as it should be.
[[nodiscard]] int run_check(const InstallOptions& options);
[[nodiscard]] int run_uninstall(const InstallOptions& options);

}  // namespace espalier::cni
