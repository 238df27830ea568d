// The clocks and the seed that runtimes and mains hand to what is pure. The only place that reads a
// clock of the time of day or of the machine.
#pragma once

#include <cstdint>
#include <string>

#include "base/time.h"

namespace espalier::process {

// CLOCK_BOOTTIME: goes on while the machine or the process sleeps, as the lifetimes that peers
// agreed on do, and as a lease must.
[[nodiscard]] TimePoint monotonic_now();

[[nodiscard]] WallTime wall_now();

// "2026-11-24T22:10:00.000000Z"
[[nodiscard]] std::string wall_time_text();

// From the kernel; for jitter and identities, not for keys.
[[nodiscard]] std::uint64_t random_seed();

}  // namespace espalier::process
