#include "nodeagent/runtime/credential_store.h"

#include <set>

#include "crds/types/secret.h"

namespace espalier::runtime {
namespace {

std::string_view text_of(const SecretBytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.view().data()), bytes.size()};
}

// A password as people write it: without the line break that an editor leaves behind it.
std::string_view line_of(const SecretBytes& bytes) {
  std::string_view text = text_of(bytes);
  if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  return text;
}

SecretBytes joined(const SecretBytes& a, const SecretBytes& b) {
  SecretBytes both(a.size() + b.size());
  std::copy(a.view().begin(), a.view().end(), both.writable().begin());
  std::copy(b.view().begin(), b.view().end(),
            both.writable().begin() + static_cast<std::ptrdiff_t>(a.size()));
  return both;
}

Error in_secret(Error error, const plan::SecretRef& ref) {
  error.where = "Secret " + ref.to_string() + (error.where.empty() ? "" : ": " + error.where);
  return error;
}

template <typename Map, typename Drop>
void keep_only(Map& map, const std::set<std::string>& wanted, const Drop& drop) {
  for (auto it = map.begin(); it != map.end();) {
    if (wanted.contains(it->first)) {
      ++it;
    } else {
      drop(it->second);
      it = map.erase(it);
    }
  }
}

}  // namespace

Result<tunnel::OwnCertificate> CredentialStore::certificate(const plan::SecretRef& ref,
                                                            const crds::ManifestSet& manifests,
                                                            WallTime now) {
  const crds::Secret* secret = manifests.find_secret(ref.ns, ref.name);
  const bool pkcs12 = secret != nullptr && secret->data.contains(crds::kPkcs12Key);
  const auto first = manifests.find_value(ref.ns, ref.name, pkcs12 ? crds::kPkcs12Key : "tls.crt");
  if (!first) return tl::unexpected<Error>(first.error());
  const SecretBytes no_password;
  const SecretBytes* second = &no_password;
  if (!pkcs12 || secret->data.contains(crds::kPkcs12PasswordKey)) {
    const auto found =
        manifests.find_value(ref.ns, ref.name, pkcs12 ? crds::kPkcs12PasswordKey : "tls.key");
    if (!found) return tl::unexpected<Error>(found.error());
    second = *found;
  }
  SecretBytes text = joined(**first, *second);
  const auto known = certificates_.find(ref.to_string());
  if (known != certificates_.end() && ct_equal(known->second.text.view(), text.view()))
    return known->second.value;
  auto id = pkcs12 ? provider_.add_pkcs12((*first)->view(), line_of(*second), now)
                   : provider_.add_credential(text_of(**first), text_of(*second), now);
  if (!id && pkcs12) id.error().where = crds::kPkcs12Key;
  if (!id) return tl::unexpected<Error>(in_secret(id.error(), ref));
  auto info = provider_.credential_info(*id);
  if (!info) return tl::unexpected<Error>(in_secret(info.error(), ref));
  if (known != certificates_.end()) provider_.remove(known->second.value.id);
  tunnel::OwnCertificate own{*id, std::move(*info)};
  certificates_.insert_or_assign(ref.to_string(),
                                 Kept<tunnel::OwnCertificate>{std::move(text), own});
  return own;
}

Result<tunnel::TrustAnchors> CredentialStore::trust(const plan::SecretRef& ref,
                                                    const crds::ManifestSet& manifests) {
  const auto bundle = manifests.find_value(ref.ns, ref.name, ref.key.empty() ? "ca.crt" : ref.key);
  if (!bundle) return tl::unexpected<Error>(bundle.error());
  const auto known = trusts_.find(ref.to_string());
  if (known != trusts_.end() && ct_equal(known->second.text.view(), (*bundle)->view()))
    return known->second.value;
  const auto id = provider_.add_trust(text_of(**bundle));
  if (!id) return tl::unexpected<Error>(in_secret(id.error(), ref));
  auto anchors = provider_.trust_info(*id);
  if (!anchors) return tl::unexpected<Error>(in_secret(anchors.error(), ref));
  if (known != trusts_.end()) provider_.remove(known->second.value.id);
  tunnel::TrustAnchors trust{*id, std::move(*anchors)};
  trusts_.insert_or_assign(ref.to_string(), Kept<tunnel::TrustAnchors>{(*bundle)->copy(), trust});
  return trust;
}

Result<std::shared_ptr<const SecretBytes>> CredentialStore::secret(
    const plan::SecretRef& ref, const crds::ManifestSet& manifests) {
  const auto written = manifests.find_value(ref.ns, ref.name, ref.key);
  if (!written) return tl::unexpected<Error>(written.error());
  const auto known = secrets_.find(ref.to_string());
  if (known != secrets_.end() && ct_equal(known->second.text.view(), (*written)->view()))
    return known->second.value;
  auto bytes = crds::key_bytes((*written)->view());
  if (!bytes) return tl::unexpected<Error>(in_secret(bytes.error(), ref));
  auto shared = std::make_shared<const SecretBytes>(std::move(*bytes));
  secrets_.insert_or_assign(ref.to_string(),
                            Kept<std::shared_ptr<const SecretBytes>>{(*written)->copy(), shared});
  return std::shared_ptr<const SecretBytes>(shared);
}

std::shared_ptr<const tunnel::Credentials> CredentialStore::build(
    const plan::NodePlan& plan, const crds::ManifestSet& manifests, WallTime now) {
  auto table = std::make_shared<tunnel::Credentials>();
  std::set<std::string> certificates, trusts, secrets;
  const auto add_secret = [&](const plan::SecretRef& ref) {
    if (secrets.insert(ref.to_string()).second) table->set_secret(ref, secret(ref, manifests));
  };
  for (const plan::ConnectionPlan& connection : plan.connections) {
    if (connection.local.type == plan::AuthType::kPsk) {
      add_secret(connection.local.secret);
    } else if (certificates.insert(connection.local.secret.to_string()).second) {
      table->set_certificate(connection.local.secret,
                             certificate(connection.local.secret, manifests, now));
    }
    if (connection.remote.type == plan::AuthType::kPsk) {
      add_secret(connection.remote.secret);
    } else if (trusts.insert(connection.remote.secret.to_string()).second) {
      table->set_trust(connection.remote.secret, trust(connection.remote.secret, manifests));
    }
    for (const plan::PpkKey& key : connection.ppk.keys) add_secret(key.secret);
  }
  keep_only(certificates_, certificates,
            [&](const auto& kept) { provider_.remove(kept.value.id); });
  keep_only(trusts_, trusts, [&](const auto& kept) { provider_.remove(kept.value.id); });
  keep_only(secrets_, secrets, [](const auto&) {});
  return table;
}

}  // namespace espalier::runtime
