// What a Kubernetes Node says about itself, as a NodeEndpoint.
//
// Guarantees: total: any object gives a spec or an error that names the field.
#pragma once

#include "base/result.h"
#include "crds/types/node_endpoint.h"
#include "kube/object.h"

namespace espalier::reconcile {

// Only Linux nodes take part; a node that does not say what it runs counts as one.
[[nodiscard]] bool runs_linux(const kube::Object& node);

// Addresses: the first InternalIP of each family. Identity: the node's name. Errors: kUnavailable
// while the Node has no InternalIP yet ("status.addresses"), kInvalid for what is no address.
[[nodiscard]] Result<crds::NodeEndpointSpec> endpoint_of(const kube::Object& node,
                                                         crds::PodNetwork pod_network);

// Where the API server really listens: the addresses and ports of an EndpointSlice.
[[nodiscard]] std::vector<Endpoint> endpoints_of(const kube::Object& endpoint_slice);

}  // namespace espalier::reconcile
