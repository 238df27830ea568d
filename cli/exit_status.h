// What the process ends with; documented in `espalierctl --help`, and scripts rely on it.
#pragma once

namespace espalier::cli {

enum ExitStatus : int {
  kFine = 0,
  kNotFine = 1,     // verify found a failure; a connection did not come up; nothing covers it
  kUsage = 2,       // the command line is wrong
  kNoAgent = 3,     // the agent cannot be reached
  kNoSuchName = 4,  // the agent knows no such name
  kTimedOut = 5,    // the wait ended before anything was decided
  kAgentError = 6,  // the agent answered with an error
};

}  // namespace espalier::cli
