// Time is an argument, never a call: only runtime/ and tests make one of these from a clock.
#pragma once

#include <chrono>
#include <cstdint>

namespace espalier {

using Duration = std::chrono::nanoseconds;

// A clock that cannot be read: the type only keeps monotonic time apart from other numbers.
struct MonotonicClock {
  using rep = Duration::rep;
  using period = Duration::period;
  using duration = Duration;
  using time_point = std::chrono::time_point<MonotonicClock>;
  static constexpr bool is_steady = true;
};
using TimePoint = MonotonicClock::time_point;

inline constexpr TimePoint kNever = TimePoint::max();

// Seconds since 1970-01-01T00:00:00Z, for certificates, CRLs and what people read.
using WallTime = std::chrono::sys_seconds;

}  // namespace espalier
