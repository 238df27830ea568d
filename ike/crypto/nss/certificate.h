// A certificate decoded: what people read of it, what the checks need, its public key. Private to
// this adapter.
//
// The decoded form stands by itself, outside NSS's process-wide store of certificates.
#pragma once

#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "ike/crypto/nss/handles.h"
#include "ike/crypto/provider.h"

namespace espalier::ike::crypto::nss {

inline constexpr std::uint16_t kMinRsaBits = 2048;  // NIST SP 800-131A; RFC 8247 section 3

struct Certificate {
  Bytes der;
  Bytes issuer_der;
  Bytes serial;  // the INTEGER's content
  Bytes spki;    // SubjectPublicKeyInfo
  CertificateInfo info;
  bool is_ca = false;         // basicConstraints says so
  bool may_sign_crls = true;  // KeyUsage is absent or says so
  PublicKeyPtr key;           // known to the token already, so that threads may share it
};

// Fails with kInvalid (no certificate; a subjectAltName that breaks its format) or kUnsupported (a
// key that is neither RSA nor ECDSA on P-256, P-384, P-521). The size of an RSA key is not judged
// here.
[[nodiscard]] Result<std::shared_ptr<const Certificate>> decode_certificate(ByteView der);

// The time an NSS call gave.
[[nodiscard]] WallTime wall_time(PRTime time);
[[nodiscard]] PRTime nss_time(WallTime time);

// "ECDSA P-256", "RSA 2048".
[[nodiscard]] std::string key_text(const CertificateInfo& info);

// An RSA key of less than kMinRsaBits.
[[nodiscard]] bool is_weak(const CertificateInfo& info);

}  // namespace espalier::ike::crypto::nss
