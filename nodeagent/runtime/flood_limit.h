// FloodLimit: how many events of one kind per second are worth a line. A peer can cause events as
// fast as it can send; the log must stay readable and the disk whole.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "base/time.h"

namespace espalier::runtime {

class FloodLimit {
 public:
  explicit FloodLimit(std::uint32_t per_second) : per_second_(per_second) {}

  struct Verdict {
    bool pass = true;
    std::uint64_t suppressed_before = 0;  // events of this kind left out since the last that passed
  };
  [[nodiscard]] Verdict on_event(std::uint32_t kind, TimePoint now) {
    Window& window = windows_[kind];
    if (now - window.start >= std::chrono::seconds(1)) {
      window.start = now;
      window.passed = 0;
    }
    if (window.passed >= per_second_) {
      ++window.suppressed;
      return {false, 0};
    }
    ++window.passed;
    const std::uint64_t before = window.suppressed;
    window.suppressed = 0;
    return {true, before};
  }

 private:
  struct Window {
    TimePoint start{};
    std::uint32_t passed = 0;
    std::uint64_t suppressed = 0;
  };
  std::uint32_t per_second_;
  std::unordered_map<std::uint32_t, Window> windows_;
};

}  // namespace espalier::runtime
