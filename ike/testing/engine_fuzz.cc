// An engine that has IKE SAs, established and half-open, and whatever comes (script.h).
#include <cstdlib>

#include "cmake/fuzz/fuzz_one.h"
#include "ike/testing/script.h"

void fuzz_one(std::span<const std::uint8_t> input) {
  if (!espalier::ike::testing::play(input).empty()) std::abort();
}
