#include "operator/certificates/controller/external_issuer.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/base64.h"
#include "ike/crypto/pem.h"
#include "operator/certificates/controller/trust_config_map.h"

namespace espalier::certificates {

using kube::ErrorKind;
using kube::Json;
using Answer = ExternalIssuer::Answer;
using What = ExternalIssuer::Answer::What;

namespace {

constexpr const char* kRequestAnnotation = "espalier.io/request";

// The condition of a type; nullptr without one.
const Json* condition(const Json& object, std::string_view type) {
  const Json* list = kube::find_field(object, "status.conditions");
  if (list == nullptr || !list->is_array()) return nullptr;
  for (const Json& one : *list) {
    if (kube::field_text(one, "type") == type) return &one;
  }
  return nullptr;
}

bool is_true(const Json* condition) {
  return condition != nullptr && kube::field_text(*condition, "status") == "True";
}

Answer refused(std::string reason, std::string message) {
  return {What::kRefused, {}, std::move(reason), std::move(message)};
}

std::string decoded(const Json& status, std::string_view field) {
  const auto octets = decode_base64(kube::field_text(status, field));
  return octets ? to_text(octets->view()) : std::string();
}

// Whether each certificate of `some` is one of `all`.
bool holds(const std::string& all, const std::string& some) {
  const auto known = ike::crypto::decode_pem(all);
  const auto wanted = ike::crypto::decode_pem(some);
  if (!known || !wanted) return false;
  return std::all_of(wanted->begin(), wanted->end(), [&](const auto& block) {
    return std::any_of(known->begin(), known->end(), [&](const auto& other) {
      return std::ranges::equal(other.data.view(), block.data.view());
    });
  });
}

}  // namespace

kube::Resource certificate_requests() {
  return {"cert-manager.io", "v1", "certificaterequests", "CertificateRequest",
          kube::Scope::kNamespaced};
}

std::string request_of(const kube::Object& certificate_request) {
  const auto& annotations = certificate_request.metadata.annotations;
  const auto found = annotations.find(kRequestAnnotation);
  return found == annotations.end() ? std::string() : found->second;
}

kube::ApiResult<Answer> ExternalIssuer::ask(const kube::Object& request,
                                            std::chrono::seconds lifetime) const {
  const kube::ObjectKey key{ns_, "espalier-" + request.metadata.uid};
  const auto found = client_.get(certificate_requests(), key);
  if (!found) {
    if (found.error().kind == ErrorKind::kNotFound) return create(key, request, lifetime);
    return tl::unexpected(found.error());
  }
  const Json& object = (*found)->json;
  if (kube::field_text(object, "spec.request") != kube::field_text(request.json, "spec.request") ||
      kube::field_text(object, "spec.issuerRef.name") != issuer_.name) {
    return refused("OtherRequest",
                   fmt::format("CertificateRequest {} is for something else; delete it "
                               "and ask again",
                               key.to_string()));
  }
  for (const char* type : {"Denied", "InvalidRequest"}) {
    if (const Json* no = condition(object, type); is_true(no)) {
      return refused("IssuerRefused", fmt::format("{} {} says {}: {}", issuer_.kind, issuer_.name,
                                                  type, kube::field_text(*no, "message")));
    }
  }
  const Json* ready = condition(object, "Ready");
  if (is_true(ready)) return issued(object.value("status", Json::object()));
  if (ready == nullptr) return Answer{};
  const std::string reason = kube::field_text(*ready, "reason");
  const std::string message = kube::field_text(*ready, "message");
  if (reason == "Failed" || reason == "Denied") {
    return refused("IssuerRefused",
                   fmt::format("{} {} says {}: {}", issuer_.kind, issuer_.name, reason, message));
  }
  return Answer{};
}

kube::ApiResult<Answer> ExternalIssuer::create(const kube::ObjectKey& key,
                                               const kube::Object& request,
                                               std::chrono::seconds lifetime) const {
  const Json object = {
      {"metadata",
       {{"name", key.name},
        {"namespace", key.ns},
        {"annotations", {{kRequestAnnotation, request.key().name}}},
        {"ownerReferences", Json::array({kube::owner_reference(request)})}}},
      {"spec",
       {{"request", kube::field_text(request.json, "spec.request")},
        {"duration", fmt::format("{}s", lifetime.count())},
        {"isCA", false},
        // cert-manager has no name for id-kp-ipsecIKE.
        {"usages", {"digital signature", "server auth", "client auth"}},
        {"issuerRef",
         {{"name", issuer_.name}, {"kind", issuer_.kind}, {"group", issuer_.group}}}}}};
  auto made = client_.create(certificate_requests(), object);
  if (made || made.error().kind == ErrorKind::kExists) return Answer{};
  kube::ApiError error = std::move(made.error());
  if (error.kind == ErrorKind::kNotFound) {
    error.kind = ErrorKind::kTransient;
    error.message += "; is cert-manager installed?";
  }
  return tl::unexpected(std::move(error));
}

kube::ApiResult<Answer> ExternalIssuer::issued(const Json& status) const {
  const std::string certificate = decoded(status, "certificate");
  const auto blocks = ike::crypto::decode_pem(certificate);
  if (!blocks || blocks->empty()) {
    return refused("IssuerRefused",
                   fmt::format("{} {} gave no certificate in PEM", issuer_.kind, issuer_.name));
  }
  auto published = read_trust(client_, ns_);
  if (!published) return tl::unexpected(std::move(published.error()));
  std::string bundle = published->value_or("");
  const std::string ca = decoded(status, "ca");
  if (ca.empty() && bundle.empty()) {
    return Answer{What::kPending,
                  {},
                  "NoTrust",
                  fmt::format("{} {} does not name its CA: put it into ConfigMap {}/{}, key {}",
                              issuer_.kind, issuer_.name, ns_, kTrustConfigMap, kTrustKey)};
  }
  if (!ca.empty() && !holds(bundle, ca)) {
    if (!bundle.empty() && bundle.back() != '\n') bundle += '\n';
    if (auto done = publish_trust(client_, ns_, bundle + ca); !done)
      return tl::unexpected(std::move(done.error()));
  }
  return Answer{What::kIssued, certificate, {}, {}};
}

}  // namespace espalier::certificates
