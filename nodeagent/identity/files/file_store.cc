#include "nodeagent/identity/files/file_store.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace espalier::identity {

namespace {

constexpr std::size_t kMaxFile = 65536;

class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  [[nodiscard]] int get() const { return descriptor_; }

 private:
  int descriptor_;
};

tl::unexpected<Error> io_failure(const std::string& path, const char* what) {
  return fail(Code::kIo, path, fmt::format("{}: {}", what, std::strerror(errno)));
}

Status write_all(const File& file, ByteView bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return io_failure(path, "write");
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

Status sync_folder(const std::string& folder) {
  const File file(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (file.get() < 0 || (::fsync(file.get()) != 0 && errno != EINVAL)) {
    return io_failure(folder, "fsync");
  }
  return {};
}

}  // namespace

Result<FileStore> FileStore::open(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return fail(Code::kIo, folder, "cannot be made: " + error.message());
  if (::chmod(folder.c_str(), 0700) != 0) return io_failure(folder, "chmod");
  return FileStore(folder);
}

std::string FileStore::path_of(Slot slot) const {
  return folder_ + (slot == Slot::kCurrent ? "/identity.pem" : "/identity-next.pem");
}

Result<std::optional<SecretBytes>> FileStore::load(Slot slot) {
  const std::string path = path_of(slot);
  const File file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (file.get() < 0 && errno == ENOENT) return std::optional<SecretBytes>();
  if (file.get() < 0) return io_failure(path, "open");
  struct stat state {};
  if (::fstat(file.get(), &state) != 0) return io_failure(path, "stat");
  if (!S_ISREG(state.st_mode)) return fail(Code::kDenied, path, "is no plain file");
  if ((state.st_mode & 077) != 0) {
    return fail(Code::kDenied, path,
                "holds a key and may be read by others; chmod 600, or remove it");
  }
  if (state.st_size < 0 || static_cast<std::size_t>(state.st_size) > kMaxFile) {
    return fail(Code::kInvalid, path, fmt::format("is longer than {} octets", kMaxFile));
  }
  SecretBytes text(static_cast<std::size_t>(state.st_size));
  std::size_t length = 0;
  while (length < text.size()) {
    const ssize_t got = ::read(file.get(), text.writable().data() + length, text.size() - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_failure(path, "read");
    if (got == 0) break;
    length += static_cast<std::size_t>(got);
  }
  return std::optional<SecretBytes>(text.slice(0, length));
}

Status FileStore::save(Slot slot, const SecretBytes& pem) {
  const std::string path = path_of(slot);
  const std::string fresh = path + ".new";
  if (::unlink(fresh.c_str()) != 0 && errno != ENOENT) return io_failure(fresh, "unlink");
  {
    const File file(
        ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (file.get() < 0) return io_failure(fresh, "open");
    if (auto written = write_all(file, pem.view(), fresh); !written) return written;
    if (::fsync(file.get()) != 0) return io_failure(fresh, "fsync");
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return io_failure(path, "rename");
  return sync_folder(folder_);
}

Status FileStore::remove(Slot slot) {
  const std::string path = path_of(slot);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return io_failure(path, "unlink");
  return sync_folder(folder_);
}

}  // namespace espalier::identity
