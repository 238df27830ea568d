// What is ours in the kernel, removed without an agent: the way out where none can start.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "nodeagent/dataplane/clear_traffic_guard.h"
#include "nodeagent/dataplane/kernel_ipsec.h"

namespace espalier::tunnel {

struct Removal {
  std::size_t policies = 0;     // that went
  std::size_t sas = 0;          // likewise
  std::vector<Error> troubles;  // what did not go, and why
};

// The clear-traffic guard, every policy and every SA that is ours by dataplane/ownership.h, and the
// policies that `journal` (journal.h) knows. Nothing of others is touched. A journal that cannot be
// read is a trouble, and what is recognised without it goes. Fails when the kernel cannot be read;
// what one step cannot do does not keep the others.
[[nodiscard]] Result<Removal> remove_ours(dataplane::KernelIpsec& kernel,
                                          dataplane::ClearTrafficGuard& guard,
                                          std::string_view journal);

}  // namespace espalier::tunnel
