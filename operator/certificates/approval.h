// The approver and signer's decision about one CertificateSigningRequest, as a pure function.
//
// A request for signer espalier.io/node is taken only when the agent's ServiceAccount made it with
// a token that is bound to a pod on the very node that the certificate names: the API server writes
// the token's claims into spec.extra, where nobody else can. So a stolen node can ask for its own
// name and for no other.
//
// Guarantees: takes any JSON; the same object gives the same decision, and what was already decided
// is left alone, so a replayed event does nothing. What somebody else approved is judged again
// before it is signed. Messages are sentences for `kubectl describe csr` and hold no secret.
// Caveat: `identity_of` answers from a cache; a node that is not in it yet is waited for, not
// denied.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "operator/certificates/certificate.h"
#include "operator/certificates/certificate_authority.h"
#include "operator/certificates/certificate_request.h"
#include "operator/certificates/signing_keys.h"

namespace espalier::certificates {

using Json = nlohmann::json;

inline constexpr std::string_view kSignerName = "espalier.io/node";
// The only usage that Kubernetes has a name for and that says IPsec between hosts. What the
// certificate allows in the end is the CA's to say.
inline constexpr std::string_view kUsage = "ipsec tunnel";

// What a bound ServiceAccount token says of itself (KEP-4193), in spec.extra.
inline constexpr std::string_view kNodeNameClaim = "authentication.kubernetes.io/node-name";
inline constexpr std::string_view kPodNameClaim = "authentication.kubernetes.io/pod-name";
inline constexpr std::string_view kPodUidClaim = "authentication.kubernetes.io/pod-uid";

struct ApprovalRules {
  // Whose requests are taken: "system:serviceaccount:espalier-system:espalier-agent".
  std::string requester;
  // How long a certificate lives at most, and when the request does not say.
  Seconds lifetime = std::chrono::hours(24 * 30);
};

// The IKE identity of a node's NodeEndpoint; nullopt when there is none.
using IdentityOf = std::function<std::optional<std::string>(const std::string& node)>;

enum class Verdict : std::uint8_t {
  kIgnore,   // not ours, or done
  kWait,     // decide again when the node's NodeEndpoint is there
  kApprove,  // write condition Approved; the next look says kSign
  kSign,     // approved: sign `request` for `node`
  kDeny,     // write condition Denied
  kFail,     // somebody else approved what we refuse: write condition Failed
};
[[nodiscard]] std::string_view name_of(Verdict verdict);

struct Decision {
  Verdict verdict = Verdict::kIgnore;
  std::string reason;   // PascalCase, for the condition and the event
  std::string message;  // a sentence
  // With kApprove and kSign:
  NodeIdentity node;
  Seconds lifetime{};
  std::optional<CertificateRequest> request;
};

// `csr` is a certificates.k8s.io/v1 CertificateSigningRequest.
[[nodiscard]] Decision decide(const Json& csr, const ApprovalRules& rules,
                              const IdentityOf& identity_of, SigningKeys& keys);

// The object to PUT to the subresource: "approval" for kApprove and kDeny, "status" for kFail and
// signed(). It keeps the resourceVersion, so that a decision about an older state is refused with
// 409, and leaves the times to the API server.
[[nodiscard]] Json with_condition(const Json& csr, const Decision& decision);
[[nodiscard]] Json with_certificate(const Json& csr, std::string_view pem);

}  // namespace espalier::certificates
