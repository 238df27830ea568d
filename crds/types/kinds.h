// The tables of all kinds, for decode.cc.
#pragma once

#include "crds/types/ipsec_policy.h"
#include "crds/types/node_endpoint.h"
#include "crds/types/node_policy.h"
#include "crds/types/pod_slice.h"
#include "crds/types/secret.h"
#include "crds/types/tunnel.h"
#include "crds/types/values.h"

namespace espalier::crds {

[[nodiscard]] Value<IPsecPolicySpec> ipsec_policy_spec();
[[nodiscard]] Value<TunnelSpec> tunnel_spec();
[[nodiscard]] Value<NodeEndpointSpec> node_endpoint_spec();
[[nodiscard]] Value<NodePolicySpec> node_policy_spec();
[[nodiscard]] Value<PodSliceSpec> pod_slice_spec();

// data: base64 in the manifest; string_data: plain text. Values are bounded to 1 MiB together, as
// in Kubernetes.
[[nodiscard]] Value<std::map<std::string, SecretBytes>> secret_data();
[[nodiscard]] Value<std::map<std::string, SecretBytes>> secret_string_data();

// What a Secret of this type, or with such keys, must hold: no placeholders, PEM where PEM is
// meant. `here` is the Secret's root.
void check_secret(const Secret& secret, const Cursor& here);

}  // namespace espalier::crds
