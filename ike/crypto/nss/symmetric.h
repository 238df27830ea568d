// PRF, hash and the SK payload's protection on NSS. Private to this adapter.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret_bytes.h"
#include "ike/crypto/nss/secrets.h"
#include "ike/crypto/provider.h"
#include "ike/crypto/suite.h"

namespace espalier::ike::crypto::nss {

[[nodiscard]] Result<SecretBytes> prf(const Secrets& secrets, PrfId id, ByteView key,
                                      std::span<const ByteView> data);
[[nodiscard]] Result<SecretBytes> prf_plus(const Secrets& secrets, PrfId id, ByteView key,
                                           std::span<const ByteView> seed, std::size_t length);
// Any digest NSS knows, by its tag.
[[nodiscard]] Result<Bytes> digest(SECOidTag algorithm, std::span<const ByteView> data);
[[nodiscard]] SECOidTag digest_tag(HashId id);  // SEC_OID_UNKNOWN for kIdentity

[[nodiscard]] Result<Bytes> seal(const Secrets& secrets, const SkKeys& keys, std::uint64_t counter,
                                 ByteView associated, ByteView padded_plaintext);
[[nodiscard]] Result<Bytes> open(const Secrets& secrets, const SkKeys& keys, ByteView associated,
                                 ByteView body);

}  // namespace espalier::ike::crypto::nss
