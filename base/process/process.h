// What a process does to itself before it holds a key, and what it has used.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace espalier::process {

// No core dumps, no ptrace or /proc/PID/mem by others of the same user, no privileges gained
// through exec, files readable by root alone. Call before threads start and before keys are read.
// Returns what could not be done, in words; the caller logs it and goes on.
[[nodiscard]] std::vector<std::string> harden_process();

// Keeps glibc from making an arena per thread and from holding freed memory: the agent has one busy
// thread, and its resident memory is what a node pays. Call before threads start.
void keep_memory_small();

// Gives freed memory back to the kernel; some 10 µs to 1 ms, for quiet moments after a storm.
void release_free_memory();

struct Resources {
  double cpu_seconds = 0;            // user and system time, all threads
  std::uint64_t resident_bytes = 0;  // now
};
// What cannot be found out is 0.
[[nodiscard]] Resources resources_used();

}  // namespace espalier::process
