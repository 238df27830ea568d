// The crypto port of certificates: keys that sign, signatures checked, random octets. The adapter
// is nss/.
//
// Guarantees: a private key leaves only by export_key(), as SecretBytes; nothing throws; no input
// makes it abort.
// Assumptions: every SigningKey is gone before the library below is closed.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret_bytes.h"
#include "operator/certificates/x509.h"

namespace espalier::certificates {

// A private key; what it signs verifies under public_key().
class SigningKey {
 public:
  virtual ~SigningKey() = default;
  SigningKey(const SigningKey&) = delete;
  SigningKey& operator=(const SigningKey&) = delete;
  [[nodiscard]] const PublicKey& public_key() const { return public_key_; }

 protected:
  explicit SigningKey(PublicKey public_key) : public_key_(std::move(public_key)) {}

 private:
  PublicKey public_key_;
};

class SigningKeys {
 public:
  virtual ~SigningKeys() = default;

  [[nodiscard]] virtual Result<std::shared_ptr<const SigningKey>> generate(Curve curve) = 0;
  // `private_key_info` is PKCS #8 in DER. kInvalid when it is no usable key, or not the private
  // half of `public_key`.
  [[nodiscard]] virtual Result<std::shared_ptr<const SigningKey>> import_key(
      ByteView private_key_info, const PublicKey& public_key) = 0;
  // PKCS #8 in DER.
  [[nodiscard]] virtual Result<SecretBytes> export_key(const SigningKey& key) = 0;

  // An ECDSA-Sig-Value (RFC 3279 section 2.2.3) over `octets`.
  [[nodiscard]] virtual Result<Bytes> sign(const SigningKey& key, Digest digest,
                                           ByteView octets) = 0;
  // kDenied when the signature is not the key's, or the key is no point of its curve.
  [[nodiscard]] virtual Status verify(const PublicKey& key, Digest digest, ByteView octets,
                                      ByteView signature) = 0;

  [[nodiscard]] virtual Result<Bytes> sha256(ByteView octets) = 0;
  [[nodiscard]] virtual Status random(std::span<std::uint8_t> out) = 0;
};

// What a key of this curve signs certificates with.
[[nodiscard]] constexpr Digest digest_for(Curve curve) {
  return curve == Curve::kP256 ? Digest::kSha256 : Digest::kSha384;
}

}  // namespace espalier::certificates
