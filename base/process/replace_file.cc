#include "base/process/replace_file.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/process/fd.h"

namespace espalier::process {
namespace {

tl::unexpected<Error> io_failure(const std::string& path, const char* what) {
  return fail(Code::kIo, path, std::string(what) + ": " + std::strerror(errno));
}

Status write_new(const std::string& path, std::string_view octets, mode_t mode) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.valid()) return io_failure(path, "open");
  if (::fchmod(file.get(), mode) != 0) return io_failure(path, "chmod");
  while (!octets.empty()) {
    const ssize_t written = ::write(file.get(), octets.data(), octets.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return io_failure(path, "write");
    octets.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fsync(file.get()) != 0) return io_failure(path, "fsync");
  return {};
}

}  // namespace

Status replace_file(const std::string& folder, const std::string& name, std::string_view octets,
                    mode_t mode) {
  const std::string path = folder + "/" + name;
  const std::string fresh = folder + "/." + name + ".new";
  auto done = write_new(fresh, octets, mode);
  if (done && ::rename(fresh.c_str(), path.c_str()) != 0) done = io_failure(path, "rename");
  if (!done) {
    (void)::unlink(fresh.c_str());
    return done;
  }
  const Fd its_folder(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (its_folder.valid() && ::fsync(its_folder.get()) != 0 && errno != EINVAL)
    return io_failure(folder, "fsync");
  return {};
}

}  // namespace espalier::process
