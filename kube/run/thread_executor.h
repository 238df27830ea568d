// ThreadExecutor: an Executor on a thread of its own.
//
// Guarantees: stop() returns when the task that runs, if any, has ended; afterwards no task runs,
// and what waited is destroyed. It may be stopped twice, and is by its destructor. Caveat: stop()
// must not be called on its own thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>

#include "kube/executor.h"

namespace espalier::kube {

class ThreadExecutor : public Executor {
 public:
  // `name` shows in the process list; at most 15 characters.
  explicit ThreadExecutor(const std::string& name);
  ~ThreadExecutor() override;

  [[nodiscard]] TimePoint now() const override;
  void post(Task task) override;
  TimerId at(TimePoint when, Task task) override;
  void cancel(TimerId timer) override;

  // Runs it on the thread and waits for it. Not on the thread itself. False: it was stopped before.
  bool run(const Task& task);
  void stop();

 private:
  void work();
  [[nodiscard]] Task take(std::unique_lock<std::mutex>& lock);

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopped_ = false;
  std::deque<Task> tasks_;
  std::map<std::pair<TimePoint, TimerId>, Task> timers_;
  std::unordered_map<TimerId, TimePoint> when_;
  TimerId last_timer_ = 0;
  std::thread thread_;
};

}  // namespace espalier::kube
