#include "cni/linux/installer.h"

#include <cerrno>
#include <cstring>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/process/fd.h"
#include "base/process/replace_file.h"
#include "cni/install/changes.h"

namespace espalier::cni {
namespace {

constexpr const char* kProgram = "espalier-cni";
constexpr const char* kSelf = "/proc/self/exe";
// A network's configuration may hold credentials.
constexpr mode_t kConfMode = 0600;

tl::unexpected<Error> refused(const std::string& path) {
  return fail(Code::kIo, path, std::strerror(errno));
}

Result<std::string> read_file(const std::string& path) {
  const process::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat found {};
  if (!file.valid() || ::fstat(file.get(), &found) != 0) return refused(path);
  std::string octets(static_cast<std::size_t>(found.st_size), '\0');
  std::size_t have = 0;
  while (have < octets.size()) {
    const ssize_t got = ::read(file.get(), octets.data() + have, octets.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refused(path);
    if (got == 0) break;  // it was cut meanwhile
    have += static_cast<std::size_t>(got);
  }
  octets.resize(have);
  return octets;
}

mode_t mode_of(const std::string& path, mode_t otherwise) {
  struct stat found {};
  return ::stat(path.c_str(), &found) == 0 ? found.st_mode & 07777 : otherwise;
}

Result<std::vector<ConfFile>> read_networks(const std::string& folder) {
  std::vector<ConfFile> files;
  DIR* const opened = ::opendir(folder.c_str());
  if (opened == nullptr) {
    if (errno == ENOENT) return files;
    return refused(folder);
  }
  std::vector<std::string> names;
  while (const dirent* each = ::readdir(opened)) {
    if (is_conf_file(each->d_name)) names.emplace_back(each->d_name);
  }
  ::closedir(opened);
  for (std::string& name : names) {
    struct stat found {};
    const std::string path = folder + "/" + name;
    if (::stat(path.c_str(), &found) != 0 || !S_ISREG(found.st_mode)) continue;
    auto text = read_file(path);
    if (!text) return forward(text);
    files.push_back({std::move(name), std::move(*text)});
  }
  return files;
}

Status make(const std::string& folder, const std::vector<Change>& changes, Done& done) {
  for (const Change& change : changes) {
    const std::string path = folder + "/" + change.name;
    if (change.text) {
      const mode_t mode = mode_of(path, kConfMode);
      if (auto written = process::replace_file(folder, change.name, *change.text, mode); !written)
        return written;
      done.push_back(path + " is written");
    } else {
      if (::unlink(path.c_str()) != 0 && errno != ENOENT) return refused(path);
      done.push_back(path + " is removed");
    }
  }
  return {};
}

bool is_program(const std::string& path, const std::string& octets) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0 || !S_ISREG(found.st_mode)) return false;
  if (static_cast<std::size_t>(found.st_size) != octets.size() || (found.st_mode & 0111) == 0)
    return false;
  const auto standing = read_file(path);
  return standing && *standing == octets;
}

struct Needed {
  std::string program;  // octets; empty: it is there
  std::vector<Change> changes;
};

Result<Needed> needed(const InstallFolders& folders, const Json& entry) {
  Needed what;
  auto self = read_file(kSelf);
  if (!self) return forward(self);
  if (!is_program(folders.programs + "/" + kProgram, *self)) what.program = std::move(*self);
  auto files = read_networks(folders.networks);
  if (!files) return forward(files);
  auto changes = changes_to_install(std::move(*files), entry);
  if (changes) {
    what.changes = std::move(*changes);
    return what;
  }
  // The program can be there before the network is.
  if (changes.error().code == Code::kNotFound && !what.program.empty()) return what;
  changes.error().where = folders.networks + "/" + changes.error().where;
  return forward(changes);
}

}  // namespace

Result<Done> install(const InstallFolders& folders, const Json& entry) {
  Done done;
  auto what = needed(folders, entry);
  if (what && !what->program.empty()) {
    const std::string path = folders.programs + "/" + kProgram;
    if (auto copied = process::replace_file(folders.programs, kProgram, what->program, 0755);
        !copied)
      return forward(copied);
    done.push_back(path + " is written");
    what = needed(folders, entry);
    // Told now, the rest with the next call.
    if (!what) return done;
  }
  if (!what) return forward(what);
  if (auto made = make(folders.networks, what->changes, done); !made) return forward(made);
  return done;
}

Result<Done> uninstall(const InstallFolders& folders) {
  Done done;
  const auto files = read_networks(folders.networks);
  if (!files) return tl::unexpected<Error>(files.error());
  if (auto made = make(folders.networks, changes_to_uninstall(*files), done); !made)
    return forward(made);
  const std::string path = folders.programs + "/" + kProgram;
  if (::unlink(path.c_str()) == 0) {
    done.push_back(path + " is removed");
  } else if (errno != ENOENT) {
    return refused(path);
  }
  return done;
}

Status check_installed(const InstallFolders& folders, const Json& entry) {
  const auto what = needed(folders, entry);
  if (!what) return tl::unexpected<Error>(what.error());
  if (!what->program.empty())
    return fail(Code::kUnavailable, folders.programs + "/" + kProgram, "is not ours");
  if (what->changes.empty()) return {};
  return fail(Code::kUnavailable, folders.networks + "/" + what->changes.back().name,
              "pods are not held");
}

}  // namespace espalier::cni
