#include "operator/certificates/controller/node_certificates.h"

#include <utility>

#include <fmt/format.h>

namespace espalier::certificates {

NodeCertificates::NodeCertificates(const kube::Client& client, Stores stores, SigningKeys& keys,
                                   Options options)
    : ca_(client, keys, {options.ns, options.times, options.everyone_follows, options.tell}),
      issuer_(options.issuer ? std::optional<ExternalIssuer>(std::in_place, client, options.ns,
                                                             *options.issuer)
                             : std::nullopt),
      requests_(client, std::move(stores.requests), std::move(stores.endpoints), ca_, keys,
                {{fmt::format("system:serviceaccount:{}:{}", options.ns, options.agent),
                  options.times.node_lifetime},
                 options.tell,
                 issuer_ ? &*issuer_ : nullptr}) {}

}  // namespace espalier::certificates
