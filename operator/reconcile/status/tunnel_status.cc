#include "operator/reconcile/status/tunnel_status.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

#include "operator/reconcile/status/condition_list.h"

namespace espalier::reconcile {

namespace {

using crds::ConditionStatus;

// An agent's reasons that lie in who proves what with which key, ours or the peer's: those of a
// connection it cannot begin, and ike::name_of() of those that broke off.
constexpr std::array<std::string_view, 14> kCredentialReasons = {
    "CredentialsMissing",   "CredentialsUnusable",
    "AuthenticationFailed", "UntrustedIssuer",
    "CertificateExpired",   "CertificateNotYetValid",
    "CertificateRevoked",   "CertificateUnacceptable",
    "IdNotInCertificate",   "IdUnexpected",
    "BadSignature",         "BadPsk",
    "PpkMissing",           "PpkMismatch"};

bool about_credentials(std::string_view reason) {
  return std::find(kCredentialReasons.begin(), kCredentialReasons.end(), reason) !=
         kCredentialReasons.end();
}

struct Verdict {
  ConditionStatus status = ConditionStatus::kFalse;
  std::string reason;
  std::string message;
};

Verdict established(const TunnelFacts& tunnel, const std::optional<TunnelReport>& report) {
  if (!report) {
    if (tunnel.node.empty()) return {ConditionStatus::kFalse, "NoNode", "no node carries it"};
    return {ConditionStatus::kFalse, "NoNode",
            fmt::format("node {} is not told of it yet, or is not known", tunnel.node)};
  }
  const bool current = report->uid == tunnel.uid && report->generation == tunnel.generation;
  if (!current || (!report->in_force && report->failure.empty())) {
    return {ConditionStatus::kFalse, "Pending",
            fmt::format("node {} has not followed yet", report->node)};
  }
  if (!report->in_force) {
    return {ConditionStatus::kFalse, "NodeFailed",
            fmt::format("node {}: {}", report->node, readable(report->failure))};
  }
  if (report->established) return {ConditionStatus::kTrue, "Established", "it stands"};
  return {ConditionStatus::kFalse, report->reason.empty() ? "NotEstablished" : report->reason,
          readable(report->message)};
}

Verdict credentials_valid(const Verdict& established) {
  if (established.status == ConditionStatus::kTrue) {
    return {ConditionStatus::kTrue, "Valid", "the node uses them"};
  }
  if (about_credentials(established.reason)) return established;
  return {ConditionStatus::kUnknown, "NotTried", "nobody has proved anything with them yet"};
}

}  // namespace

std::optional<crds::TunnelStatus> tunnel_status(const TunnelFacts& tunnel,
                                                const std::optional<TunnelReport>& report,
                                                const crds::TunnelStatus& standing,
                                                const std::string& now) {
  ConditionList conditions(standing.conditions, tunnel.generation, now);
  const auto add = [&conditions](std::string_view type, const Verdict& verdict) {
    conditions.add(type, verdict.status, verdict.reason, verdict.message);
  };
  crds::TunnelStatus made;
  made.node = report ? report->node : tunnel.node;
  const bool refused = tunnel.problems.empty() && !tunnel.refusal.empty();
  if (refused) conditions.add("Accepted", false, "Refused", readable(tunnel.refusal));
  if (!refused && conditions.add_accepted(tunnel.problems)) {
    const Verdict stands = established(tunnel, report);
    add("CredentialsValid", credentials_valid(stands));
    add("Established", stands);
    add("Ready", stands.status == ConditionStatus::kTrue
                     ? Verdict{ConditionStatus::kTrue, "Ready", "it stands"}
                     : stands);
  } else {
    const Verdict out{ConditionStatus::kFalse,
                      std::string(refused ? "Refused" : refusal(tunnel.problems)),
                      "it is not accepted"};
    add("CredentialsValid", {ConditionStatus::kUnknown, out.reason, out.message});
    add("Established", out);
    add("Ready", out);
  }
  made.conditions = conditions.take();
  // As it will be read back: texts may have been fitted to what the API server takes.
  made = crds::read_tunnel_status({{"status", crds::encode(made)}});
  if (made.node == standing.node &&
      same_conditions(made.conditions, standing.conditions,
                      {"Accepted", "CredentialsValid", "Established", "Ready"})) {
    return std::nullopt;
  }
  return made;
}

}  // namespace espalier::reconcile
