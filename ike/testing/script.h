// Script: octets read as a row of deeds towards two engines that have an IKE SA with each other:
// datagrams of any kind, sealed by the peer's keys or not, repeated or spoiled; commands; events of
// the kernel; time. For fuzzing and for tests with random octets.
#pragma once

#include <string>

#include "base/bytes.h"

namespace espalier::ike::testing {

// Plays it, then leaves the engines in peace for a while. The sentence says what does not hold in
// the end (an IKE SA that stays half-open, a Child without its SAs); empty: all is well.
[[nodiscard]] std::string play(ByteView script);

}  // namespace espalier::ike::testing
