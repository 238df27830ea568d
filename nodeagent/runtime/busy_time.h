// BusyTime: where the agent's processor time goes.
//
// Guarantees: thread-safe; what a thread waits for is not counted, system calls are. Nested
// measures count for both. Caveat: what no Measure covers is the process's processor time less the
// sum of all kinds.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <vector>

#include "nodeagent/telemetry/snapshot.h"

namespace espalier::runtime {

enum class Work : std::uint8_t { kPublicKey, kKernel, kSockets };
inline constexpr std::array kWorks{Work::kPublicKey, Work::kKernel, Work::kSockets};

class BusyTime {
 public:
  // From its construction to its end, on one thread (CLOCK_THREAD_CPUTIME_ID).
  class Measure {
   public:
    Measure(BusyTime& busy, Work work) : busy_(busy), work_(work), start_(thread_time()) {}
    Measure(const Measure&) = delete;
    Measure& operator=(const Measure&) = delete;
    ~Measure() { busy_.add(work_, thread_time() - start_); }

   private:
    BusyTime& busy_;
    Work work_;
    std::chrono::nanoseconds start_;
  };

  void add(Work work, std::chrono::nanoseconds time) {
    spent_[static_cast<std::size_t>(work)].fetch_add(time.count(), std::memory_order_relaxed);
  }
  [[nodiscard]] std::chrono::nanoseconds spent(Work work) const {
    return std::chrono::nanoseconds(
        spent_[static_cast<std::size_t>(work)].load(std::memory_order_relaxed));
  }

  [[nodiscard]] static std::chrono::nanoseconds thread_time();

 private:
  std::array<std::atomic<std::int64_t>, kWorks.size()> spent_{};
};

// The process as the operating system sees it, with the kinds of work.
[[nodiscard]] telemetry::ProcessUsage process_usage(const BusyTime& busy);

}  // namespace espalier::runtime
