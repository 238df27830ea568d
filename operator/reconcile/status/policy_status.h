// The status of an IPsecPolicy, from what all its nodes say.
//
//   Accepted         it is valid; else Invalid (or NotSupported), and which fields are why
//   Programmed       in force on every node that it concerns; else NodeFailed, Pending or NoNodes
//   Enforcing        Required, and in force on every node: what should be encrypted passes
//                    encrypted or not at all. False with Preferred and Bypass
//   Ready            all that, and its traffic is encrypted with every peer of every node (Bypass:
//                    in force everywhere)
//   ProfileConflict  only where it holds: some pair's ike, authentication or ppk are another
//                    policy's
//   Shadowed         only where it holds: some traffic that it applies to is decided by another
//                    policy
//
// Guarantees: pure. Nothing is answered when nothing would change, whatever is read back from the
// API server; a message changes only when a count, or the first node by name that failed, does.
// Caveats: each node that follows changes a count, so the caller lets some time pass between two
// writes of one status. A policy that no node is told of is not Ready: before the first NodePolicy
// is written, "on all of none" would be a lie. While an agent's grace for turning on runs,
// Enforcing is as true as what that agent reports as in force.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "crds/types/ipsec_policy.h"
#include "crds/types/problem.h"
#include "crds/types/status.h"
#include "operator/reconcile/status/node_reports.h"

namespace espalier::reconcile {

// Of the policy as it stands.
struct PolicyFacts {
  std::int64_t generation = 0;                                   // metadata.generation
  crds::Problems problems;                                       // empty: it is valid
  crds::Enforcement enforcement = crds::Enforcement::kRequired;  // of no account with problems
};

// What is to be written, or nullopt. `count` is NodeReports::count() for this state; `now` is
// RFC 3339.
[[nodiscard]] std::optional<crds::IPsecPolicyStatus> policy_status(
    const PolicyFacts& policy, const PolicyCount& count, const crds::IPsecPolicyStatus& standing,
    const std::string& now);

}  // namespace espalier::reconcile
