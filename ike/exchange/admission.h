// The admission table: which message may arrive in which phase, and what it must hold (RFC 7296
// sections 1.2 to 1.5). A message that matches no row is refused before any exchange looks at it.
#pragma once

#include <vector>

#include "base/result.h"
#include "ike/wire/message.h"

namespace espalier::ike::exchange {

enum class Phase : std::uint8_t {
  kInit,         // before IKE_SA_INIT is complete
  kAuth,         // keys agreed, nobody authenticated
  kEstablished,  // also while rekeyed or deleting
};

// Fails with kInvalid, naming exchange and payload ("IKE_AUTH request: TSi is missing").
[[nodiscard]] Status admit(wire::ExchangeType exchange, bool response, Phase phase,
                           const std::vector<wire::Payload>& payloads);

}  // namespace espalier::ike::exchange
