// From the API's words to the plan's: what a policy or a Tunnel says about IKE, ESP and secrets.
#pragma once

#include <string>

#include "crds/types/ipsec_policy.h"
#include "crds/types/tunnel.h"
#include "operator/plan/node_plan.h"

namespace espalier::plan {

[[nodiscard]] Owner owner_of(const crds::IPsecPolicy& policy);
[[nodiscard]] Owner owner_of(const crds::Tunnel& tunnel);

// A connection between nodes with everything that comes from the policy alone: authentication, ppk,
// ike, encapsulation, liveness. Names, addresses, identities and children are the caller's.
[[nodiscard]] ConnectionPlan connection_from(const crds::IPsecPolicy& policy);
// As above, for a Tunnel.
[[nodiscard]] ConnectionPlan connection_from(const crds::Tunnel& tunnel);

// A child with everything but its rules and traffic selectors. The policy is no Bypass.
[[nodiscard]] ChildPlan child_from(const crds::IPsecPolicy& policy, std::string name, Mode mode);
[[nodiscard]] ChildPlan child_from(const crds::Tunnel& tunnel);

// True if two policies ask for the same IKE SA: ike, authentication and ppk.
[[nodiscard]] bool same_profile(const crds::IPsecPolicySpec& a, const crds::IPsecPolicySpec& b);

}  // namespace espalier::plan
