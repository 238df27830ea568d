// encode: the specs that the operator writes, as the value of their object's field `spec`.
//
// Guarantees: decoding what was encoded gives the same spec; what is empty or a default is left
// out, so that the JSON of equal specs is equal.
#pragma once

#include "crds/types/document.h"
#include "crds/types/node_endpoint.h"
#include "crds/types/node_policy.h"
#include "crds/types/pod_slice.h"

namespace espalier::crds {

[[nodiscard]] Json encode(const NodeEndpointSpec& spec);
[[nodiscard]] Json encode(const NodePolicySpec& spec);
[[nodiscard]] Json encode(const PodSliceSpec& spec);

}  // namespace espalier::crds
