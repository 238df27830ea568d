#include "nodeagent/runtime/state_file.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/process/fd.h"

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
  const std::string path = folder_ + "/" + name_;
  const std::string fresh = path + ".new";
  {
    const process::Fd file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (file.get() < 0) return io_failure(fresh, "open");
    for (std::string_view rest = text; !rest.empty();) {
      const ssize_t written = ::write(file.get(), rest.data(), rest.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return io_failure(fresh, "write");
      rest.remove_prefix(static_cast<std::size_t>(written));
    }
    if (::fsync(file.get()) != 0) return io_failure(fresh, "fsync");
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return io_failure(path, "rename");
  const process::Fd folder(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() >= 0 && ::fsync(folder.get()) != 0 && errno != EINVAL)
    return io_failure(folder_, "fsync");
  return {};
}

}  // namespace espalier::runtime
