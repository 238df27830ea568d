// Where the kinds of espalier.io live.
#pragma once

#include "kube/resource.h"

namespace espalier::crds {

[[nodiscard]] kube::Resource ipsec_policies();
[[nodiscard]] kube::Resource tunnels();
[[nodiscard]] kube::Resource node_policies();
[[nodiscard]] kube::Resource node_endpoints();
[[nodiscard]] kube::Resource pod_slices();

}  // namespace espalier::crds
