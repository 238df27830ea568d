// CertificateAuthority: the operator's CA, that signs the nodes' certificates.
//
// What it signs is for IKE alone: one DNS name, digitalSignature, the ExtendedKeyUsage
// id-kp-ipsecIKE, a random serial number, the key identifiers of both ends. The CA's own name holds
// a part of its key's identifier, so that no two CAs have one name (NSS keeps issuer and serial
// apart for a whole process).
//
// Guarantees: a node's certificate never outlives the CA's; pure but for the port. Time is an
// argument.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret_bytes.h"
#include "base/time.h"
#include "operator/certificates/certificate.h"
#include "operator/certificates/certificate_request.h"
#include "operator/certificates/signing_keys.h"

namespace espalier::certificates {

using Seconds = std::chrono::seconds;

// How far a certificate's validity begins in the past, for nodes whose clock is behind.
inline constexpr Seconds kBackdate = std::chrono::minutes(10);

class CertificateAuthority {
 public:
  // A new key and its certificate, valid for `lifetime`.
  [[nodiscard]] static Result<CertificateAuthority> create(SigningKeys& keys, Curve curve,
                                                           WallTime now, Seconds lifetime);
  // From a Secret. Errors have "ca.crt" or "ca.key" as their place; an expired CA is none, so that
  // it can be replaced.
  [[nodiscard]] static Result<CertificateAuthority> load(SigningKeys& keys,
                                                         std::string_view certificate_pem,
                                                         std::string_view key_pem);

  [[nodiscard]] const Certificate& certificate() const { return certificate_; }
  [[nodiscard]] std::string certificate_pem() const { return to_pem(certificate_); }
  // PKCS #8, for the Secret.
  [[nodiscard]] Result<SecretBytes> key_pem(SigningKeys& keys) const;

  // A certificate for a request that check_request() took. It begins kBackdate ago, but not before
  // the CA's, and ends `lifetime` from now, but not after the CA's. kUnavailable when the CA is not
  // valid now.
  [[nodiscard]] Result<Certificate> sign_node(const CertificateRequest& request,
                                              const NodeIdentity& node, WallTime now,
                                              Seconds lifetime, SigningKeys& keys) const;

 private:
  CertificateAuthority(Certificate certificate, std::shared_ptr<const SigningKey> key)
      : certificate_(std::move(certificate)), key_(std::move(key)) {}

  Certificate certificate_;
  std::shared_ptr<const SigningKey> key_;
};

}  // namespace espalier::certificates
