#include "crds/types/folder_reading.h"

#include <algorithm>
#include <set>
#include <utility>

namespace espalier::crds {

namespace {

const FileReading* find(const FolderReading& reading, const std::string& path) {
  const auto file =
      std::find_if(reading.files.begin(), reading.files.end(),
                   [&](const FileReading& candidate) { return candidate.path == path; });
  return file != reading.files.end() ? &*file : nullptr;
}

void remove_written_at(const Origin& origin, ManifestSet& set) {
  const auto there = [&](const auto& object) { return object->meta.origin == origin; };
  std::erase_if(set.policies, there);
  std::erase_if(set.tunnels, there);
  std::erase_if(set.endpoints, there);
  std::erase_if(set.pod_slices, there);
  std::erase_if(set.secrets, there);
}

}  // namespace

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
  std::set<std::string> reverted;
  for (FileReading& file : now.files) {
    if (file.good()) continue;
    if (const FileReading* last = find(before, file.path)) file.objects = last->objects;
    reverted.insert(file.path);
  }
  // Each round takes one file back or one object out, so it ends.
  while (true) {
    const Problems clashes = check_together(now.all());
    if (clashes.empty()) return now;
    const Problem& clash = clashes.front();
    const auto file = std::find_if(now.files.begin(), now.files.end(), [&](const FileReading& f) {
      return f.path == clash.origin.file;
    });
    if (file == now.files.end()) return now;
    if (file->problems.size() < kMaxProblems) file->problems.push_back(clash);
    const FileReading* last = find(before, file->path);
    if (last && reverted.insert(file->path).second) {
      file->objects = last->objects;
    } else {
      remove_written_at(clash.origin, file->objects);
    }
  }
}

}  // namespace espalier::crds
