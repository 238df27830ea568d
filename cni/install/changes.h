// What becomes of the files of the runtime's folder of networks (/etc/cni/net.d), so that pods of
// its network are held until they are covered, and no longer.
//
// A runtime uses the first file by name whose name ends in .conflist, .conf or .json. A .conf or
// .json of one plugin cannot hold ours too: it becomes a .conflist, and the file itself is kept
// under a name that no runtime looks at.
//
// Guarantees: changes are in the order in which they are to be made, each at once: at no moment
// would a runtime find no network, or one that is half. Nothing to do gives none. Undoing gives
// every file back as it was, or as others have made it since, without our entry. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cni/install/conflist.h"

namespace espalier::cni {

struct ConfFile {
  std::string name;  // without its folder
  std::string text;

  friend bool operator==(const ConfFile&, const ConfFile&) = default;
};

struct Change {
  std::string name;
  std::optional<std::string> text;  // nullopt: the file goes

  friend bool operator==(const Change&, const Change&) = default;
};

// Whether the file is of interest here.
[[nodiscard]] bool is_conf_file(std::string_view name);

// kNotFound: no network is there yet. Else `where` begins with the file's name.
[[nodiscard]] Result<std::vector<Change>> changes_to_install(std::vector<ConfFile> files,
                                                             const Json& entry);

[[nodiscard]] std::vector<Change> changes_to_uninstall(const std::vector<ConfFile>& files);

}  // namespace espalier::cni
