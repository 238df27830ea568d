#include "operator/certificates/controller/node_certificates.h"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "operator/certificates/controller/trust_config_map.h"

namespace espalier::certificates {
namespace {

constexpr Duration kLookAtTrust = std::chrono::minutes(1);

}  // namespace

NodeCertificates::NodeCertificates(const kube::Client& client, Stores stores, SigningKeys& keys,
                                   Options options)
    : client_(client),
      options_(std::move(options)),
      ca_(client, keys, {options_.ns, options_.times, options_.everyone_follows, options_.tell}),
      issuer_(options_.issuer ? std::optional<ExternalIssuer>(std::in_place, client, options_.ns,
                                                              *options_.issuer)
                              : std::nullopt),
      requests_(client, std::move(stores.requests), std::move(stores.endpoints), ca_, keys,
                {{fmt::format("system:serviceaccount:{}:{}", options_.ns, options_.agent),
                  options_.times.node_lifetime},
                 options_.tell,
                 issuer_ ? &*issuer_ : nullptr}) {}

kube::Reconciled NodeCertificates::look_at_trust() {
  if (!options_.read_bundle) return kube::reconciled();
  const auto bundle = read_trust(client_, options_.ns);
  if (!bundle) return tl::unexpected(bundle.error());
  std::map<std::string, WallTime> ends;
  if (const std::string text = bundle->value_or(""); !text.empty()) {
    const auto read = options_.read_bundle(text);
    if (!read) {
      kube::ApiError error;
      error.kind = kube::ErrorKind::kTransient;
      error.where = fmt::format("ConfigMap {}/{}, key {}", options_.ns, kTrustConfigMap, kTrustKey);
      error.message = read.error().to_string();
      error.retry_after = kLookAtTrust;
      return tl::unexpected(std::move(error));
    }
    for (const TrustedCa& ca : *read) {
      WallTime& end = ends[ca.subject];
      end = std::max(end, ca.not_after);
    }
  }
  std::vector<Expiry> found;
  for (const auto& [subject, end] : ends) found.push_back({"trusted", subject, end});
  const std::lock_guard lock(mutex_);
  trusted_ = std::move(found);
  return kube::reconcile_again(kLookAtTrust);
}

std::vector<Expiry> NodeCertificates::expiries() const {
  if (!issuer_) return ca_.expiries();
  const std::lock_guard lock(mutex_);
  return trusted_;
}

}  // namespace espalier::certificates
