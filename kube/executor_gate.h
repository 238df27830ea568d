// ExecutorGate: the way to an executor for those who may come after its end, such as a transport's
// threads with the last words of a stream.
//
// Guarantees: once shut() has returned, the executor is not touched any more. Thread-safe.
#pragma once

#include <mutex>
#include <utility>

#include "kube/executor.h"

namespace espalier::kube {

class ExecutorGate {
 public:
  explicit ExecutorGate(Executor& executor) : executor_(&executor) {}
  ExecutorGate(const ExecutorGate&) = delete;
  ExecutorGate& operator=(const ExecutorGate&) = delete;

  // Dropped when the gate is shut.
  void post(Executor::Task task) {
    const std::lock_guard lock(mutex_);
    if (executor_ != nullptr) executor_->post(std::move(task));
  }
  void shut() {
    const std::lock_guard lock(mutex_);
    executor_ = nullptr;
  }

 private:
  std::mutex mutex_;
  Executor* executor_;
};

}  // namespace espalier::kube
