// Executor: the port to one thread, its clock and its timers. kube/run has the real one,
// kube/testing one whose clock stands until the test moves it.
//
// Guarantees asked of an implementation: tasks run one at a time, in the order they were posted;
// timers run in the order of their times, never before them. After its stop nothing runs any more
// and what was pending is destroyed.
#pragma once

#include <cstdint>
#include <functional>

#include "base/time.h"

namespace espalier::kube {

class Executor {
 public:
  using Task = std::function<void()>;
  using TimerId = std::uint64_t;  // 0 is none

  Executor() = default;
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;
  virtual ~Executor() = default;

  // From any thread. Time that passes while the machine sleeps counts.
  [[nodiscard]] virtual TimePoint now() const = 0;
  // From any thread.
  virtual void post(Task task) = 0;
  // From any thread.
  virtual TimerId at(TimePoint when, Task task) = 0;
  // From any thread; a timer that ran or never was is no error. Called on the executor's own
  // thread, the timer does not run after it.
  virtual void cancel(TimerId timer) = 0;
};

}  // namespace espalier::kube
