#include "operator/certificates/controller/request_reconciler.h"

#include <utility>

namespace espalier::certificates {

using kube::ErrorKind;
using kube::ObjectPtr;

namespace {

constexpr Duration kNodeRetry = std::chrono::seconds(10);
constexpr Duration kCaRetry = std::chrono::seconds(5);
constexpr Duration kIssuerRetry = std::chrono::minutes(1);  // for a watch that fails
constexpr Duration kWatchLag = std::chrono::seconds(1);

// A request that is gone needs nothing. One that was judged by an older state, as when the watch
// has not brought our own write yet, is looked at again. What else failed comes again as its kind
// calls for.
kube::Reconciled outcome(kube::ApiResult<ObjectPtr> written) {
  if (!written && written.error().kind == ErrorKind::kConflict) {
    return kube::reconcile_again(kWatchLag);
  }
  if (written || written.error().kind == ErrorKind::kNotFound) return kube::reconciled();
  return tl::unexpected(std::move(written.error()));
}

}  // namespace

kube::Reconciled RequestReconciler::reconcile(const kube::ObjectKey& key, WallTime now) {
  ObjectPtr request = requests_->find(key);
  if (!request) return kube::reconciled();
  const auto judge = [this, &request] {
    return decide(
        request->json, config_.rules, [this](const std::string& node) { return identity_of(node); },
        keys_);
  };
  Decision decision = judge();
  if (decision.verdict == Verdict::kApprove) {
    auto approved = put(with_condition(request->json, decision), "approval");
    if (!approved) return outcome(std::move(approved));
    tell(*request, kube::EventType::kNormal, decision, "Approve");
    request = std::move(*approved);
    decision = judge();
  }
  switch (decision.verdict) {
    case Verdict::kIgnore:
    case Verdict::kApprove:  // the API server took it and did not keep it: the watch will tell
      return kube::reconciled();
    case Verdict::kWait:
      return kube::reconcile_again(kNodeRetry);
    case Verdict::kSign:
      return sign(*request, decision, now);
    case Verdict::kDeny:
    case Verdict::kFail:
      break;
  }
  const bool denied = decision.verdict == Verdict::kDeny;
  auto refused = put(with_condition(request->json, decision), denied ? "approval" : "status");
  if (refused) tell(*request, kube::EventType::kWarning, decision, denied ? "Deny" : "Fail");
  return outcome(std::move(refused));
}

kube::Reconciled RequestReconciler::sign(const kube::Object& request, const Decision& decision,
                                         WallTime now) {
  if (config_.issuer != nullptr) return sign_elsewhere(request, decision);
  const auto ca = ca_.current(now);
  if (!ca || !ca->signing) return kube::reconcile_again(kCaRetry);
  auto certificate =
      ca->signing->sign_node(*decision.request, decision.node, now, decision.lifetime, keys_);
  if (!certificate) {
    kube::ApiError error;
    error.where = "sign " + request.key().to_string();
    error.message = certificate.error().to_string();
    return tl::unexpected(std::move(error));
  }
  auto written = put(with_certificate(request.json, to_pem(*certificate)), "status");
  return outcome(std::move(written));
}

kube::Reconciled RequestReconciler::sign_elsewhere(const kube::Object& request, Decision decision) {
  auto answer = config_.issuer->ask(request, decision.lifetime);
  if (!answer) return tl::unexpected(std::move(answer.error()));
  decision.reason = std::move(answer->reason);
  decision.message = std::move(answer->message);
  switch (answer->what) {
    case ExternalIssuer::Answer::What::kIssued:
      return outcome(put(with_certificate(request.json, answer->certificate), "status"));
    case ExternalIssuer::Answer::What::kPending:
      if (decision.reason.empty()) return kube::reconcile_again(kIssuerRetry);
      tell(request, kube::EventType::kWarning, decision, "Sign");
      return kube::reconcile_again(kCaRetry);
    case ExternalIssuer::Answer::What::kRefused:
      break;
  }
  decision.verdict = Verdict::kFail;
  auto refused = put(with_condition(request.json, decision), "status");
  if (refused) tell(request, kube::EventType::kWarning, decision, "Fail");
  return outcome(std::move(refused));
}

kube::ApiResult<ObjectPtr> RequestReconciler::put(Json object, std::string_view subresource) {
  return client_.replace(kube::certificate_signing_requests(), std::move(object), subresource);
}

std::optional<std::string> RequestReconciler::identity_of(const std::string& node) const {
  const ObjectPtr endpoint = endpoints_->find(node);
  if (!endpoint || endpoint->metadata.deleting()) return std::nullopt;
  std::string identity = kube::field_text(endpoint->json, "spec.identity");
  if (identity.empty()) return std::nullopt;
  return identity;
}

void RequestReconciler::tell(const kube::Object& request, kube::EventType type,
                             const Decision& decision, std::string action) const {
  if (!config_.tell) return;
  config_.tell(
      {kube::reference_to(request), type, decision.reason, std::move(action), decision.message});
}

}  // namespace espalier::certificates
