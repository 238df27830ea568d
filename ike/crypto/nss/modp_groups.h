// The MODP primes, big-endian. Private to this adapter.
#pragma once

#include <optional>

#include "base/bytes.h"
#include "ike/crypto/suite.h"

namespace espalier::ike::crypto::nss {

// nullopt for a group that is none of RFC 3526's.
[[nodiscard]] std::optional<Bytes> modp_prime(DhId group);

}  // namespace espalier::ike::crypto::nss
