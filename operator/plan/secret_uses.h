// Which Secrets a plan needs, and whether the manifests hold them.
#pragma once

#include <compare>
#include <vector>

#include "crds/types/manifest_set.h"
#include "crds/types/problem.h"
#include "operator/plan/node_plan.h"

namespace espalier::plan {

enum class SecretKind : std::uint8_t {
  kCertificate,  // tls.crt and tls.key of the Secret, or its tls.p12
  kTrust,        // PEM certificates under the key
  kPsk,          // crds::key_bytes of the value
  kPpk,          // crds::key_bytes of the value
};

struct SecretUse {
  SecretKind kind = SecretKind::kCertificate;
  SecretRef ref;
  Owner owner;  // the first object that asks for it

  friend bool operator==(const SecretUse&, const SecretUse&) = default;
};

// Each kind and reference once, in the order of the plan.
[[nodiscard]] std::vector<SecretUse> secret_uses(const NodePlan& plan);

// The Secrets that agents in a cluster read for a policy or Tunnel, each once. A policy's node
// certificates are none: there they come from the operator's CA.
[[nodiscard]] std::vector<SecretRef> secrets_of(const crds::IPsecPolicy& policy);
[[nodiscard]] std::vector<SecretRef> secrets_of(const crds::Tunnel& tunnel);

// What is missing or is no key, named by the object that asks for it. Whether a certificate is good
// is for the crypto provider to say.
[[nodiscard]] crds::Problems check_secrets(const NodePlan& plan,
                                           const crds::ManifestSet& manifests);

}  // namespace espalier::plan
