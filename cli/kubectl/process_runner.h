// Runner with real processes.
//
// Guarantees: at most kAtOnce processes at a time; one that takes too long is killed; each is
// waited for. Nothing is passed through a shell.
// Caveat: what a program prints is kept whole.
#pragma once

#include "cli/kubectl/runner.h"

namespace espalier::cli::kubectl {

class ProcessRunner final : public Runner {
 public:
  static constexpr std::size_t kAtOnce = 16;

  [[nodiscard]] std::vector<Ran> run(const std::vector<Arguments>& commands,
                                     std::chrono::seconds patience) override;
};

}  // namespace espalier::cli::kubectl
