#include "operator/certificates/approval.h"

#include <algorithm>
#include <cstdint>
#include <tuple>

#include <fmt/format.h>

#include "base/base64.h"

namespace espalier::certificates {

namespace {

constexpr Seconds kLeastLifetime{600};  // the least that the API server lets anybody ask for

// The member of a map; null for anything else.
const Json& member(const Json& map, std::string_view key) {
  static const Json kNone;
  if (!map.is_object()) return kNone;
  const auto at = map.find(std::string(key));
  return at == map.end() ? kNone : *at;
}

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : std::string();
}

bool has_condition(const Json& csr, std::string_view type) {
  const Json& conditions = member(member(csr, "status"), "conditions");
  if (!conditions.is_array()) return false;
  return std::any_of(conditions.begin(), conditions.end(), [type](const Json& condition) {
    return text_of(member(condition, "type")) == type &&
           text_of(member(condition, "status")) != "False";
  });
}

// The one value that the API server wrote for a claim; empty when there is none, or several.
std::string claim(const Json& spec, std::string_view name) {
  const Json& values = member(member(spec, "extra"), name);
  return values.is_array() && values.size() == 1 ? text_of(values.front()) : std::string();
}

Seconds lifetime_of(const Json& spec, Seconds longest) {
  const Json& asked = member(spec, "expirationSeconds");
  if (!asked.is_number_integer()) return longest;
  const Seconds wanted{std::clamp<std::int64_t>(asked.get<std::int64_t>(), 0, longest.count())};
  return std::min(std::max(wanted, kLeastLifetime), longest);
}

struct Refusal {
  std::string reason;
  std::string message;
};

// Who asks: nothing but the API server's own words.
std::optional<Refusal> judge_requester(const Json& spec, const ApprovalRules& rules) {
  const std::string user = text_of(member(spec, "username"));
  if (user != rules.requester) {
    return Refusal{"WrongRequester",
                   fmt::format("asked for by \"{}\"; only \"{}\" may ask", user, rules.requester)};
  }
  for (const std::string_view name : {kNodeNameClaim, kPodNameClaim, kPodUidClaim}) {
    if (!claim(spec, name).empty()) continue;
    return Refusal{"TokenNotBound",
                   fmt::format("the requester's token has no claim {}; it must be bound to the "
                               "agent's pod (a projected token, Kubernetes 1.32 or newer)",
                               name)};
  }
  return std::nullopt;
}

std::optional<Refusal> judge_usages(const Json& spec) {
  const Json& usages = member(spec, "usages");
  if (usages.is_array() && usages.size() == 1 && text_of(usages.front()) == kUsage) {
    return std::nullopt;
  }
  return Refusal{"WrongUsages", fmt::format("spec.usages must be exactly [\"{}\"]", kUsage)};
}

Decision refuse(bool approved, std::string reason, std::string message) {
  Decision decision;
  decision.verdict = approved ? Verdict::kFail : Verdict::kDeny;
  decision.reason = std::move(reason);
  decision.message = std::move(message);
  return decision;
}

Result<CertificateRequest> read_request(const Json& spec) {
  const std::string encoded = text_of(member(spec, "request"));
  auto pem = decode_base64(encoded);
  if (!pem || encoded.size() > 4 * kMaxRequest) {
    return fail(Code::kInvalid, "request", "is no base64, or too long");
  }
  return decode_request_pem(to_text(pem->view()));
}

// A copy that can be written back, whose status is a map.
Json for_update(const Json& csr) {
  Json copy = csr.is_object() ? csr : Json::object();
  if (member(copy, "metadata").is_object()) copy["metadata"].erase("managedFields");
  if (!member(copy, "status").is_object()) copy["status"] = Json::object();
  return copy;
}

}  // namespace

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kIgnore:
      return "Ignore";
    case Verdict::kWait:
      return "Wait";
    case Verdict::kApprove:
      return "Approve";
    case Verdict::kSign:
      return "Sign";
    case Verdict::kDeny:
      return "Deny";
    case Verdict::kFail:
      return "Fail";
  }
  return "?";
}

Decision decide(const Json& csr, const ApprovalRules& rules, const IdentityOf& identity_of,
                SigningKeys& keys) {
  const Json& spec = member(csr, "spec");
  const auto ignore = [](std::string reason) {
    Decision decision;
    decision.reason = std::move(reason);
    return decision;
  };
  if (text_of(member(spec, "signerName")) != kSignerName) return ignore("OtherSigner");
  if (!text_of(member(member(csr, "status"), "certificate")).empty()) return ignore("Signed");
  if (has_condition(csr, "Denied") || has_condition(csr, "Failed")) return ignore("Refused");
  if (!member(member(csr, "metadata"), "deletionTimestamp").is_null()) return ignore("Deleted");
  const bool approved = has_condition(csr, "Approved");

  if (const auto refusal = judge_requester(spec, rules)) {
    return refuse(approved, refusal->reason, refusal->message);
  }
  if (const auto refusal = judge_usages(spec)) {
    return refuse(approved, refusal->reason, refusal->message);
  }
  auto request = read_request(spec);
  if (!request) return refuse(approved, "BadRequest", request.error().to_string());
  Decision decision;
  decision.node.node = claim(spec, kNodeNameClaim);
  if (request->subject.common_name != decision.node.node) {
    return refuse(approved, "OtherNode",
                  fmt::format("the request is for node \"{}\", but the requester's pod runs on "
                              "node \"{}\"",
                              request->subject.common_name, decision.node.node));
  }
  const auto identity = identity_of(decision.node.node);
  if (!identity) {
    decision.verdict = Verdict::kWait;
    decision.reason = "NoNodeEndpoint";
    decision.message = fmt::format("there is no NodeEndpoint \"{}\" yet", decision.node.node);
    return decision;
  }
  decision.node.identity = *identity;
  if (auto checked = check_request(*request, decision.node, keys); !checked) {
    return refuse(approved, "BadRequest", checked.error().to_string());
  }
  decision.verdict = approved ? Verdict::kSign : Verdict::kApprove;
  decision.reason = "BoundToNode";
  decision.message =
      fmt::format("asked for by pod {} on node {}, for its own identity {}",
                  claim(spec, kPodNameClaim), decision.node.node, decision.node.identity);
  decision.lifetime = lifetime_of(spec, rules.lifetime);
  decision.request = std::move(*request);
  return decision;
}

Json with_condition(const Json& csr, const Decision& decision) {
  Json changed = for_update(csr);
  const char* type = "Approved";
  if (decision.verdict == Verdict::kDeny) type = "Denied";
  if (decision.verdict == Verdict::kFail) type = "Failed";
  Json& conditions = changed["status"]["conditions"];
  if (!conditions.is_array()) conditions = Json::array();
  conditions.push_back({{"type", type},
                        {"status", "True"},
                        {"reason", decision.reason},
                        {"message", decision.message}});
  return changed;
}

Json with_certificate(const Json& csr, std::string_view pem) {
  Json changed = for_update(csr);
  changed["status"]["certificate"] = to_text(encode_base64(as_bytes(pem)).view());
  return changed;
}

}  // namespace espalier::certificates
