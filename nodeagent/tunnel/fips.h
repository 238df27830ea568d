// FIPS mode: what a connection may offer and take while the cryptographic library runs in it.
#pragma once

#include "base/result.h"
#include "ike/config.h"

namespace espalier::tunnel {

// Nobody asked for the defaults in particular, so they lose what is not approved. Anything else
// that is not approved, and a pre-shared key or PPK too short to key the PRF, is an error that
// names the field and what is allowed; then nothing may be offered.
[[nodiscard]] Status hold_to_fips(ike::Connection& connection);

}  // namespace espalier::tunnel
