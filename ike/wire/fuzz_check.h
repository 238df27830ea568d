// How a fuzz target says that a property does not hold.
#pragma once

#include <cstdlib>

namespace espalier::ike::wire {

inline void must(bool holds) {
  if (!holds) std::abort();
}

}  // namespace espalier::ike::wire
