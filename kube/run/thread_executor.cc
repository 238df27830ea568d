#include "kube/run/thread_executor.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <utility>

#include <pthread.h>

#include "base/process/clock.h"

namespace espalier::kube {
namespace {

// The clock that is waited on stands while the machine sleeps: so look again now and then.
constexpr Duration kLongestWait = std::chrono::seconds(30);

}  // namespace

ThreadExecutor::ThreadExecutor(const std::string& name) : thread_([this] { work(); }) {
  ::pthread_setname_np(thread_.native_handle(), name.substr(0, 15).c_str());
}

ThreadExecutor::~ThreadExecutor() {
  stop();
}

TimePoint ThreadExecutor::now() const {
  return process::monotonic_now();
}

void ThreadExecutor::post(Task task) {
  const std::lock_guard lock(mutex_);
  if (stopped_) return;
  tasks_.push_back(std::move(task));
  changed_.notify_one();
}

Executor::TimerId ThreadExecutor::at(TimePoint when, Task task) {
  const std::lock_guard lock(mutex_);
  if (stopped_) return 0;
  const TimerId timer = ++last_timer_;
  timers_.emplace(std::pair(when, timer), std::move(task));
  when_.emplace(timer, when);
  changed_.notify_one();
  return timer;
}

void ThreadExecutor::cancel(TimerId timer) {
  Task dropped;  // destroyed without the lock
  const std::lock_guard lock(mutex_);
  const auto at = when_.find(timer);
  if (at == when_.end()) return;
  const auto entry = timers_.find({at->second, timer});
  dropped = std::move(entry->second);
  timers_.erase(entry);
  when_.erase(at);
}

bool ThreadExecutor::run(const Task& task) {
  auto done = std::make_shared<std::promise<void>>();
  auto finished = done->get_future();
  post([&task, done] {
    task();
    done->set_value();
  });
  done.reset();  // a stopped executor drops the task, and with it the promise
  try {
    finished.get();
    return true;
  } catch (const std::future_error&) {
    return false;
  }
}

void ThreadExecutor::stop() {
  decltype(tasks_) tasks;
  decltype(timers_) timers;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    tasks.swap(tasks_);
    timers.swap(timers_);
    when_.clear();
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

Executor::Task ThreadExecutor::take(std::unique_lock<std::mutex>& lock) {
  while (!stopped_) {
    Task task;
    const TimePoint now = process::monotonic_now();
    if (!timers_.empty() && timers_.begin()->first.first <= now) {
      task = std::move(timers_.begin()->second);
      when_.erase(timers_.begin()->first.second);
      timers_.erase(timers_.begin());
      return task;
    }
    if (!tasks_.empty()) {
      task = std::move(tasks_.front());
      tasks_.pop_front();
      return task;
    }
    const Duration wait =
        timers_.empty() ? kLongestWait : std::min(kLongestWait, timers_.begin()->first.first - now);
    changed_.wait_for(lock, wait);
  }
  return nullptr;
}

void ThreadExecutor::work() {
  std::unique_lock lock(mutex_);
  while (Task task = take(lock)) {
    lock.unlock();
    task();
    task = nullptr;  // what it held may want the executor
    lock.lock();
  }
}

}  // namespace espalier::kube
