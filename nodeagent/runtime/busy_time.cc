#include "nodeagent/runtime/busy_time.h"

#include <ctime>
#include <string_view>

#include "base/process/process.h"

namespace espalier::runtime {
namespace {

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}
std::string_view name_of(Work work) {
  switch (work) {
    case Work::kPublicKey:
      return "public_key";
    case Work::kKernel:
      return "kernel";
    case Work::kSockets:
      return "sockets";
  }
  return "other";
}

}  // namespace

std::chrono::nanoseconds BusyTime::thread_time() {
  timespec now{};
  (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

telemetry::ProcessUsage process_usage(const BusyTime& busy) {
  const process::Resources used = process::resources_used();
  telemetry::ProcessUsage usage;
  usage.cpu_seconds = used.cpu_seconds;
  usage.resident_bytes = used.resident_bytes;
  for (const Work work : kWorks)
    usage.busy.push_back({std::string(name_of(work)), seconds(busy.spent(work))});
  return usage;
}

}  // namespace espalier::runtime
