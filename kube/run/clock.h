// The clocks and the seed that the mains hand to what is pure.
#pragma once

#include <cstdint>
#include <string>

#include "base/time.h"

namespace espalier::kube {

// CLOCK_BOOTTIME: goes on while the machine or the process sleeps, so a lease ends in time.
[[nodiscard]] TimePoint boot_time();

// "2026-11-24T22:10:00.000000Z"
[[nodiscard]] std::string wall_time_text();

// From the kernel; for jitter and identities.
[[nodiscard]] std::uint64_t random_seed();

}  // namespace espalier::kube
