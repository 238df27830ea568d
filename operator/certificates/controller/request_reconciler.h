// RequestReconciler: one CertificateSigningRequest of signer espalier.io/node approved and signed,
// or denied, as approval.h decides.
//
// Guarantees: each write carries the resource version that was judged, so an old decision is
// refused with 409 and made anew; a request that is done is left alone. What an administrator
// approved is signed when it would have been approved here, and Failed otherwise. reconcile() is
// for any thread, with different keys at the same time.
// Assumptions: `client`, `keys` and `ca` outlive it; the stores hold whole objects.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "kube/client.h"
#include "kube/event_recorder.h"
#include "kube/reconcile.h"
#include "kube/store.h"
#include "operator/certificates/approval.h"
#include "operator/certificates/controller/ca_keeper.h"
#include "operator/certificates/controller/external_issuer.h"

namespace espalier::certificates {

class RequestReconciler {
 public:
  struct Config {
    ApprovalRules rules;
    std::function<void(kube::Happening)> tell = {};  // Events, on the request; may be empty
    const ExternalIssuer* issuer = nullptr;          // signs instead of `ca`; outlives it
  };

  // `requests`: CertificateSigningRequests. `endpoints`: NodeEndpoints, whose spec.identity is what
  // a node may ask for.
  RequestReconciler(const kube::Client& client, std::shared_ptr<const kube::Store> requests,
                    std::shared_ptr<const kube::Store> endpoints, const CaKeeper& ca,
                    SigningKeys& keys, Config config)
      : client_(client),
        requests_(std::move(requests)),
        endpoints_(std::move(endpoints)),
        ca_(ca),
        keys_(keys),
        config_(std::move(config)) {}

  // Comes again after 10 s while the node has no NodeEndpoint, after 5 s while there is no CA to
  // sign with or to trust, after a minute while the external issuer has not decided (its
  // CertificateRequest is watched: certificate_requests()), after 1 s when the store was behind
  // (409). Errors are the API server's, or kTransient when signing failed.
  [[nodiscard]] kube::Reconciled reconcile(const kube::ObjectKey& key, WallTime now);

 private:
  [[nodiscard]] kube::Reconciled sign(const kube::Object& request, const Decision& decision,
                                      WallTime now);
  [[nodiscard]] kube::Reconciled sign_elsewhere(const kube::Object& request, Decision decision);
  [[nodiscard]] kube::ApiResult<kube::ObjectPtr> put(Json object, std::string_view subresource);
  [[nodiscard]] std::optional<std::string> identity_of(const std::string& node) const;
  void tell(const kube::Object& request, kube::EventType type, const Decision& decision,
            std::string action) const;

  const kube::Client& client_;
  const std::shared_ptr<const kube::Store> requests_;
  const std::shared_ptr<const kube::Store> endpoints_;
  const CaKeeper& ca_;
  SigningKeys& keys_;
  const Config config_;
};

}  // namespace espalier::certificates
