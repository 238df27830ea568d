// The port of signing_keys.h on NSS, in and out of FIPS mode. No NSS header is seen from here.
//
// Assumptions: ike::crypto::nss::NssProvider is open, because NSS is one per process; every key is
// gone before it is closed.
#pragma once

#include <memory>

#include "base/result.h"
#include "operator/certificates/signing_keys.h"

namespace espalier::certificates::nss {

[[nodiscard]] Result<std::unique_ptr<SigningKeys>> open_signing_keys();

}  // namespace espalier::certificates::nss
