// The only place that reads a clock.
#pragma once

#include "base/time.h"

namespace espalier::runtime {

// CLOCK_BOOTTIME: goes on while the machine sleeps, as the lifetimes that peers agreed on do.
[[nodiscard]] TimePoint monotonic_now();

[[nodiscard]] WallTime wall_now();

// The wall time of a moment of the monotonic clock, by what both show at `now`/`wall`.
[[nodiscard]] inline WallTime wall_of(TimePoint moment, TimePoint now, WallTime wall) {
  return wall + std::chrono::duration_cast<std::chrono::seconds>(moment - now);
}

}  // namespace espalier::runtime
