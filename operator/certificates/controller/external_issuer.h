// ExternalIssuer: cert-manager signs instead of the operator's own CA. For each approved request a
// CertificateRequest (cert-manager.io/v1) in the operator's namespace; what became of it.
//
// Guarantees: one CertificateRequest per CertificateSigningRequest, named by its uid and owned by
// it, so that it goes along; one of that name that asks for something else is refused. A
// certificate is given out only after the CA that the issuer names (status.ca) stands in
// espalier-trust; CAs are added there and never taken away, so that an issuer's CA rotates with
// overlap. Assumptions: who asks was judged before (approval.h); cert-manager's approver, or a
// policy's, approves what it is asked. `client` outlives it. Blocking; one thread at a time.
// Caveats: an issuer that names no CA needs it in espalier-trust by hand; until something stands
// there nothing is given out. The certificate itself is the issuer's to make and the node's to
// check.
#pragma once

#include <string>

#include "base/time.h"
#include "kube/client.h"

namespace espalier::certificates {

// cert-manager's, in cert-manager.io/v1.
[[nodiscard]] kube::Resource certificate_requests();
// The CertificateSigningRequest that a CertificateRequest of ours is for; empty: it is not ours.
[[nodiscard]] std::string request_of(const kube::Object& certificate_request);

struct IssuerRef {
  std::string name;
  std::string kind = "ClusterIssuer";  // or Issuer, in the operator's namespace; or another group's
  std::string group = "cert-manager.io";
};

class ExternalIssuer {
 public:
  struct Answer {
    enum class What { kPending, kIssued, kRefused };
    What what = What::kPending;
    std::string certificate;  // with kIssued: PEM, the node's first
    std::string reason;       // else: one CamelCase word; empty while nothing is wrong
    std::string message;      // and a sentence
  };

  ExternalIssuer(const kube::Client& client, std::string ns, IssuerRef issuer)
      : client_(client), ns_(std::move(ns)), issuer_(std::move(issuer)) {}

  // `request`: an approved CertificateSigningRequest. Errors are the API server's; kTransient where
  // it does not know CertificateRequests.
  [[nodiscard]] kube::ApiResult<Answer> ask(const kube::Object& request,
                                            std::chrono::seconds lifetime) const;

 private:
  [[nodiscard]] kube::ApiResult<Answer> create(const kube::ObjectKey& key,
                                               const kube::Object& request,
                                               std::chrono::seconds lifetime) const;
  [[nodiscard]] kube::ApiResult<Answer> issued(const kube::Json& status) const;

  const kube::Client& client_;
  const std::string ns_;
  const IssuerRef issuer_;
};

}  // namespace espalier::certificates
