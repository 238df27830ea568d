// CredentialStore: the Secrets that a plan refers to, as handles of the crypto provider.
//
// Guarantees: unchanged content keeps its handle, so an unchanged certificate is no change for a
// connection; what is no longer referred to is removed from the provider; a Secret that cannot be
// used is an error in the table, never a missing entry. Copies of the texts kept for that
// comparison are SecretBytes.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "crds/types/manifest_set.h"
#include "ike/crypto/provider.h"
#include "nodeagent/tunnel/credentials.h"
#include "operator/plan/node_plan.h"

namespace espalier::runtime {

class CredentialStore {
 public:
  explicit CredentialStore(ike::crypto::Provider& provider) : provider_(provider) {}

  [[nodiscard]] std::shared_ptr<const tunnel::Credentials> build(const plan::NodePlan& plan,
                                                                 const crds::ManifestSet& manifests,
                                                                 WallTime now);

 private:
  template <typename Value>
  struct Kept {
    SecretBytes text;  // what the value was made of
    Value value{};
  };

  // The Secret's tls.crt and tls.key, or its tls.p12 with its password.
  [[nodiscard]] Result<tunnel::OwnCertificate> certificate(const plan::SecretRef& ref,
                                                           const crds::ManifestSet& manifests,
                                                           WallTime now);
  [[nodiscard]] Result<tunnel::TrustAnchors> trust(const plan::SecretRef& ref,
                                                   const crds::ManifestSet& manifests);
  [[nodiscard]] Result<std::shared_ptr<const SecretBytes>> secret(
      const plan::SecretRef& ref, const crds::ManifestSet& manifests);

  ike::crypto::Provider& provider_;
  std::map<std::string, Kept<tunnel::OwnCertificate>> certificates_;
  std::map<std::string, Kept<tunnel::TrustAnchors>> trusts_;
  std::map<std::string, Kept<std::shared_ptr<const SecretBytes>>> secrets_;
};

}  // namespace espalier::runtime
