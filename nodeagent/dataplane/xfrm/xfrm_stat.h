// The kernel's XFRM error counters, /proc/net/xfrm_stat: each row a reason why a packet was
// dropped.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace espalier::dataplane::xfrm {

struct XfrmCounter {
  std::string name;  // as the kernel spells it: "XfrmInNoStates"
  std::uint64_t value = 0;
  friend bool operator==(const XfrmCounter&, const XfrmCounter&) = default;
};

// Every row, in the kernel's order, also those of newer kernels. Pure. kInvalid for a line that is
// not a name and a number.
[[nodiscard]] Result<std::vector<XfrmCounter>> parse_xfrm_stat(std::string_view text);

// Of the calling thread's network namespace. kUnsupported where the kernel keeps none
// (CONFIG_XFRM_STATISTICS).
[[nodiscard]] Result<std::vector<XfrmCounter>> read_xfrm_stat();

}  // namespace espalier::dataplane::xfrm
