#include "nodeagent/runtime/process.h"

#include <cerrno>
#include <cstring>

#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

namespace espalier::runtime {

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

}  // namespace espalier::runtime
