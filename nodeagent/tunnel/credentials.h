// Credentials: what the plan's Secret references stand for, as handles that the engine takes.
//
// The wiring fills the table from manifests and the crypto provider; nothing here knows either.
//
// Guarantees: a value that is not in the table is an error that names the Secret. Handles of the
// same content are the same value when the wiring reads the manifests again (an unchanged
// certificate keeps its CredentialId), so a changed handle means a changed Secret.
// Caveat: secrets are shared, never copied; the table itself holds no text of them.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/secret_bytes.h"
#include "ike/crypto/provider.h"
#include "operator/plan/node_plan.h"

namespace espalier::tunnel {

// A key pair of ours: what signs, and what its certificate says.
struct OwnCertificate {
  ike::crypto::CredentialId id{};
  ike::crypto::CertificateInfo info;
};

struct TrustAnchors {
  ike::crypto::TrustId id{};
  std::vector<ike::crypto::CertificateInfo> anchors;
};

class Credentials {
 public:
  // `value` may be the reason why a Secret cannot be used; connections that need it say so.
  void set_certificate(const plan::SecretRef& ref, Result<OwnCertificate> value);
  void set_trust(const plan::SecretRef& ref, Result<TrustAnchors> value);
  void set_secret(const plan::SecretRef& ref, Result<std::shared_ptr<const SecretBytes>> value);

  // kNotFound for what the wiring did not set, `where` is the reference.
  [[nodiscard]] Result<OwnCertificate> certificate(const plan::SecretRef& ref) const;
  [[nodiscard]] Result<TrustAnchors> trust(const plan::SecretRef& ref) const;
  [[nodiscard]] Result<std::shared_ptr<const SecretBytes>> secret(const plan::SecretRef& ref) const;

  // For status: every certificate that stands, by reference.
  [[nodiscard]] const std::map<std::string, Result<OwnCertificate>>& certificates() const {
    return certificates_;
  }
  [[nodiscard]] const std::map<std::string, Result<TrustAnchors>>& trusts() const {
    return trusts_;
  }

 private:
  std::map<std::string, Result<OwnCertificate>> certificates_;
  std::map<std::string, Result<TrustAnchors>> trusts_;
  std::map<std::string, Result<std::shared_ptr<const SecretBytes>>> secrets_;
};

}  // namespace espalier::tunnel
