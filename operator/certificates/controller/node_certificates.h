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
// changes saves up to ten minutes. reconcile_request() is called for each change in `requests`, and
// with an issuer for each of certificate_requests() that is of ours, by request_of().
// NSS is open (ike/crypto/nss) before `keys`, and this is destroyed before `keys`.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
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

// A certificate of any kind in what nodes trust.
struct TrustedCa {
  std::string subject;
  WallTime not_after{};
};

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
    // With `issuer`: reads a PEM bundle, for expiries(). Empty: there are none.
    std::function<Result<std::vector<TrustedCa>>(const std::string& bundle)> read_bundle = {};
  };

  // `client` and `keys` outlive it.
  NodeCertificates(const kube::Client& client, Stores stores, SigningKeys& keys, Options options);

  // With an issuer: only looks at what nodes trust, every minute. A bundle that cannot be read is
  // an error of kTransient, and the ends that were known stay.
  [[nodiscard]] kube::Reconciled reconcile_ca(WallTime now) {
    return issuer_ ? look_at_trust() : ca_.reconcile(now);
  }
  [[nodiscard]] kube::Reconciled reconcile_request(const kube::ObjectKey& key, WallTime now) {
    return requests_.reconcile(key, now);
  }
  // For metrics; from any thread. With an issuer: when trust in each name that espalier-trust holds
  // ends, role "trusted": of a CA that was renewed under its name, the end of the latest.
  [[nodiscard]] std::vector<Expiry> expiries() const;

 private:
  [[nodiscard]] kube::Reconciled look_at_trust();

  const kube::Client& client_;
  const Options options_;
  CaKeeper ca_;
  const std::optional<ExternalIssuer> issuer_;
  RequestReconciler requests_;
  mutable std::mutex mutex_;
  std::vector<Expiry> trusted_;  // under mutex_
};

}  // namespace espalier::certificates
