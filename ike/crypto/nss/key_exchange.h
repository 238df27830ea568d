// Key exchange on NSS: MODP, ECP, curve25519. Thread-safe. Private to this adapter.
#pragma once

#include <memory>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret_bytes.h"
#include "ike/crypto/nss/secrets.h"
#include "ike/crypto/provider.h"

namespace espalier::ike::crypto::nss {

class NssKeyPair final : public KeyPair {
 public:
  // `public_value` as it stands in the KE payload.
  NssKeyPair(DhId group, Bytes public_value, PrivateKeyPtr key)
      : KeyPair(group, std::move(public_value)), key_(std::move(key)) {}
  [[nodiscard]] SECKEYPrivateKey* key() const { return key_.get(); }

 private:
  PrivateKeyPtr key_;
};

[[nodiscard]] Result<std::shared_ptr<const NssKeyPair>> generate_key_pair(DhId group);

// What RFC 6989 section 2 asks and costs nothing: the length, and a MODP value's range.
// Code::kInvalid when it fails.
[[nodiscard]] Status check_public(DhId group, ByteView peer_public);

// Checks the peer's value first, all of RFC 6989 section 2; Code::kInvalid when it fails.
[[nodiscard]] Result<SecretBytes> derive_shared(const Secrets& secrets, const NssKeyPair& own,
                                                ByteView peer_public);

}  // namespace espalier::ike::crypto::nss
