#include "nodeagent/tunnel/credentials.h"

namespace espalier::tunnel {

namespace {

template <typename T>
Result<T> look_up(const std::map<std::string, Result<T>>& table, const plan::SecretRef& ref,
                  const char* what) {
  const auto found = table.find(ref.to_string());
  if (found != table.end()) return found->second;
  return fail(Code::kNotFound, "Secret " + ref.to_string(),
              std::string("there is no such ") + what);
}

}  // namespace

void Credentials::set_certificate(const plan::SecretRef& ref, Result<OwnCertificate> value) {
  certificates_.insert_or_assign(ref.to_string(), std::move(value));
}

void Credentials::set_trust(const plan::SecretRef& ref, Result<TrustAnchors> value) {
  trusts_.insert_or_assign(ref.to_string(), std::move(value));
}

void Credentials::set_secret(const plan::SecretRef& ref,
                             Result<std::shared_ptr<const SecretBytes>> value) {
  secrets_.insert_or_assign(ref.to_string(), std::move(value));
}

Result<OwnCertificate> Credentials::certificate(const plan::SecretRef& ref) const {
  return look_up(certificates_, ref, "certificate");
}

Result<TrustAnchors> Credentials::trust(const plan::SecretRef& ref) const {
  return look_up(trusts_, ref, "set of trust anchors");
}

Result<std::shared_ptr<const SecretBytes>> Credentials::secret(const plan::SecretRef& ref) const {
  return look_up(secrets_, ref, "key");
}

}  // namespace espalier::tunnel
