#include "nodeagent/runtime/state_file.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <sys/stat.h>

#include "base/process/replace_file.h"

namespace espalier::runtime {
namespace {

tl::unexpected<Error> io_failure(const std::string& path, const char* what) {
  return fail(Code::kIo, path, std::string(what) + ": " + std::strerror(errno));
}

}  // namespace

Result<StateFile> StateFile::open(const std::string& folder, const std::string& name) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return fail(Code::kIo, folder, "cannot be made: " + error.message());
  if (::chmod(folder.c_str(), 0700) != 0) return io_failure(folder, "chmod");
  return StateFile(folder, name);
}

Result<std::string> StateFile::load() const {
  const std::string path = folder_ + "/" + name_;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    if (errno == ENOENT) return std::string();
    return io_failure(path, "cannot be read");
  }
  return std::string((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
}

Status StateFile::save(std::string_view text) {
  return process::replace_file(folder_, name_, text, 0600);
}

}  // namespace espalier::runtime
