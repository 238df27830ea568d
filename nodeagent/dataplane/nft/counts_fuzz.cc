#include <string_view>

#include "cmake/fuzz/fuzz_one.h"
#include "nodeagent/dataplane/nft/guard_ruleset.h"

void fuzz_one(std::span<const std::uint8_t> input) {
  const std::string_view text(reinterpret_cast<const char*>(input.data()), input.size());
  static_cast<void>(espalier::dataplane::nft::parse_counts(text));
}
