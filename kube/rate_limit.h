// How fast one process may ask the API server: a token bucket of ours, and the server's own
// Retry-After. Pure: time is an argument. Not thread-safe; run/paced_transport.h shares one among
// all workers.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/time.h"

namespace espalier::kube {

// Guarantees: in any span of time at most burst + rate * span requests are let through; those that
// must wait are served in the order they asked.
class TokenBucket {
 public:
  // `rate` tokens a second, above 0; `burst` at least 1.
  TokenBucket(double rate, unsigned burst)
      : interval_(std::chrono::duration_cast<Duration>(std::chrono::duration<double>(1.0 / rate))),
        burst_(std::max(1U, burst)) {}

  // Takes a token; the request may go out at the time returned (now, or later).
  [[nodiscard]] TimePoint take(TimePoint now) {
    // The time at which the bucket would be empty for good tells all (GCRA).
    const TimePoint full_since = now - interval_ * (burst_ - 1);
    next_ = std::max(next_, full_since);
    const TimePoint at = std::max(next_, now);
    next_ += interval_;
    return at;
  }
  // Whether a token is there now; takes it if so.
  [[nodiscard]] bool try_take(TimePoint now) {
    if (std::max(next_, now - interval_ * (burst_ - 1)) > now) return false;
    static_cast<void>(take(now));
    return true;
  }

 private:
  Duration interval_;
  unsigned burst_;
  TimePoint next_{Duration::min() / 2};
};

// What the server asked of one of us holds for all of us.
class RetryAfterGate {
 public:
  void told(TimePoint now, Duration wait) { open_at_ = std::max(open_at_, now + wait); }
  [[nodiscard]] TimePoint open_at() const { return open_at_; }

 private:
  TimePoint open_at_ = TimePoint::min();
};

}  // namespace espalier::kube
