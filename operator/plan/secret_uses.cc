#include "operator/plan/secret_uses.h"

#include <algorithm>
#include <string>
#include <utility>

#include "operator/plan/settings.h"

namespace espalier::plan {

std::vector<SecretUse> secret_uses(const NodePlan& plan) {
  std::vector<SecretUse> uses;
  const auto add = [&uses](SecretKind kind, const SecretRef& ref, const Owner& owner) {
    const bool known = std::any_of(uses.begin(), uses.end(), [&](const SecretUse& use) {
      return use.kind == kind && use.ref == ref;
    });
    if (!known) uses.push_back({kind, ref, owner});
  };
  for (const ConnectionPlan& connection : plan.connections) {
    const bool psk = connection.local.type == AuthType::kPsk;
    add(psk ? SecretKind::kPsk : SecretKind::kCertificate, connection.local.secret,
        connection.owner);
    const bool remote_psk = connection.remote.type == AuthType::kPsk;
    add(remote_psk ? SecretKind::kPsk : SecretKind::kTrust, connection.remote.secret,
        connection.owner);
    for (const PpkKey& key : connection.ppk.keys)
      add(SecretKind::kPpk, key.secret, connection.owner);
  }
  return uses;
}

std::vector<SecretRef> secrets_of(const crds::IPsecPolicy& policy) {
  NodePlan plan;
  plan.connections.push_back(connection_from(policy));
  std::vector<SecretRef> secrets;
  for (const SecretUse& use : secret_uses(plan)) {
    const bool node_own = use.kind == SecretKind::kCertificate || use.kind == SecretKind::kTrust;
    if (!node_own) secrets.push_back(use.ref);
  }
  return secrets;
}

std::vector<SecretRef> secrets_of(const crds::Tunnel& tunnel) {
  NodePlan plan;
  plan.connections.push_back(connection_from(tunnel));
  std::vector<SecretRef> secrets;
  for (const SecretUse& use : secret_uses(plan)) secrets.push_back(use.ref);
  return secrets;
}

crds::Problems check_secrets(const NodePlan& plan, const crds::ManifestSet& manifests) {
  crds::Problems problems;
  for (const SecretUse& use : secret_uses(plan)) {
    const auto missing = [&](const Error& error) {
      problems.push_back(
          {crds::ProblemKind::kInvalid, {}, use.owner.to_string(), {}, error.to_string()});
    };
    std::vector<std::string> keys = {use.ref.key};
    if (use.kind == SecretKind::kCertificate) {
      const crds::Secret* secret = manifests.find_secret(use.ref.ns, use.ref.name);
      const bool pkcs12 = secret != nullptr && secret->data.contains(crds::kPkcs12Key);
      keys = pkcs12 ? std::vector<std::string>{crds::kPkcs12Key}
                    : std::vector<std::string>{"tls.crt", "tls.key"};
    }
    for (const std::string& key : keys) {
      const auto value = manifests.find_value(use.ref.ns, use.ref.name, key);
      if (!value) {
        missing(value.error());
        if (value.error().code == Code::kNotFound &&
            !manifests.find_secret(use.ref.ns, use.ref.name))
          break;
        continue;
      }
      if (use.kind != SecretKind::kPsk && use.kind != SecretKind::kPpk) continue;
      if (const auto bytes = crds::key_bytes((*value)->view()); !bytes) {
        missing({bytes.error().code, "Secret " + use.ref.to_string(), bytes.error().detail});
      }
    }
  }
  return problems;
}

}  // namespace espalier::plan
