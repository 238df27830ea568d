#include "operator/reconcile/status/policy_status.h"

#include <string_view>

#include <fmt/format.h>

#include "operator/reconcile/status/condition_list.h"

namespace espalier::reconcile {

namespace {

struct Verdict {
  bool holds = false;
  std::string_view reason;
  std::string message;
};

std::string nodes(std::int64_t some, std::int64_t all) {
  return fmt::format("{} of {} {}", some, all, all == 1 ? "node" : "nodes");
}

// "node n1: words (and 3 more nodes)"
std::string told_by(const NodeWords& first, std::int64_t count) {
  std::string text = fmt::format("node {}: {}", first.node, readable(first.words));
  if (count > 1) text += fmt::format(" (and {} more {})", count - 1, count == 2 ? "node" : "nodes");
  return text;
}

Verdict programmed(const PolicyCount& count) {
  if (count.named == 0) {
    return {false, "NoNodes", "no node is told of it: it selects none, or they are not known yet"};
  }
  if (count.in_force == count.named) {
    return {true, "Programmed", nodes(count.in_force, count.named)};
  }
  if (count.first_failure) {
    return {false, "NodeFailed", told_by(*count.first_failure, count.failed)};
  }
  return {false, "Pending", nodes(count.in_force, count.named)};
}

Verdict enforcing(crds::Enforcement enforcement, const Verdict& programmed) {
  switch (enforcement) {
    case crds::Enforcement::kPreferred:
      return {false, "Preferred", "traffic passes in clear where no SA exists"};
    case crds::Enforcement::kBypass:
      return {false, "Bypass", "traffic passes in clear"};
    case crds::Enforcement::kRequired:
      break;
  }
  if (!programmed.holds) return programmed;
  return {true, "Required", "traffic passes encrypted or not at all"};
}

Verdict ready(const PolicyCount& count, std::int64_t ready_nodes, const Verdict& programmed) {
  if (!programmed.holds) return programmed;
  if (ready_nodes == count.named) return {true, "Ready", nodes(ready_nodes, count.named)};
  return {false, "PeersMissing",
          nodes(ready_nodes, count.named) + " with an encrypted way to every peer"};
}

}  // namespace

std::optional<crds::IPsecPolicyStatus> policy_status(const PolicyFacts& policy,
                                                     const PolicyCount& count,
                                                     const crds::IPsecPolicyStatus& standing,
                                                     const std::string& now) {
  ConditionList conditions(standing.conditions, policy.generation, now);
  const auto add = [&conditions](std::string_view type, const Verdict& verdict) {
    conditions.add(type, verdict.holds, verdict.reason, verdict.message);
  };
  crds::IPsecPolicyStatus made;
  made.nodes = crds::Count{count.named, 0};
  if (conditions.add_accepted(policy.problems)) {
    const bool bypass = policy.enforcement == crds::Enforcement::kBypass;
    made.nodes->ready = bypass ? count.in_force : count.complete;
    const Verdict in_force = programmed(count);
    add("Programmed", in_force);
    add("Enforcing", enforcing(policy.enforcement, in_force));
    add("Ready", ready(count, made.nodes->ready, in_force));
    for (const auto& [reason, notes] : count.notes)
      conditions.add(reason, true, reason, told_by(notes.first, notes.nodes));
  } else {
    const Verdict refused{false, refusal(policy.problems), "it is not accepted"};
    for (const std::string_view type : {"Programmed", "Enforcing", "Ready"}) add(type, refused);
  }
  made.conditions = conditions.take();
  // As it will be read back: texts may have been fitted to what the API server takes.
  made = crds::read_ipsec_policy_status({{"status", crds::encode(made)}});
  if (made.nodes == standing.nodes && same_conditions(made.conditions, standing.conditions,
                                                      {"Accepted", "Programmed", "Enforcing",
                                                       "Ready", "ProfileConflict", "Shadowed"})) {
    return std::nullopt;
  }
  return made;
}

}  // namespace espalier::reconcile
