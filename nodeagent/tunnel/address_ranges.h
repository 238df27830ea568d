// Ranges of addresses as the prefixes that kernel policies are made of.
#pragma once

#include <vector>

#include "base/ip.h"

namespace espalier::tunnel {

// The fewest prefixes that cover exactly first to last, in ascending order; nothing when they are
// not of one family or in the wrong order. At most 2 * 128.
[[nodiscard]] std::vector<Prefix> prefixes_of(const IpAddress& first, const IpAddress& last);

}  // namespace espalier::tunnel
