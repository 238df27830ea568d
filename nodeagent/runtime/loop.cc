#include "nodeagent/runtime/loop.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include "base/process/clock.h"

namespace espalier::runtime {
namespace {

// Tokens below this name the loop's own descriptors.
constexpr std::uint64_t kTimerToken = 1;
constexpr std::uint64_t kWakeToken = 2;
constexpr std::uint64_t kFirstToken = 16;

std::string errno_text(int error) {
  return std::strerror(error);
}

Status control(int epoll, int operation, int fd, std::uint32_t events, std::uint64_t token) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = token;
  if (epoll_ctl(epoll, operation, fd, &event) != 0) {
    return fail(Code::kIo, "epoll_ctl", errno_text(errno));
  }
  return {};
}

// Both descriptors count; one read empties them.
void drain(int fd) {
  std::uint64_t count = 0;
  while (read(fd, &count, sizeof count) < 0 && errno == EINTR) {
  }
}

}  // namespace

Result<std::unique_ptr<Loop>> Loop::create() {
  process::Fd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return fail(Code::kIo, "epoll_create1", errno_text(errno));
  process::Fd timer(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!timer.valid()) return fail(Code::kIo, "timerfd_create", errno_text(errno));
  process::Fd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.valid()) return fail(Code::kIo, "eventfd", errno_text(errno));
  auto added = control(epoll.get(), EPOLL_CTL_ADD, timer.get(), EPOLLIN, kTimerToken);
  if (!added) return forward(added);
  added = control(epoll.get(), EPOLL_CTL_ADD, wake.get(), EPOLLIN, kWakeToken);
  if (!added) return forward(added);
  std::unique_ptr<Loop> loop(new Loop(std::move(epoll), std::move(timer), std::move(wake)));
  loop->next_token_ = kFirstToken;
  return loop;
}

Loop::~Loop() = default;

Status Loop::add(int fd, std::uint32_t epoll_events, FdCallback callback) {
  if (tokens_.contains(fd)) return fail(Code::kExists, "Loop.add", "the descriptor is watched");
  const std::uint64_t token = next_token_++;
  auto added = control(epoll_.get(), EPOLL_CTL_ADD, fd, epoll_events, token);
  if (!added) return added;
  watches_.emplace(token, std::make_shared<Watch>(Watch{fd, std::move(callback)}));
  tokens_.emplace(fd, token);
  return {};
}

Status Loop::change(int fd, std::uint32_t epoll_events) {
  const auto token = tokens_.find(fd);
  if (token == tokens_.end()) {
    return fail(Code::kNotFound, "Loop.change", "the descriptor is not watched");
  }
  return control(epoll_.get(), EPOLL_CTL_MOD, fd, epoll_events, token->second);
}

void Loop::remove(int fd) {
  const auto token = tokens_.find(fd);
  if (token == tokens_.end()) return;
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  watches_.erase(token->second);
  tokens_.erase(token);
}

Loop::DeadlineId Loop::add_deadline(Callback callback) {
  auto made = std::make_shared<Deadline>(Deadline{kNever, std::move(callback)});
  const auto free = std::find(deadlines_.begin(), deadlines_.end(), nullptr);
  const auto at = free == deadlines_.end() ? deadlines_.insert(free, nullptr) : free;
  *at = std::move(made);
  return DeadlineId{static_cast<std::size_t>(at - deadlines_.begin())};
}

void Loop::set_deadline(DeadlineId id, TimePoint at) {
  deadlines_[static_cast<std::size_t>(id)]->at = at;
}

void Loop::remove_deadline(DeadlineId id) {
  auto& deadline = deadlines_[static_cast<std::size_t>(id)];
  deadline->at = kNever;  // also for the round that is running
  deadline.reset();
}

Status Loop::on_signals(std::initializer_list<int> signals, SignalCallback callback) {
  if (signals_.valid()) return fail(Code::kExists, "Loop.on_signals", "signals are handled");
  sigset_t set{};
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  const int blocked = pthread_sigmask(SIG_BLOCK, &set, nullptr);
  if (blocked != 0) return fail(Code::kIo, "pthread_sigmask", errno_text(blocked));
  signals_ = process::Fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_.valid()) return fail(Code::kIo, "signalfd", errno_text(errno));
  return add(signals_.get(), EPOLLIN,
             [this, callback = std::move(callback)](std::uint32_t) { read_signals(callback); });
}

void Loop::read_signals(const SignalCallback& callback) {
  signalfd_siginfo info{};
  while (read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    callback(static_cast<int>(info.ssi_signo));
  }
}

void Loop::post(Callback work) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = posted_.empty();
    posted_.push_back(std::move(work));
  }
  // One wake-up per batch: whoever fills the empty queue rings.
  if (first) {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t rung = write(wake_.get(), &one, sizeof one);
  }
}

void Loop::stop() {
  post([this] {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  });
}

void Loop::run_posted() {
  drain(wake_.get());
  std::vector<Callback> batch;
  {
    const std::lock_guard lock(mutex_);
    batch.swap(posted_);
  }
  for (const Callback& work : batch) work();
}

void Loop::run_deadlines() {
  drain(timer_.get());
  armed_ = kNever;
  const TimePoint now = process::monotonic_now();
  std::vector<std::shared_ptr<Deadline>> due;  // a copy: a callback may add or remove some
  for (const auto& deadline : deadlines_) {
    if (deadline && deadline->at <= now) due.push_back(deadline);
  }
  std::stable_sort(due.begin(), due.end(),
                   [](const auto& a, const auto& b) { return a->at < b->at; });
  for (const auto& deadline : due) {
    if (deadline->at > now) continue;  // moved or removed by an earlier one
    deadline->at = kNever;
    deadline->callback();
  }
}

// Lazy: a deadline that moved later leaves the timer as it is; it fires once for nothing and is set
// again then. Most deadlines move later with each message, so this saves most of the system calls.
void Loop::arm_timer() {
  TimePoint earliest = kNever;
  for (const auto& deadline : deadlines_) {
    if (deadline) earliest = std::min(earliest, deadline->at);
  }
  if (earliest == kNever || earliest >= armed_) return;
  // A zero timerfd value would disarm it: what lies in the past is due at the clock's first tick.
  const Duration since_boot = std::max(earliest.time_since_epoch(), Duration(1));
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_boot);
  itimerspec spec{};
  spec.it_value.tv_sec = seconds.count();
  spec.it_value.tv_nsec = (since_boot - seconds).count();
  if (timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &spec, nullptr) == 0) armed_ = earliest;
}

void Loop::turn() {
  std::array<epoll_event, 64> events{};
  const int count =
      epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), /*timeout=*/-1);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (event.data.u64 == kTimerToken) {
      run_deadlines();
    } else if (event.data.u64 == kWakeToken) {
      run_posted();
    } else if (const auto found = watches_.find(event.data.u64); found != watches_.end()) {
      const std::shared_ptr<Watch> watch = found->second;  // outlives its own removal
      watch->callback(event.events);
    }
  }
}

void Loop::run() {
  while (true) {
    if (settle_) settle_();
    arm_timer();
    turn();
    const std::lock_guard lock(mutex_);
    if (std::exchange(stopping_, false)) break;
  }
  if (settle_) settle_();
}

}  // namespace espalier::runtime
