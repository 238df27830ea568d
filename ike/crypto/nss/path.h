// The way from a peer's certificate to a trust anchor, found by names and signatures. Private to
// this adapter.
//
// NSS's own chain builder remembers in process-wide caches what it has seen, also what a stranger
// sent, and knows only that "no issuer was found". So the path is found here first, from what this
// peer sent and this trust holds and nothing else; what is no path never reaches NSS's builder, and
// people are told where it ends.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ike/crypto/nss/certificate.h"
#include "ike/crypto/provider.h"

namespace espalier::ike::crypto::nss {

// Leaf first, the anchor last; just the anchor when the leaf is one.
using Path = std::vector<std::shared_ptr<const Certificate>>;

// Certificates valid now are tried first; one that is not may still be on the path. At most
// kMaxSignatures signatures are checked. Refuses with kUntrustedIssuer, or kUnsupportedAlgorithm
// when a hash that is not taken stood in the way.
[[nodiscard]] tl::expected<Path, Refusal> find_path(const std::shared_ptr<const Certificate>& leaf,
                                                    const std::vector<Bytes>& sent,
                                                    const Path& anchors, WallTime now);

inline constexpr int kMaxSignatures = 32;

}  // namespace espalier::ike::crypto::nss
