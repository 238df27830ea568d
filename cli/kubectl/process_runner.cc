#include "cli/kubectl/process_runner.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <list>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/process/fd.h"

extern char** environ;

namespace espalier::cli::kubectl {
namespace {

using Clock = std::chrono::steady_clock;

struct Process {
  pid_t pid = -1;
  std::array<process::Fd, 2> fds;  // what its standard output and standard error are read from
  Clock::time_point until;
  Ran* ran = nullptr;

  [[nodiscard]] bool open() const { return fds[0].valid() || fds[1].valid(); }
  std::string& text(std::size_t i) const { return i == 0 ? ran->out : ran->err; }
};

bool start(const Arguments& command, Process& process) {
  std::array<process::Fd, 2> written;
  for (std::size_t i = 0; i < written.size(); ++i) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
      process.ran->err = std::string("pipe: ") + std::strerror(errno);
      return false;
    }
    process.fds[i] = process::Fd(ends[0]);
    written[i] = process::Fd(ends[1]);
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, written[0].get(), 1);
  posix_spawn_file_actions_adddup2(&actions, written[1].get(), 2);
  std::vector<std::string> words = command;
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const int error = ::posix_spawnp(&process.pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error == 0) return true;
  process.ran->status = 127;
  process.ran->err = command[0] + ": " + std::strerror(error);
  return false;
}

void read_some(Process& process, std::size_t i) {
  std::array<char, 65536> buffer{};
  const ssize_t got = ::read(process.fds[i].get(), buffer.data(), buffer.size());
  if (got > 0) {
    process.text(i).append(buffer.data(), static_cast<std::size_t>(got));
  } else if (got == 0 || errno != EINTR) {
    process.fds[i].reset();
  }
}

void end(Process& process) {
  int status = 0;
  while (::waitpid(process.pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (process.ran->timed_out) return;
  process.ran->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

std::vector<Ran> ProcessRunner::run(const std::vector<Arguments>& commands,
                                    std::chrono::seconds patience) {
  std::vector<Ran> all(commands.size());
  std::list<Process> running;
  std::size_t next = 0;
  while (next < commands.size() || !running.empty()) {
    while (next < commands.size() && running.size() < kAtOnce) {
      Process process;
      process.ran = &all[next];
      process.until = Clock::now() + patience;
      if (start(commands[next], process)) running.push_back(std::move(process));
      ++next;
    }
    std::vector<pollfd> waits;
    std::vector<std::pair<Process*, std::size_t>> whose;
    Clock::time_point until = Clock::time_point::max();
    for (Process& process : running) {
      until = std::min(until, process.until);
      for (std::size_t i = 0; i < process.fds.size(); ++i) {
        if (!process.fds[i].valid()) continue;
        waits.push_back({process.fds[i].get(), POLLIN, 0});
        whose.emplace_back(&process, i);
      }
    }
    if (!waits.empty()) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
      (void)::poll(waits.data(), waits.size(),
                   static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000)));
      for (std::size_t i = 0; i < waits.size(); ++i) {
        if (waits[i].revents != 0) read_some(*whose[i].first, whose[i].second);
      }
    }
    for (auto process = running.begin(); process != running.end();) {
      if (process->open() && Clock::now() >= process->until) {
        process->ran->timed_out = true;
        ::kill(process->pid, SIGKILL);
        for (process::Fd& fd : process->fds) fd.reset();
      }
      if (process->open()) {
        ++process;
        continue;
      }
      end(*process);
      process = running.erase(process);
    }
  }
  return all;
}

}  // namespace espalier::cli::kubectl
