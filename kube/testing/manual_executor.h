// ManualExecutor: an executor whose clock stands still until the test moves it. Everything runs on
// the thread that calls run() or advance().
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "kube/executor.h"

namespace espalier::kube::testing {

class ManualExecutor : public Executor {
 public:
  [[nodiscard]] TimePoint now() const override {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  void post(Task task) override {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  TimerId at(TimePoint when, Task task) override {
    const std::lock_guard lock(mutex_);
    timers_.emplace(std::pair(when, ++last_timer_), std::move(task));
    due_.emplace(last_timer_, when);
    return last_timer_;
  }
  void cancel(TimerId timer) override {
    const std::lock_guard lock(mutex_);
    const auto at = due_.find(timer);
    if (at == due_.end()) return;
    timers_.erase({at->second, timer});
    due_.erase(at);
  }

  // Runs what is posted or due, and what that posts, until there is nothing.
  void run() {
    while (Task task = take()) task();
  }
  // Moves the clock from timer to timer, running each at its time.
  void advance(Duration by) {
    const TimePoint end = now() + by;
    run();
    for (TimePoint next = next_timer(); next <= end; next = next_timer()) {
      set_now(next);
      run();
    }
    set_now(end);
    run();
  }
  // Time goes on and nothing runs: a paused process.
  void skip(Duration by) { set_now(now() + by); }
  // kNever if there is none.
  [[nodiscard]] TimePoint next_timer() const {
    const std::lock_guard lock(mutex_);
    return timers_.empty() ? kNever : timers_.begin()->first.first;
  }

 private:
  void set_now(TimePoint now) {
    const std::lock_guard lock(mutex_);
    if (now > now_) now_ = now;
  }
  Task take() {
    const std::lock_guard lock(mutex_);
    Task task;
    if (!tasks_.empty()) {
      task = std::move(tasks_.front());
      tasks_.pop_front();
    } else if (!timers_.empty() && timers_.begin()->first.first <= now_) {
      task = std::move(timers_.begin()->second);
      due_.erase(timers_.begin()->first.second);
      timers_.erase(timers_.begin());
    }
    return task;
  }

  mutable std::mutex mutex_;
  TimePoint now_ = TimePoint(std::chrono::hours(1));
  TimerId last_timer_ = 0;
  std::deque<Task> tasks_;
  std::map<std::pair<TimePoint, TimerId>, Task> timers_;
  std::unordered_map<TimerId, TimePoint> due_;  // of those in timers_
};

}  // namespace espalier::kube::testing
