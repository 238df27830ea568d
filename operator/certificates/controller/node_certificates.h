// NodeCertificates: all that `espalier-operator run` does about certificates, as two reconcilers.
//
//   NodeCertificates certificates(client, {csrs.store(), endpoints.store()}, *keys, options);
//   Controller<ObjectKey> cas([&](const ObjectKey&) { return certificates.reconcile_ca(wall()); });
//   Controller<ObjectKey> requests(
//       [&](const ObjectKey& key) { return certificates.reconcile_request(key, wall()); });
//
// Guarantees and caveats: those of ca_keeper.h and request_reconciler.h. Both reconcilers block,
// and may run at the same time, on threads of their own.
// Assumptions: only the leader calls them. reconcile_ca() is called once at the start (any key,
// always the same one) and then comes again by itself; calling it also when Secret espalier-ca
// changes saves up to ten minutes. reconcile_request() is called for each change in `requests`.
// NSS is open (ike/crypto/nss) before `keys`, and this is destroyed before `keys`.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kube/client.h"
#include "kube/event_recorder.h"
#include "kube/reconcile.h"
#include "kube/store.h"
#include "operator/certificates/controller/ca_keeper.h"
#include "operator/certificates/controller/external_issuer.h"
#include "operator/certificates/controller/request_reconciler.h"

namespace espalier::certificates {

class NodeCertificates {
 public:
  struct Stores {
    // CertificateSigningRequests; the watch may select "spec.signerName=espalier.io/node".
    std::shared_ptr<const kube::Store> requests;
    std::shared_ptr<const kube::Store> endpoints;  // NodeEndpoints
  };
  struct Options {
    std::string ns;                        // "espalier-system": the operator's, and its agents'
    std::string agent = "espalier-agent";  // the agents' ServiceAccount, in `ns`
    CaTimes times = {};                    // check()ed by whoever read them
    std::function<bool(const Certificate& next)> everyone_follows = {};  // see CaKeeper::Config
    std::function<void(kube::Happening)> tell = {};  // to an EventSender; may be empty
    // Signs instead of a CA of our own: none is made then, and one that is there is left alone.
    std::optional<IssuerRef> issuer = {};
  };

  // `client` and `keys` outlive it.
  NodeCertificates(const kube::Client& client, Stores stores, SigningKeys& keys, Options options);

  [[nodiscard]] kube::Reconciled reconcile_ca(WallTime now) {
    return issuer_ ? kube::reconciled() : ca_.reconcile(now);
  }
  [[nodiscard]] kube::Reconciled reconcile_request(const kube::ObjectKey& key, WallTime now) {
    return requests_.reconcile(key, now);
  }
  // For metrics; from any thread.
  [[nodiscard]] std::vector<Expiry> expiries() const { return ca_.expiries(); }

 private:
  CaKeeper ca_;
  const std::optional<ExternalIssuer> issuer_;
  RequestReconciler requests_;
};

}  // namespace espalier::certificates
