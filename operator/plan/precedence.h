// How the rules of a plan are ordered where they overlap.
//
// From the most significant bit: what the rule is (2 bits), the policy's priority (10), the length
// of the peer prefix (8), the enforcement (2), and within one policy exemptions before what they
// are exempt from, nodes before blocks (2). That is the order of the contest between policies, so a
// rule that won it is matched first. Names, the last criterion, need no bits: two rules of equal
// precedence never overlap.
#pragma once

#include "crds/types/ipsec_policy.h"
#include "operator/plan/node_plan.h"

namespace espalier::plan {

enum class Part : std::uint8_t {
  kNodeExemption,
  kNode,
  kBlockExemption,
  kBlock,
};

inline constexpr Precedence kAlwaysExempt = 0;
// For exemptions that exempt from nothing: after everything.
inline constexpr Precedence kIdle = 0xffffff;

// peer_length: the prefix length of the ipBlock that names the peer; 0 for a policy without peers.
[[nodiscard]] constexpr Precedence policy_precedence(std::int64_t priority, int peer_length,
                                                     crds::Enforcement enforcement, Part part) {
  constexpr Precedence kPolicy = 2;
  return kPolicy << 22U | static_cast<Precedence>(1000 - priority) << 12U |
         static_cast<Precedence>(128 - peer_length) << 4U |
         static_cast<Precedence>(enforcement) << 2U | static_cast<Precedence>(part);
}

// Tunnels come before policies: the narrower remote block first, then the narrower local one, then
// Required before Preferred.
[[nodiscard]] inline Precedence tunnel_precedence(const Prefix& local, const Prefix& remote,
                                                  Enforcement enforcement) {
  constexpr Precedence kTunnel = 1;
  return kTunnel << 22U | static_cast<Precedence>(128 - remote.length()) << 12U |
         static_cast<Precedence>(128 - local.length()) << 4U |
         static_cast<Precedence>(enforcement) << 2U;
}

}  // namespace espalier::plan
