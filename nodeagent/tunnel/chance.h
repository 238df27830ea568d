// Chance: jitter that is the same for the same seed, so that a run can be repeated.
//
// Caveat: not for anything secret.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace espalier::tunnel {

class Chance {
 public:
  explicit Chance(std::uint64_t seed) : state_(seed) {}

  // Uniform in [0, bound); zero when the bound is not positive.
  [[nodiscard]] Duration below(Duration bound) {
    if (bound <= Duration::zero()) return Duration::zero();
    return Duration(static_cast<Duration::rep>(next() % static_cast<std::uint64_t>(bound.count())));
  }

 private:
  // SplitMix64 (Steele, Lea, Flood 2014).
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }

  std::uint64_t state_;
};

}  // namespace espalier::tunnel
