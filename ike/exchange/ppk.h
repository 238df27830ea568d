// Post-quantum preshared keys (RFC 8784) in the handshake.
#pragma once

#include <optional>

#include "ike/exchange/core.h"

namespace espalier::ike::exchange {

// The index in Connection::ppks.
[[nodiscard]] std::optional<std::size_t> find_ppk(const Connection& connection, ByteView id);
// Mixes a PPK into SK_d, SK_pi and SK_pr, and remembers what stood before.
[[nodiscard]] Status use_ppk(Core& core, IkeSa& sa, std::size_t index);
// Puts back what stood before: the peer went on without.
void forget_ppk(IkeSa& sa);

}  // namespace espalier::ike::exchange
