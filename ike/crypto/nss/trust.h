// A set of trust anchors with its CRLs, and the verification of a chain against it. Private to this
// adapter.
#pragma once

#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "ike/crypto/nss/certificate.h"
#include "ike/crypto/nss/crl.h"
#include "ike/crypto/nss/path.h"
#include "ike/crypto/provider.h"

namespace espalier::ike::crypto::nss {

// Never changed once made: a new CRL makes a new Trust.
struct Trust {
  Path anchors;  // in the order of the bundle
  std::vector<std::shared_ptr<const Crl>> crls;
  Revocation revocation = Revocation::kRelaxed;
};

// What a good chain says about its leaf, and from when until when it may be believed.
struct VerifiedChain {
  std::shared_ptr<const Certificate> leaf;
  WallTime from{};
  WallTime until{};  // the earliest notAfter; with strict revocation also the earliest nextUpdate
};

// The anchors, PEM; Error::where is empty.
[[nodiscard]] Result<Path> read_anchors(std::string_view pem);

// `leaf` is chain.front() decoded. A path by find_path(), its dates and keys, then NSS's judgement
// on it for certificateUsageIPsec, then the trust's CRLs. No network, no certificate of any
// database.
[[nodiscard]] tl::expected<VerifiedChain, Refusal> verify_chain(
    const Trust& trust, const std::shared_ptr<const Certificate>& leaf,
    const std::vector<Bytes>& chain, WallTime now);

}  // namespace espalier::ike::crypto::nss
