#include "base/process/process.h"

#include <cerrno>
#include <cstring>
#include <fstream>

#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace espalier::process {
namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

std::vector<std::string> harden_process() {
  std::vector<std::string> undone;
  const auto check = [&](int result, const char* what) {
    if (result != 0) undone.push_back(std::string(what) + ": " + std::strerror(errno));
  };
  const rlimit no_core{0, 0};
  check(setrlimit(RLIMIT_CORE, &no_core), "RLIMIT_CORE");
  check(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "PR_SET_DUMPABLE");
  check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS");
  umask(077);
  return undone;
}

void keep_memory_small() {
  mallopt(M_ARENA_MAX, 2);
  mallopt(M_TRIM_THRESHOLD, 128 * 1024);
}

void release_free_memory() {
  malloc_trim(0);
}

Resources resources_used() {
  Resources used;
  rusage spent{};
  if (getrusage(RUSAGE_SELF, &spent) == 0)
    used.cpu_seconds = seconds(spent.ru_utime) + seconds(spent.ru_stime);
  std::ifstream file("/proc/self/statm");  // proc(5): size, resident, … in pages
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  if (file >> size >> resident)
    used.resident_bytes = resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  return used;
}

}  // namespace espalier::process
