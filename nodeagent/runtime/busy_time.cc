#include "nodeagent/runtime/busy_time.h"

#include <ctime>
#include <fstream>
#include <string_view>

#include <sys/resource.h>
#include <unistd.h>

namespace espalier::runtime {
namespace {

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}
double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
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

std::uint64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");  // proc(5): size, resident, … in pages
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  if (!(file >> size >> resident)) return 0;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

std::chrono::nanoseconds BusyTime::thread_time() {
  timespec now{};
  (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

telemetry::ProcessUsage process_usage(const BusyTime& busy) {
  telemetry::ProcessUsage usage;
  rusage spent{};
  if (getrusage(RUSAGE_SELF, &spent) == 0)
    usage.cpu_seconds = seconds(spent.ru_utime) + seconds(spent.ru_stime);
  usage.resident_bytes = resident_bytes();
  for (const Work work : kWorks)
    usage.busy.push_back({std::string(name_of(work)), seconds(busy.spent(work))});
  return usage;
}

}  // namespace espalier::runtime
