// Loop: the agent's one thread. File descriptors, a few deadlines, signals, and work that other
// threads hand over; the engine and every SA are touched from here only, so they need no lock.
//
// Guarantees: callbacks run one after the other on the thread that calls run(); a callback may add,
// change or remove anything, itself included, and a removed callback is not called again, not even
// for an event of the same batch; post(), stop() may be called from any thread, everything else
// from the loop's thread (or before run()).
// Assumptions: a callback reads a bounded amount per call (events are level-triggered, so the rest
// comes in the next round). Block signals (on_signals) before any other thread starts.
// Caveat: work posted after run() returned is kept until the next run(), or dropped with the loop.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "base/process/fd.h"
#include "base/result.h"
#include "base/time.h"

namespace espalier::runtime {

class Loop {
 public:
  using Callback = std::function<void()>;
  using FdCallback = std::function<void(std::uint32_t epoll_events)>;
  using SignalCallback = std::function<void(int signal)>;
  enum class DeadlineId : std::size_t {};

  // Fails (kIo) when the kernel has no more file descriptors.
  [[nodiscard]] static Result<std::unique_ptr<Loop>> create();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop();

  // `epoll_events` is EPOLLIN, EPOLLOUT or both; errors and hang-ups are always told. The caller
  // keeps owning the descriptor and removes it before closing it.
  [[nodiscard]] Status add(int fd, std::uint32_t epoll_events, FdCallback callback);
  [[nodiscard]] Status change(int fd, std::uint32_t epoll_events);
  void remove(int fd);

  // A deadline is made once and set often; kNever disarms it. It fires once per setting, never
  // before its time.
  [[nodiscard]] DeadlineId add_deadline(Callback callback);
  void set_deadline(DeadlineId id, TimePoint at);
  void remove_deadline(DeadlineId id);  // the id may be given out again

  // Runs `callback` after each round of events, before the loop waits again: the place to drain
  // the engine's outputs and to send what piled up, once per round.
  void set_settle(Callback callback) { settle_ = std::move(callback); }

  // Blocks the signals for the whole process and delivers them here.
  [[nodiscard]] Status on_signals(std::initializer_list<int> signals, SignalCallback callback);

  // Any thread: `work` runs on the loop's thread, in the order of posting.
  void post(Callback work);

  void run();   // until stop()
  void stop();  // any thread; the round that runs is finished first

 private:
  struct Watch {
    int fd = -1;
    FdCallback callback;
  };
  struct Deadline {
    TimePoint at = kNever;
    Callback callback;
  };

  Loop(process::Fd epoll, process::Fd timer, process::Fd wake)
      : epoll_(std::move(epoll)), timer_(std::move(timer)), wake_(std::move(wake)) {}
  void turn();
  void run_deadlines();
  void run_posted();
  void arm_timer();
  void read_signals(const SignalCallback& callback);

  process::Fd epoll_;
  process::Fd timer_;
  process::Fd wake_;
  process::Fd signals_;
  std::uint64_t next_token_ = 1;
  std::unordered_map<std::uint64_t, std::shared_ptr<Watch>> watches_;  // by epoll token
  std::unordered_map<int, std::uint64_t> tokens_;                      // by fd
  std::vector<std::shared_ptr<Deadline>> deadlines_;                   // null: free
  TimePoint armed_ = kNever;
  Callback settle_;

  std::mutex mutex_;
  std::vector<Callback> posted_;  // guarded by mutex_
  bool stopping_ = false;         // guarded by mutex_
};

}  // namespace espalier::runtime
