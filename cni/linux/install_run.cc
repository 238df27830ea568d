#include "cni/linux/install_run.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include <poll.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/process/clock.h"
#include "base/process/fd.h"
#include "cni/install/conflist.h"
#include "rpc/pods/pod_message.h"

namespace espalier::cni {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLookAnyway{60'000};
constexpr milliseconds kTryAgain{5'000};
// A burst of changes is over after that long without one.
constexpr milliseconds kQuiet{100};
constexpr int kLongestBurst = 20;  // times kQuiet
constexpr std::uint32_t kEvents = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
                                  IN_CREATE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

class Log {
 public:
  explicit Log(bool json) : json_(json) {}

  void info(const char* event, const std::string& detail) { say("info", event, detail); }
  // The same again and again is said once.
  void once(const char* level, const char* event, const std::string& detail) {
    if (detail != last_) say(level, event, detail);
    last_ = detail;
  }
  void all_is_well() { last_.clear(); }

 private:
  void say(const char* level, const char* event, const std::string& detail) {
    const std::string time = process::wall_time_text();
    const Json line{{"time", time}, {"level", level}, {"event", event}, {"detail", detail}};
    const std::string text = json_
                                 ? line.dump(-1, ' ', false, Json::error_handler_t::replace)
                                 : time + " " + level + " " + event + " detail=\"" + detail + "\"";
    std::fprintf(stderr, "%s\n", text.c_str());
  }

  const bool json_;
  std::string last_;
};

class Waiting {
 public:
  Status open() {
    sigset_t set{};
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0)
      return fail(Code::kIo, "sigprocmask", std::strerror(errno));
    signals_ = process::Fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals_.valid()) return fail(Code::kIo, "signalfd", std::strerror(errno));
    inotify_ = process::Fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!inotify_.valid()) return fail(Code::kIo, "inotify_init1", std::strerror(errno));
    return {};
  }

  // To be called before the folders are read, so that no change is missed. A folder that is not
  // there is watched once it is; one that was replaced, from then on.
  void watch(const std::vector<std::string>& folders) {
    for (const std::string& folder : folders)
      (void)::inotify_add_watch(inotify_.get(), folder.c_str(), kEvents);
  }

  // False: to end. True: something may have changed, or the time is over.
  bool wait(milliseconds time) {
    // Nor does a folder that never rests keep this from going on.
    for (int bursts = 0; bursts < kLongestBurst;) {
      std::array<pollfd, 2> fds{{{signals_.get(), POLLIN, 0}, {inotify_.get(), POLLIN, 0}}};
      const int ready = ::poll(fds.data(), fds.size(), static_cast<int>(time.count()));
      if (ready < 0 && errno == EINTR) continue;
      if (fds[0].revents != 0) return false;
      if (ready <= 0) return true;
      std::array<char, 16 * 1024> events{};
      while (::read(inotify_.get(), events.data(), events.size()) > 0) {
      }
      time = kQuiet;
      ++bursts;
    }
    return true;
  }

 private:
  process::Fd signals_;
  process::Fd inotify_;
};

int once(const Result<Done>& done, Log& log, const char* event) {
  if (!done) {
    log.once("error", "NotDone", done.error().to_string());
    return 1;
  }
  for (const std::string& each : *done) log.info(event, each);
  return 0;
}

Json wanted_entry(const InstallOptions& options) {
  return entry_of(options.socket, options.timeout, options.exempt_namespaces);
}

}  // namespace

int run_install(const InstallOptions& options) {
  Log log(options.json_log);
  Waiting waiting;
  if (auto opened = waiting.open(); !opened) {
    log.once("error", "NotDone", opened.error().to_string());
    return 1;
  }
  const Json entry = wanted_entry(options);
  const std::string mark = pods::leaving_mark(options.socket);
  while (true) {
    waiting.watch(
        {options.folders.programs, options.folders.networks, mark.substr(0, mark.rfind('/') + 1)});
    const bool leaving = ::access(mark.c_str(), F_OK) == 0;
    const auto done = leaving ? uninstall(options.folders) : install(options.folders, entry);
    if (done) {
      log.all_is_well();
      for (const std::string& each : *done) log.info(leaving ? "Uninstalled" : "Installed", each);
    } else if (done.error().code == Code::kNotFound) {
      log.once("info", "WaitsForNetwork", done.error().to_string());
    } else {
      log.once("error", "NotDone", done.error().to_string());
    }
    if (waiting.wait(done ? kLookAnyway : kTryAgain)) continue;
    if (::access(mark.c_str(), F_OK) != 0) return 0;
    return once(uninstall(options.folders), log, "Uninstalled");
  }
}

int run_check(const InstallOptions& options) {
  const auto installed = check_installed(options.folders, wanted_entry(options));
  if (installed) return 0;
  std::fprintf(stderr, "%s\n", installed.error().to_string().c_str());
  return 1;
}

int run_uninstall(const InstallOptions& options) {
  Log log(options.json_log);
  return once(uninstall(options.folders), log, "Uninstalled");
}

}  // namespace espalier::cni
