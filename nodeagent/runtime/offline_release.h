// The way out where no agent runs and none starts: what is ours goes from the kernel, and the next
// agent finds the node released.
#pragma once

#include <string>

#include "base/result.h"

namespace espalier::runtime {

struct OfflineRelease {
  std::string state;   // the agent's state folder
  std::string socket;  // where an agent would answer
  std::string why;     // for whoever finds it so
};

// What was done, and what could not be, as lines for people; `complete`: nothing is left to do.
struct OfflineReleased {
  std::string text;
  bool complete = true;
};

// kExists: an agent answers, and is the one to ask. kDenied without CAP_NET_ADMIN. A state folder
// that cannot be written or read is said and keeps nothing from going.
[[nodiscard]] Result<OfflineReleased> release_offline(const OfflineRelease& options);

}  // namespace espalier::runtime
