// What a node says of itself: the statuses of its NodePolicy and its NodeEndpoint.
//
// Guarantees: pure; every number comes from what stands in the kernel (telemetry::Snapshot), never
// from what is wanted; times of conditions that stay are kept. A peer counts as ready when each
// child of each of its connections has an SA, or a trap where it is made on demand. What is
// returned is as the API server will hand it out: equal means that there is nothing to write.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "crds/types/node_policy.h"
#include "crds/types/status.h"
#include "nodeagent/follow/plan_follower.h"
#include "nodeagent/telemetry/snapshot.h"
#include "operator/plan/node_plan.h"

namespace espalier::follow {

// What the agent was last given to carry out.
struct InForce {
  std::shared_ptr<const crds::NodePolicy> node_policy;  // null: nothing yet
  std::shared_ptr<const plan::NodePlan> plan;           // of it; not null when node_policy is not
};

// `standing` is what the object says now; `now` is RFC 3339. Until the snapshot says that the plan
// of `in_force` stands, hash and policies stay as they were.
[[nodiscard]] crds::NodePolicyStatus node_policy_status(const InForce& in_force,
                                                        const Verdict& verdict,
                                                        const telemetry::Snapshot& snapshot,
                                                        const crds::NodePolicyStatus& standing,
                                                        const std::string& now);

// The node's own certificate.
struct CertificateFacts {
  bool ready = false;
  std::string reason;
  std::string message;        // empty when all is well
  std::string serial_number;  // hexadecimal; empty: there is none
  std::string not_after;      // RFC 3339; empty: there is none
};

// `generation` is that of the NodeEndpoint.
[[nodiscard]] crds::NodeEndpointStatus node_endpoint_status(
    const telemetry::Snapshot& snapshot, const std::vector<std::string>& features,
    const CertificateFacts& certificate, std::int64_t generation,
    const crds::NodeEndpointStatus& standing, const std::string& now);

}  // namespace espalier::follow
