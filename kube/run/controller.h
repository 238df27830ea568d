// Controller: a WorkQueue and the threads that work on it.
//
// Guarantees: one key is never worked on by two threads; what fails comes back as its error calls
// for (retry_of); stop() lets the work under way end, starts none, and joins the threads. add() is
// for any thread. Caveat: stop the transport first, or stop() waits for its calls.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "base/process/clock.h"
#include "kube/api_error.h"
#include "kube/reconcile.h"
#include "kube/work_queue.h"

namespace espalier::kube {

// One piece of work.
struct Pace {
  Duration queued{};  // it had been due for so long
  Duration worked{};
};

// What the workers are at. Both grow while one is stuck.
struct Running {
  Duration unfinished{};  // since they began, summed over them
  Duration longest{};     // of the one that began first
};

template <typename Key>
class Controller {
 public:
  using Work = std::function<Reconciled(const Key&)>;
  // After each piece of work, on its thread: how long it took and how it went. For metrics and
  // logs.
  using Observer = std::function<void(const Key&, const Pace&, const Reconciled&)>;

  explicit Controller(Work work, QueueBounds bounds = {})
      : work_(std::move(work)), queue_(bounds) {}
  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;
  ~Controller() { stop(); }

  void observe(Observer observer) { observer_ = std::move(observer); }  // before start()

  void start(unsigned threads) {
    const std::lock_guard lock(mutex_);
    for (unsigned i = 0; i < threads; ++i) {
      threads_.emplace_back([this] { run(); });
    }
  }

  void add(const Key& key, Priority priority = Priority::kNormal, Duration after = {}) {
    const std::lock_guard lock(mutex_);
    queue_.add_at(process::monotonic_now() + after, key, priority);
    changed_.notify_one();
  }

  void stop() {
    std::vector<std::thread> threads;
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
      threads.swap(threads_);
      changed_.notify_all();
    }
    for (auto& thread : threads) thread.join();
  }

  [[nodiscard]] QueueCounts counts() const {
    const std::lock_guard lock(mutex_);
    return queue_.counts();
  }

  [[nodiscard]] Running running() const {
    const TimePoint now = process::monotonic_now();
    const std::lock_guard lock(mutex_);
    Running all;
    for (const TimePoint begun : begun_) all.unfinished += now - begun;
    if (!begun_.empty()) all.longest = now - *begun_.begin();
    return all;
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (!stopped_) {
      const TimePoint now = process::monotonic_now();
      const std::optional<Key> key = queue_.take(now);
      if (!key) {
        wait(lock, now);
        continue;
      }
      const Duration queued = queue_.last_waited();
      const auto begun = begun_.insert(now);
      lock.unlock();
      const Reconciled result = work_(*key);
      const TimePoint end = process::monotonic_now();
      if (observer_) observer_(*key, {queued, end - now}, result);
      lock.lock();
      begun_.erase(begun);
      finish(queue_, end, *key, result);
      changed_.notify_one();
    }
  }

  void wait(std::unique_lock<std::mutex>& lock, TimePoint now) {
    const TimePoint due = queue_.next_due();
    if (due == kNever) {
      changed_.wait(lock);
    } else {
      changed_.wait_for(lock, due - now);
    }
  }

  Work work_;
  Observer observer_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  WorkQueue<Key> queue_;
  std::multiset<TimePoint> begun_;  // by each worker that is at work
  std::vector<std::thread> threads_;
  bool stopped_ = false;
};

}  // namespace espalier::kube
