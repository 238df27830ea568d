// Certificate: an X.509 certificate of the few kinds made here (a CA, a node), read and written.
//
// Guarantees: decode_certificate() takes any octets and refuses what these kinds are not; nothing
// is verified by it. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "operator/certificates/signing_keys.h"
#include "operator/certificates/x509.h"

namespace espalier::certificates {

struct Certificate {
  Bytes der;
  Bytes signed_part;  // TBSCertificate
  Bytes serial;       // the INTEGER's content
  Name issuer;
  Bytes issuer_der;
  Name subject;
  Bytes subject_der;
  WallTime not_before{};
  WallTime not_after{};
  PublicKey key;
  bool is_ca = false;
  Bytes key_id;         // SubjectKeyIdentifier; empty without one
  Bytes issuer_key_id;  // of AuthorityKeyIdentifier; empty without one
  std::vector<AltName> alt_names;
  Digest digest = Digest::kSha256;
  Bytes signature;

  friend bool operator==(const Certificate& a, const Certificate& b) { return a.der == b.der; }
};

// Names other than O and CN, and keys other than ECDSA on P-256 and P-384, are refused: no CA of
// ours has them. Unknown extensions are skipped unless critical.
[[nodiscard]] Result<Certificate> decode_certificate(ByteView der);
// PEM with exactly one block, "CERTIFICATE".
[[nodiscard]] Result<Certificate> decode_certificate_pem(std::string_view text);
[[nodiscard]] std::string to_pem(const Certificate& certificate);

// What is to be signed.
struct Draft {
  Bytes serial;  // the INTEGER's content: positive, shortest form
  Bytes issuer_der;
  WallTime not_before{};
  WallTime not_after{};
  Bytes subject_der;
  PublicKey key;
  Bytes extensions;  // each by encode_extension(), one after the other
};

// The draft signed by `key`, read back.
[[nodiscard]] Result<Certificate> sign_certificate(const Draft& draft, const SigningKey& key,
                                                   SigningKeys& keys);

// Whether `certificate` was signed by the CA: names, signature; not dates.
[[nodiscard]] Status check_issued(const Certificate& certificate, const Certificate& ca,
                                  SigningKeys& keys);

}  // namespace espalier::certificates
