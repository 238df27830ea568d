#include "nodeagent/rpc/socket_path.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace espalier::rpc {
namespace {

Status check_folder(const std::string& folder) {
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail(Code::kIo, folder, std::string("cannot be made: ") + std::strerror(errno));
  }
  struct stat info {};
  if (stat(folder.c_str(), &info) != 0) return fail(Code::kIo, folder, std::strerror(errno));
  if (!S_ISDIR(info.st_mode)) return fail(Code::kIo, folder, "is no folder");
  const bool others_write = (info.st_mode & (S_IWGRP | S_IWOTH)) != 0;
  const bool sticky = (info.st_mode & S_ISVTX) != 0;
  if (others_write && !sticky) {
    return fail(Code::kDenied, folder, "others may write to it: chmod go-w, or choose another");
  }
  if (info.st_uid != geteuid() && info.st_uid != 0) {
    return fail(Code::kDenied, folder, "belongs to another user");
  }
  return {};
}

// False for a path that no socket can have.
bool fill(sockaddr_un& address, const std::string& path) {
  address.sun_family = AF_UNIX;
  if (path.empty() || path.front() != '/' || path.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, path.data(), path.size());
  return true;
}

}  // namespace

bool somebody_answers(const std::string& path) {
  sockaddr_un address{};
  if (!fill(address, path)) return false;
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return false;
  const int connected = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const bool answers = connected == 0 || errno == EAGAIN;
  ::close(fd);
  return answers;
}

Status prepare_socket_path(const std::string& path) {
  sockaddr_un address{};
  if (!fill(address, path)) {
    return fail(Code::kInvalid, "socket '" + path + "'",
                "must be an absolute path of at most " +
                    std::to_string(sizeof address.sun_path - 1) + " octets");
  }
  const std::string folder = path.substr(0, std::max<std::size_t>(path.rfind('/'), 1));
  if (auto checked = check_folder(folder); !checked) return checked;
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) return {};
  if (!S_ISSOCK(info.st_mode)) return fail(Code::kExists, path, "is there and is no socket");
  if (somebody_answers(path)) return fail(Code::kExists, path, "another agent answers there");
  return {};
}

}  // namespace espalier::rpc
