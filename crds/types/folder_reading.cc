#include "crds/types/folder_reading.h"

#include <algorithm>
#include <utility>

namespace espalier::crds {

ManifestSet FolderReading::all() const {
  ManifestSet set;
  for (const FileReading& file : files) set.add(file.objects);
  return set;
}

Problems FolderReading::all_problems() const {
  Problems all = problems;
  const auto append = [&all](const Problems& more) {
    all.insert(all.end(), more.begin(), more.end());
  };
  for (const FileReading& file : files) append(file.problems);
  append(check_together(this->all()));
  return all;
}

FolderReading keep_last_good(FolderReading now, const FolderReading& before) {
  if (!now.problems.empty()) {
    now.files = before.files;
    return now;
  }
  for (FileReading& file : now.files) {
    if (file.good()) continue;
    const auto last = std::find_if(before.files.begin(), before.files.end(),
                                   [&](const FileReading& old) { return old.path == file.path; });
    if (last != before.files.end()) file.objects = last->objects;
  }
  return now;
}

}  // namespace espalier::crds
