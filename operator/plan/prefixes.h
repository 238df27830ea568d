// Arithmetic on address blocks.
#pragma once

#include <vector>

#include "base/ip.h"

namespace espalier::plan {

// What is left of `block` without the holes, as few blocks as possible, in address order. At most
// 128 blocks per hole.
[[nodiscard]] std::vector<Prefix> subtract(const Prefix& block, const std::vector<Prefix>& holes);

// The same addresses as few blocks as possible, in address order. The blocks may overlap.
[[nodiscard]] std::vector<Prefix> merged(std::vector<Prefix> blocks);

// The common part of two blocks that overlap: the smaller one.
[[nodiscard]] inline const Prefix& narrower(const Prefix& a, const Prefix& b) {
  return a.length() >= b.length() ? a : b;
}

}  // namespace espalier::plan
