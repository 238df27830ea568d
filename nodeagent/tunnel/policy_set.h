// The kernel policies that a plan asks for, as data: what the permanent block, the exemptions and
// the way into the SAs are made of.
//
// Guarantees: pure and deterministic. No two wanted policies of one plan share an identity (a plan
// has no two rules with the same selector). Forward policies go from remote to local only: one on
// the whole cluster would block our own pods' way out (reference: what the kernel really does).
// Caveat: an ICMP type of 0 (echo reply) cannot be told from "any type" in a kernel selector.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "nodeagent/dataplane/policy.h"
#include "nodeagent/tunnel/pod_groups.h"
#include "operator/plan/node_plan.h"

namespace espalier::tunnel {

// Policies are set stage by stage and removed in reverse, so that nothing is blocked before what is
// exempt from the block, and outbound traffic comes last.
enum class Stage : std::uint8_t { kExempt, kInbound, kOutbound };

struct WantedPolicy {
  dataplane::Policy policy;  // index 0: given when it is set
  Stage stage = Stage::kExempt;

  friend bool operator==(const WantedPolicy&, const WantedPolicy&) = default;
};

// Our band of priorities: the order of a plan's rules (PodScope) counts from here. Policies below
// it are an administrator's own.
inline constexpr std::uint32_t kPriorityBase = 4096;

// How outbound traffic of a child is treated at the moment.
enum class OutboundForm : std::uint8_t {
  kRequire,  // by an SA or not at all; without one the kernel asks for it (Acquire)
  kUse,      // by an SA, else in clear, and the kernel asks for one. Transport mode only
  kAbsent,   // no policy: in clear
};

// What the rules of one child become policies with.
struct ChildForm {
  std::uint32_t reqid = 0;
  // The outer addresses. nullopt: not known, or several; a policy then takes any (inbound) or, in
  // tunnel mode outbound, none, which blocks.
  std::optional<IpAddress> local;
  std::optional<IpAddress> remote;
  bool remote_fixed = true;  // the peer has this one address; false: inbound takes any
  OutboundForm outbound = OutboundForm::kRequire;
};

// A rule that passes in clear, both ways. None where its pods cannot be told apart.
[[nodiscard]] std::vector<WantedPolicy> policies_of(const plan::BypassRule& rule,
                                                    const PodGroups& groups);

// Inbound, forward and outbound policies of a child's rules. Required: templates are required in
// both directions. Preferred: inbound they are optional, outbound `form.outbound` decides. Where
// the rules' pods cannot be told apart, Required is for everybody, and of Preferred there are none.
[[nodiscard]] std::vector<WantedPolicy> policies_of(const plan::ChildPlan& child,
                                                    const std::vector<plan::CoverRule>& rules,
                                                    const ChildForm& form, const PodGroups& groups);

// The outbound half of a rule's selector, as the kernel writes it; and the inbound one.
[[nodiscard]] dataplane::Selector outbound_selector(const plan::Selector& selector);
[[nodiscard]] dataplane::Selector inbound_selector(const plan::Selector& selector);

}  // namespace espalier::tunnel
