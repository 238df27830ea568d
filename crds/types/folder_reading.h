// FolderReading: what a folder of manifests holds, file by file, so that one bad file costs nothing
// but its own changes.
#pragma once

#include <string>
#include <vector>

#include "crds/types/manifest_set.h"
#include "crds/types/problem.h"

namespace espalier::crds {

struct FileReading {
  std::string path;
  ManifestSet objects;  // of the documents that are right
  Problems problems;    // empty: the file is good

  [[nodiscard]] bool good() const { return problems.empty(); }
};

struct FolderReading {
  std::vector<FileReading> files;  // by path
  Problems problems;               // of the folder itself (it cannot be read), no file's

  // The objects of all files.
  [[nodiscard]] ManifestSet all() const;
  // Everything wrong: the folder, each file, and how the objects stand together.
  [[nodiscard]] Problems all_problems() const;
};

// `now`, with the content that `before` had in place of what is bad now: a bad file keeps its last
// good objects (its problems stay), an unreadable folder keeps all of them. So does a file whose
// objects clash with another file's; where there is nothing to go back to, the later of the two
// objects is left out. A file that is gone is gone. The result's objects do not clash.
[[nodiscard]] FolderReading keep_last_good(FolderReading now, const FolderReading& before);

}  // namespace espalier::crds
