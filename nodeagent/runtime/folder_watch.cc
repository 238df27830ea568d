#include "nodeagent/runtime/folder_watch.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <sys/epoll.h>
#include <sys/inotify.h>

#include "base/process/clock.h"

namespace espalier::runtime {
namespace {

constexpr std::uint32_t kEvents = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
                                  IN_CREATE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

}  // namespace

Result<std::unique_ptr<FolderWatch>> FolderWatch::open(Loop& loop, std::string folder,
                                                       Options options,
                                                       std::function<void()> on_change) {
  process::Fd inotify(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!inotify.valid()) return fail(Code::kIo, "inotify_init1", std::strerror(errno));
  std::unique_ptr<FolderWatch> made(
      new FolderWatch(loop, std::move(folder), options, std::move(on_change), std::move(inotify)));
  auto watching = made->watch();
  if (!watching) return forward(watching);
  auto added = loop.add(made->inotify_.get(), EPOLLIN,
                        [watch = made.get()](std::uint32_t) { watch->on_readable(); });
  if (!added) return forward(added);
  return made;
}

FolderWatch::FolderWatch(Loop& loop, std::string folder, Options options,
                         std::function<void()> on_change, process::Fd inotify)
    : loop_(loop),
      folder_(std::move(folder)),
      options_(options),
      on_change_(std::move(on_change)),
      inotify_(std::move(inotify)),
      debounce_(options.quiet, options.longest),
      due_(loop.add_deadline([this] { on_due(); })),
      look_again_(loop.add_deadline([this] { on_look_again(); })) {}

FolderWatch::~FolderWatch() {
  loop_.remove_deadline(due_);
  loop_.remove_deadline(look_again_);
  loop_.remove(inotify_.get());
}

Status FolderWatch::watch() {
  watch_ = inotify_add_watch(inotify_.get(), folder_.c_str(), kEvents);
  if (watch_ >= 0) return {};
  const Code code = errno == ENOENT || errno == ENOTDIR ? Code::kNotFound : Code::kIo;
  return fail(code, folder_, std::strerror(errno));
}

void FolderWatch::on_readable() {
  alignas(inotify_event) std::array<char, 16 * 1024> buffer{};
  const ssize_t length = read(inotify_.get(), buffer.data(), buffer.size());
  bool relevant = false;
  bool gone = false;
  for (std::size_t at = 0; length > 0 && at < static_cast<std::size_t>(length);) {
    inotify_event event{};
    std::memcpy(&event, buffer.data() + at, sizeof event);
    const char* name = buffer.data() + at + sizeof event;
    at += sizeof event + event.len;
    if ((event.mask & IN_Q_OVERFLOW) != 0) {
      relevant = true;
      continue;
    }
    if (event.wd != watch_) continue;  // of a folder that was replaced
    if ((event.mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT)) != 0) {
      gone = true;
    } else if (event.len == 0 || counts(name)) {
      relevant = true;
    }
  }
  if (gone) lost();
  if (relevant) changed();
}

void FolderWatch::changed() {
  debounce_.on_event(process::monotonic_now());
  loop_.set_deadline(due_, debounce_.due());
}

void FolderWatch::lost() {
  if (watch_ >= 0) inotify_rm_watch(inotify_.get(), watch_);  // a folder that only moved away
  watch_ = -1;
  on_look_again();
}

void FolderWatch::on_look_again() {
  if (watch()) {
    changed();
  } else {
    loop_.set_deadline(look_again_, process::monotonic_now() + options_.look_again);
  }
}

void FolderWatch::on_due() {
  debounce_.on_action();
  on_change_();
}

}  // namespace espalier::runtime
