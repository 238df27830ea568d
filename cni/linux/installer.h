// Installer: the program in the runtime's folder of plugins, and the entry in its network.
//
// Guarantees: files change whole or not at all (base/process/replace_file.h), the program before
// the entry that names it, and the entry goes before the program; modes stay. What is as it should
// be is not touched. Errors name the file. Assumptions: nobody else changes a file between its
// reading and its replacement; who does is seen as drift, and wins or is put right by the next
// call.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cni/network_config.h"

namespace espalier::cni {

struct InstallFolders {
  std::string programs = "/opt/cni/bin";
  std::string networks = "/etc/cni/net.d";
};

// What was done, a sentence each; empty: nothing had to be.
using Done = std::vector<std::string>;

// kNotFound: no network is configured yet (the program is there by then).
[[nodiscard]] Result<Done> install(const InstallFolders& folders, const Json& entry);
[[nodiscard]] Result<Done> uninstall(const InstallFolders& folders);
// kUnavailable: install() would do something; kNotFound as above.
[[nodiscard]] Status check_installed(const InstallFolders& folders, const Json& entry);

}  // namespace espalier::cni
