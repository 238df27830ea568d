#include "crds/yamlcpp/manifest_folder.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <utility>

#include <fmt/format.h>

#include "crds/yamlcpp/yaml_documents.h"

namespace espalier::crds {

namespace fs = std::filesystem;

namespace {

Problem problem(std::string path, std::string detail) {
  return {ProblemKind::kInvalid, {std::move(path), {}}, {}, {}, std::move(detail)};
}

bool is_manifest(const fs::path& path) {
  const std::string extension = path.extension().string();
  return path.filename().string().front() != '.' &&
         (extension == ".yaml" || extension == ".yml" || extension == ".json");
}

FileReading read_file(const fs::path& path) {
  const auto bad = [&](std::string detail) {
    FileReading reading;
    reading.path = path.string();
    reading.problems.push_back(problem(path.string(), std::move(detail)));
    return reading;
  };
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return bad("is no file");
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return bad("cannot be opened");
  std::string text(kMaxFileSize + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  const auto size = static_cast<std::size_t>(stream.gcount());
  FileReading reading =
      stream.bad() ? bad("cannot be read")
      : size > kMaxFileSize
          ? bad(fmt::format("has more than {} bytes, which is not allowed", kMaxFileSize))
          : read_manifests(std::string_view(text).substr(0, size), path.string());
  explicit_bzero(text.data(), text.size());
  return reading;
}

}  // namespace

FileReading read_manifests(std::string_view text, std::string path) {
  FileReading reading;
  Problems refused;
  reading.problems = read_documents(text, path, [&](Document document) {
    Decoded decoded = decode(std::move(document));
    if (decoded.object) reading.objects.add(std::move(*decoded.object));
    refused.insert(refused.end(), decoded.problems.begin(), decoded.problems.end());
  });
  reading.problems.insert(reading.problems.end(), refused.begin(), refused.end());
  reading.path = std::move(path);
  sort_by_place(reading.problems);
  return reading;
}

FolderReading read_folder(const std::string& folder) {
  FolderReading reading;
  std::vector<fs::path> paths;
  try {
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (is_manifest(entry.path())) paths.push_back(entry.path());
    }
  } catch (const std::exception& error) {
    reading.problems.push_back(
        problem(folder, fmt::format("the folder cannot be read: {}", error.what())));
    return reading;
  }
  if (paths.size() > kMaxFiles) {
    reading.problems.push_back(problem(
        folder, fmt::format("has {} manifests; allowed: {} files", paths.size(), kMaxFiles)));
    return reading;
  }
  std::sort(paths.begin(), paths.end());
  for (const fs::path& path : paths) reading.files.push_back(read_file(path));
  return reading;
}

}  // namespace espalier::crds
