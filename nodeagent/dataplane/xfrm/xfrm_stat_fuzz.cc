#include <string_view>

#include "cmake/fuzz/fuzz_one.h"
#include "nodeagent/dataplane/xfrm/xfrm_stat.h"

void fuzz_one(std::span<const std::uint8_t> input) {
  const std::string_view text(reinterpret_cast<const char*>(input.data()), input.size());
  static_cast<void>(espalier::dataplane::xfrm::parse_xfrm_stat(text));
}
