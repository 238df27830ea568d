#include "nodeagent/follow/node_status.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "operator/reconcile/status/condition_list.h"

namespace espalier::follow {
namespace {

using telemetry::ConnectionStatus;

bool stands(const telemetry::ChildStatus& child) {
  return child.state == telemetry::ChildState::kUp ||
         child.state == telemetry::ChildState::kAdopted ||
         child.state == telemetry::ChildState::kTrap;
}

// Connections by name, with those that answer for an address of a block left out.
class Standing {
 public:
  explicit Standing(const telemetry::Snapshot& snapshot) {
    for (const ConnectionStatus& each : snapshot.connections) by_name_.emplace(each.name, &each);
  }
  [[nodiscard]] const ConnectionStatus* find(const std::string& connection) const {
    const auto at = by_name_.find(connection);
    return at == by_name_.end() ? nullptr : at->second;
  }
  [[nodiscard]] bool has(const plan::ConnectionPlan& connection,
                         const plan::ChildPlan& child) const {
    const ConnectionStatus* status = find(connection.name);
    return status != nullptr && status->state != telemetry::ConnectionState::kOutdated &&
           std::any_of(status->children.begin(), status->children.end(),
                       [&](const auto& each) { return each.name == child.name && stands(each); });
  }

 private:
  std::map<std::string_view, const ConnectionStatus*> by_name_;
};

// Peers, and whether everything that is asked for with each of them stands.
using Peers = std::map<std::string, bool>;

std::int64_t ready_of(const Peers& peers) {
  return std::count_if(peers.begin(), peers.end(), [](const auto& peer) { return peer.second; });
}

struct Counted {
  Peers all;
  std::map<std::string, Peers, std::less<>> by_policy;
};

Counted count(const plan::NodePlan& plan, const Standing& standing) {
  Counted counted;
  for (const plan::ConnectionPlan& connection : plan.connections) {
    if (!connection.remote_blocks.empty()) continue;  // whoever lives there: no known number
    for (const plan::ChildPlan& child : connection.children) {
      if (child.owner.kind != "IPsecPolicy") continue;
      const bool up = standing.has(connection, child);
      for (Peers* peers : {&counted.all, &counted.by_policy[child.owner.name]}) {
        const auto peer = peers->emplace(connection.peer, true).first;
        peer->second = peer->second && up;
      }
    }
  }
  return counted;
}

std::vector<crds::PolicyOnNode> policies_of(const InForce& in_force, const Counted& counted) {
  std::vector<crds::PolicyOnNode> all;
  for (const crds::PolicyReference& ref : in_force.node_policy->spec.policies) {
    crds::PolicyOnNode one{ref.name, ref.generation, 0, 0, {}};
    if (const auto peers = counted.by_policy.find(ref.name); peers != counted.by_policy.end()) {
      one.peers = static_cast<std::int64_t>(peers->second.size());
      one.ready = ready_of(peers->second);
    }
    for (const plan::PlanNote& note : in_force.plan->notes) {
      if (note.about.kind == "IPsecPolicy" && note.about.name == ref.name)
        one.notes.push_back({std::string(name_of(note.kind)), note.text});
    }
    all.push_back(std::move(one));
  }
  return all;
}

// What was wrong and what to do, as sentences.
std::string said_of(const telemetry::Failure& failure) {
  std::string text = failure.sentence;
  if (failure.what_to_do.empty()) return text;
  if (!text.empty()) text += text.back() == '.' ? " " : ". ";
  return text + failure.what_to_do;
}

crds::TunnelOnNode tunnel_of(const crds::TunnelReference& ref, const plan::NodePlan& plan,
                             const Standing& standing) {
  crds::TunnelOnNode one{ref.ns, ref.name, ref.generation, false, {}, {}};
  const plan::Owner owner{"Tunnel", ref.ns, ref.name};
  bool found = false;
  bool up = true;
  const telemetry::Failure* failure = nullptr;
  for (const plan::ConnectionPlan& connection : plan.connections) {
    if (!(connection.owner == owner)) continue;
    found = true;
    for (const plan::ChildPlan& child : connection.children)
      up = up && standing.has(connection, child);
    const ConnectionStatus* status = standing.find(connection.name);
    if (status != nullptr && status->last_failure) failure = &*status->last_failure;
  }
  one.established = found && up;
  if (one.established) return one;
  if (failure != nullptr) {
    one.reason = failure->reason;
    one.message = said_of(*failure);
    return one;
  }
  for (const plan::PlanNote& note : plan.notes) {
    if (!(note.about == owner)) continue;
    one.reason = name_of(note.kind);
    one.message = note.text;
  }
  return one;
}

struct Judged {
  crds::ConditionStatus status = crds::ConditionStatus::kUnknown;
  std::string reason;
  std::string message;
};

std::string released(const std::vector<telemetry::Release>& releases) {
  std::string names;
  for (const telemetry::Release& release : releases)
    names += (names.empty() ? "" : ", ") +
             (release.name.empty() ? std::string("the whole node") : release.name);
  return "clear traffic passes: somebody released " + names +
         " by hand; espalierctl release --end on the node takes it back";
}

// Of the first connection that nothing will help before something changes: what that is.
std::string without_attempt(const telemetry::Snapshot& snapshot) {
  for (const ConnectionStatus& each : snapshot.connections) {
    if (each.state != telemetry::ConnectionState::kOutdated &&
        each.state != telemetry::ConnectionState::kBlocked)
      continue;
    if (!each.last_failure) continue;
    return fmt::format("; {}: {}: {}", each.name, each.last_failure->reason,
                       said_of(*each.last_failure));
  }
  return {};
}

Judged programmed(const InForce& in_force, const Verdict& verdict,
                  const telemetry::Snapshot& snapshot, bool stands) {
  using crds::ConditionStatus;
  if (verdict.following == Following::kRefuses)
    return {ConditionStatus::kFalse, verdict.reason, verdict.message};
  if (verdict.following == Following::kWaits)
    return {ConditionStatus::kUnknown, verdict.reason, verdict.message};
  if (stands) return {ConditionStatus::kTrue, "Programmed", "the plan stands in the kernel"};
  const auto& problems = snapshot.plan.problems;
  if (!in_force.plan || snapshot.plan.hash != in_force.plan->hash || problems.empty())
    return {ConditionStatus::kUnknown, "Pending", "the plan is being carried out"};
  return {ConditionStatus::kFalse, "KernelRefused",
          fmt::format("{}: {}{}", problems.front().field, problems.front().message,
                      problems.size() == 1 ? std::string()
                                           : fmt::format("; and {} more", problems.size() - 1))};
}

}  // namespace

crds::NodePolicyStatus node_policy_status(const InForce& in_force, const Verdict& verdict,
                                          const telemetry::Snapshot& snapshot,
                                          const crds::NodePolicyStatus& standing,
                                          const std::string& now) {
  crds::NodePolicyStatus made = standing;
  const bool plan_stands =
      in_force.plan && snapshot.plan.applied && snapshot.plan.applied_hash == in_force.plan->hash;
  bool all_up = false;
  if (plan_stands) {
    const Standing connections(snapshot);
    const Counted counted = count(*in_force.plan, connections);
    made.applied_hash = in_force.node_policy->spec.hash;
    made.peers = crds::Count{static_cast<std::int64_t>(counted.all.size()), ready_of(counted.all)};
    made.policies = policies_of(in_force, counted);
    made.tunnels.clear();
    for (const crds::TunnelReference& ref : in_force.node_policy->spec.tunnels)
      made.tunnels.push_back(tunnel_of(ref, *in_force.plan, connections));
    made.tunnels_ready = std::count_if(made.tunnels.begin(), made.tunnels.end(),
                                       [](const auto& tunnel) { return tunnel.established; });
    all_up = made.peers->ready == made.peers->wanted &&
             made.tunnels_ready == static_cast<std::int64_t>(made.tunnels.size());
  }
  reconcile::ConditionList conditions(standing.conditions, verdict.generation, now);
  const Judged judged = programmed(in_force, verdict, snapshot, plan_stands);
  conditions.add("Programmed", judged.status, judged.reason, reconcile::readable(judged.message));
  if (judged.status != crds::ConditionStatus::kTrue) {
    conditions.add("Ready", false, judged.reason, reconcile::readable(judged.message));
  } else if (!snapshot.releases.empty()) {
    conditions.add("Ready", false, "Released", reconcile::readable(released(snapshot.releases)));
  } else if (all_up) {
    conditions.add("Ready", true, "Ready", "everything that is asked for stands");
  } else {
    const bool peers = made.peers->ready != made.peers->wanted;
    conditions.add(
        "Ready", false, peers ? "PeersMissing" : "TunnelsDown",
        reconcile::readable(fmt::format("{} of {} peers and {} of {} Tunnels stand{}",
                                        made.peers->ready, made.peers->wanted, made.tunnels_ready,
                                        made.tunnels.size(), without_attempt(snapshot))));
  }
  made.conditions = conditions.take();
  return crds::read_node_policy_status({{"status", crds::encode(made)}});
}

crds::NodeEndpointStatus node_endpoint_status(const telemetry::Snapshot& snapshot,
                                              const std::vector<std::string>& features,
                                              const CertificateFacts& certificate,
                                              std::int64_t generation,
                                              const crds::NodeEndpointStatus& standing,
                                              const std::string& now) {
  crds::NodeEndpointStatus made;
  made.agent_version = snapshot.version;
  made.kernel_version = snapshot.kernel.release;
  made.features = features;
  if (!certificate.not_after.empty())
    made.certificate = crds::CertificateStatus{certificate.serial_number, certificate.not_after};
  reconcile::ConditionList conditions(standing.conditions, generation, now);
  conditions.add(
      "CertificateReady", certificate.ready, certificate.reason,
      reconcile::readable(certificate.message.empty() ? "it is in use" : certificate.message));
  const bool esp = snapshot.kernel.esp;
  const std::string kernel = esp ? "the kernel takes ESP" : snapshot.kernel.esp_error;
  conditions.add("KernelReady", esp, esp ? "KernelReady" : "NoEsp", reconcile::readable(kernel));
  if (esp && certificate.ready) {
    conditions.add("Ready", true, "Ready", "kernel and certificate are as needed");
  } else {
    conditions.add("Ready", false, esp ? certificate.reason : "NoEsp",
                   reconcile::readable(esp ? certificate.message : kernel));
  }
  made.conditions = conditions.take();
  return crds::read_node_endpoint_status({{"status", crds::encode(made)}});
}

}  // namespace espalier::follow
