// Reads a folder of manifests.
#pragma once

#include <cstddef>
#include <string>

#include "crds/types/folder_reading.h"

namespace espalier::crds {

inline constexpr std::size_t kMaxFiles = 1000;

// Every *.yaml, *.yml and *.json directly in `folder`, by name; hidden files are left out, symbolic
// links followed (a mounted ConfigMap is made of them). Reads files, so call it where that is no
// harm; never throws. File contents are wiped from memory afterwards.
[[nodiscard]] FolderReading read_folder(const std::string& folder);

// One file's text, as if it had been read from `path`.
[[nodiscard]] FileReading read_manifests(std::string_view text, std::string path);

}  // namespace espalier::crds
