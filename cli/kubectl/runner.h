// Runner: the port by which programs are run.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace espalier::cli::kubectl {

struct Ran {
  int status = -1;  // the exit status; 127: the program could not be started; -1: see timed_out
  bool timed_out = false;
  std::string out;
  std::string err;
};

using Arguments = std::vector<std::string>;  // the program first, found on PATH

class Runner {
 public:
  Runner() = default;
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;
  virtual ~Runner() = default;

  // Runs all of them, several at a time, each with an empty standard input and at most `patience`;
  // what each printed and ended with, in the same order.
  [[nodiscard]] virtual std::vector<Ran> run(const std::vector<Arguments>& commands,
                                             std::chrono::seconds patience) = 0;
};

}  // namespace espalier::cli::kubectl
