// Backoff: how long to wait after failures in a row, with full jitter.
//
// Guarantees: the n-th wait is drawn evenly from (0, min(cap, base * 2^n)], but never below a tenth
// of that bound, so that a run of small draws is no busy loop; a success that lasted `reset_after`
// starts it anew. Deterministic by its seed.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/time.h"

namespace espalier::kube {

// A small seeded generator (splitmix64) for jitter; of no use where numbers must not be guessed.
class Jitter {
 public:
  explicit Jitter(std::uint64_t seed) : state_(seed) {}
  // Evenly from [low, high].
  [[nodiscard]] Duration between(Duration low, Duration high);
  [[nodiscard]] std::uint64_t next();

 private:
  std::uint64_t state_;
};

class Backoff {
 public:
  struct Bounds {
    Duration base = std::chrono::milliseconds(800);
    Duration cap = std::chrono::seconds(30);
    Duration reset_after = std::chrono::minutes(2);
  };

  Backoff(Bounds bounds, std::uint64_t seed) : bounds_(bounds), jitter_(seed) {}

  // Something failed now, after it had been well since `well_since` (kNever: it never was). How
  // long to wait.
  [[nodiscard]] Duration failed(TimePoint now, TimePoint well_since);
  void reset() { failures_ = 0; }

 private:
  Bounds bounds_;
  Jitter jitter_;
  unsigned failures_ = 0;
};

}  // namespace espalier::kube
