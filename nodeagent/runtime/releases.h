// KeptReleases: which releases (nodeagent/tunnel/release.h) are in force, kept in the state folder
// until somebody ends them.
//
// Guarantees: a change holds whether it can be written down or not, for a full disk must not close
// the way out; what could not be written is said. A restart begins with what was written last.
// Caveat: a file that cannot be read releases nothing, and is said as an error.
#pragma once

#include <string>

#include "base/result.h"
#include "base/time.h"
#include "nodeagent/rpc/command_sink.h"
#include "nodeagent/runtime/state_file.h"
#include "nodeagent/tunnel/release.h"

namespace espalier::runtime {

class KeptReleases {
 public:
  // `folder` is made (mode 0700) when it is not there.
  [[nodiscard]] static Result<KeptReleases> open(const std::string& folder);

  // Why the file could not be read, as one read at open().
  [[nodiscard]] const std::optional<Error>& unread() const { return unread_; }
  [[nodiscard]] const tunnel::Releases& in_force() const { return releases_; }

  // `plan`: what names mean; null: there is none, and only the whole node can be named. A release
  // of a name that is released already takes its place. kNotFound: nothing has the name, or, to
  // end, nothing is released under it; kUnavailable: a name and no plan.
  [[nodiscard]] Result<rpc::ReleaseOutcome> change(const rpc::ReleaseWish& wish,
                                                   const plan::NodePlan* plan, WallTime now);

 private:
  explicit KeptReleases(StateFile file) : file_(std::move(file)) {}

  StateFile file_;
  std::optional<Error> unread_;
  tunnel::Releases releases_;
};

}  // namespace espalier::runtime
