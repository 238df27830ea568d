// Makes the place of the service's socket safe before anything listens there.
#pragma once

#include <string>

#include "base/result.h"

namespace espalier::rpc {

// Makes the folder where it is missing (one level, 0700) and refuses a place where others could
// put a socket of their own, where something else than a socket is, or where an agent answers.
[[nodiscard]] Status prepare_socket_path(const std::string& path);

// Whether something listens on the unix socket at `path`.
[[nodiscard]] bool somebody_answers(const std::string& path);

}  // namespace espalier::rpc
