// errno for people and for callers: its name, and what kind of failure it is.
#pragma once

#include <string>

#include "base/error.h"

namespace espalier::dataplane::xfrm {

[[nodiscard]] std::string errno_text(int number);  // "ENOSYS (Function not implemented)"
[[nodiscard]] Code code_of(int number);

}  // namespace espalier::dataplane::xfrm
