#include "cli/kubectl/process_runner.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <list>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace espalier::cli::kubectl {
namespace {

using Clock = std::chrono::steady_clock;

struct Process {
  pid_t pid = -1;
  std::array<int, 2> fds{-1, -1};  // what its standard output and standard error are read from
  Clock::time_point until;
  Ran* ran = nullptr;

  [[nodiscard]] bool open() const { return fds[0] >= 0 || fds[1] >= 0; }
  std::string& text(std::size_t i) const { return i == 0 ? ran->out : ran->err; }
};

void close_fd(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

bool start(const Arguments& command, Process& process) {
  std::array<std::array<int, 2>, 2> pipes{{{-1, -1}, {-1, -1}}};
  for (auto& one : pipes) {
    if (::pipe2(one.data(), O_CLOEXEC) != 0) {
      process.ran->err = std::string("pipe: ") + std::strerror(errno);
      for (auto& each : pipes) {
        close_fd(each[0]);
        close_fd(each[1]);
      }
      return false;
    }
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, pipes[0][1], 1);
  posix_spawn_file_actions_adddup2(&actions, pipes[1][1], 2);
  std::vector<std::string> words = command;
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const int error = ::posix_spawnp(&process.pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  for (std::size_t i = 0; i < pipes.size(); ++i) {
    close_fd(pipes[i][1]);
    process.fds[i] = pipes[i][0];
  }
  if (error == 0) return true;
  for (int& fd : process.fds) close_fd(fd);
  process.ran->status = 127;
  process.ran->err = command[0] + ": " + std::strerror(error);
  return false;
}

void read_some(Process& process, std::size_t i) {
  std::array<char, 65536> buffer{};
  const ssize_t got = ::read(process.fds[i], buffer.data(), buffer.size());
  if (got > 0) {
    process.text(i).append(buffer.data(), static_cast<std::size_t>(got));
  } else if (got == 0 || errno != EINTR) {
    close_fd(process.fds[i]);
  }
}

void end(Process& process) {
  for (int& fd : process.fds) close_fd(fd);
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
      if (start(commands[next], process)) running.push_back(process);
      ++next;
    }
    std::vector<pollfd> waits;
    std::vector<std::pair<Process*, std::size_t>> whose;
    Clock::time_point until = Clock::time_point::max();
    for (Process& process : running) {
      until = std::min(until, process.until);
      for (std::size_t i = 0; i < process.fds.size(); ++i) {
        if (process.fds[i] < 0) continue;
        waits.push_back({process.fds[i], POLLIN, 0});
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
        for (int& fd : process->fds) close_fd(fd);
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
