// NSS's chain validation (RFC 5280) of a path that is known. Private to this adapter.
#pragma once

#include <optional>

#include "ike/crypto/nss/path.h"
#include "ike/crypto/provider.h"

namespace espalier::ike::crypto::nss {

// certificateUsageIPsec, the path's last certificate as the only anchor. nullopt: good.
[[nodiscard]] std::optional<Refusal> pkix_problem(const Path& path, WallTime now);

}  // namespace espalier::ike::crypto::nss
