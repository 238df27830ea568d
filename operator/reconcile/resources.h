// Where the kinds of espalier.io live.
#pragma once

#include "kube/resource.h"

namespace espalier::reconcile {

[[nodiscard]] kube::Resource ipsec_policies();
[[nodiscard]] kube::Resource tunnels();
[[nodiscard]] kube::Resource node_policies();
[[nodiscard]] kube::Resource node_endpoints();
[[nodiscard]] kube::Resource pod_slices();
// discovery.k8s.io/v1, for where the API server listens.
[[nodiscard]] kube::Resource endpoint_slices();

}  // namespace espalier::reconcile
