#include "operator/reconcile/status/node_reports.h"

#include <algorithm>
#include <limits>

namespace espalier::reconcile {

namespace {

constexpr std::string_view kProgrammed = "Programmed";

// Why the node cannot do what its NodePolicy says now; empty: it does not say so, or of an older
// spec.
std::string failure_of(const crds::NodePolicy& policy, const crds::NodePolicyStatus& status) {
  const crds::Condition* programmed = crds::find(status.conditions, kProgrammed);
  if (programmed == nullptr || programmed->status != crds::ConditionStatus::kFalse) return {};
  if (programmed->observed_generation < policy.meta.generation) return {};
  return programmed->message.empty() ? programmed->reason : programmed->message;
}

// The first of each reason that is told.
std::map<std::string, std::string> notes_of(const crds::PolicyOnNode& policy) {
  std::map<std::string, std::string> notes;
  for (const crds::StatusNote& note : policy.notes) {
    if (std::find(kToldNotes.begin(), kToldNotes.end(), note.reason) != kToldNotes.end())
      notes.emplace(note.reason, note.message);
  }
  return notes;
}

std::optional<NodeWords> first_of(const std::map<std::string, std::string>& words) {
  if (words.empty()) return std::nullopt;
  return NodeWords{words.begin()->first, words.begin()->second};
}

}  // namespace

NodeReports::Touched NodeReports::put(const crds::NodePolicy& policy,
                                      const crds::NodePolicyStatus& status) {
  Touched touched;
  const std::string& name = policy.meta.name;
  const auto [at, fresh] = nodes_.try_emplace(name);
  Node& node = at->second;
  const bool applied = !policy.spec.hash.empty() && status.applied_hash == policy.spec.hash;
  const std::string failure = applied ? std::string() : failure_of(policy, status);

  // Which policies it was told before, and whether we knew them from others of their names.
  std::map<std::string, std::pair<std::string, bool>> before;  // name -> uid, doubted
  for (const Part& part : node.parts) {
    const auto& [of, uid, generation] = part.tally->first;
    before.emplace(of, std::pair(uid, part.doubted));
  }
  std::map<std::string_view, const crds::PolicyOnNode*> said;
  for (const crds::PolicyOnNode& one : status.policies) said.emplace(one.name, &one);

  Shares shares;
  std::set<std::string_view> seen;
  for (const crds::PolicyReference& told : policy.spec.policies) {
    if (!seen.insert(told.name).second) continue;
    Share share;
    const auto old = before.find(told.name);
    if (!applied && !fresh) {
      share.doubted = old == before.end() || old->second.first != told.uid || old->second.second;
    }
    const auto entry = said.find(told.name);
    const bool same = entry != said.end() && entry->second->generation == told.generation;
    share.in_force = same && !share.doubted;
    if (share.in_force) {
      share.complete = entry->second->ready >= entry->second->peers;
      share.notes = notes_of(*entry->second);
    } else {
      share.failure = failure;
    }
    shares.emplace(PolicyState{told.name, told.uid, told.generation}, std::move(share));
  }
  change_shares(name, node, shares, touched);

  std::map<TunnelName, const crds::TunnelOnNode*> said_of_tunnels;
  for (const crds::TunnelOnNode& one : status.tunnels) {
    said_of_tunnels.emplace(TunnelName{one.ns, one.name}, &one);
  }
  std::map<TunnelName, TunnelReport> reports;
  std::set<TunnelName> doubted;
  for (const crds::TunnelReference& told : policy.spec.tunnels) {
    const TunnelName key{told.ns, told.name};
    TunnelReport report{name, told.uid, told.generation, false, false, {}, {}, {}};
    const auto old = node.tunnels.find(key);
    const bool other = old == node.tunnels.end() || old->second.uid != told.uid;
    if (!applied && !fresh && (other || node.doubted_tunnels.count(key) != 0)) doubted.insert(key);
    const auto entry = said_of_tunnels.find(key);
    const bool same =
        entry != said_of_tunnels.end() && entry->second->generation == told.generation;
    report.in_force = same && doubted.count(key) == 0;
    if (report.in_force) {
      report.established = entry->second->established;
      report.reason = entry->second->reason;
      report.message = entry->second->message;
    } else {
      report.failure = failure;
    }
    reports.emplace(key, std::move(report));
  }
  node.doubted_tunnels = std::move(doubted);
  change_tunnels(name, node, std::move(reports), touched);
  return touched;
}

NodeReports::Touched NodeReports::remove(const std::string& node) {
  Touched touched;
  const auto at = nodes_.find(node);
  if (at == nodes_.end()) return touched;
  change_shares(node, at->second, {}, touched);
  change_tunnels(node, at->second, {}, touched);
  nodes_.erase(at);
  return touched;
}

NodeReports::Shares NodeReports::shares_of(const std::string& name, const Node& node) const {
  Shares shares;
  for (const Part& part : node.parts) {
    Share share{part.in_force, part.complete, part.doubted, {}, {}};
    const Tally& tally = part.tally->second;
    if (const auto text = tally.failures.find(name); text != tally.failures.end()) {
      share.failure = text->second;
    }
    for (const auto& [reason, nodes] : tally.notes) {
      if (const auto text = nodes.find(name); text != nodes.end())
        share.notes.emplace(reason, text->second);
    }
    shares.emplace(part.tally->first, std::move(share));
  }
  return shares;
}

void NodeReports::change_shares(const std::string& name, Node& node, const Shares& next,
                                Touched& touched) {
  const Shares old = shares_of(name, node);
  if (old == next) return;
  const auto note_differences = [&touched](const Shares& from, const Shares& to) {
    for (const auto& [state, share] : from) {
      const auto other = to.find(state);
      if (other == to.end() || !(other->second == share)) {
        touched.policies.insert(std::get<0>(state));
      }
    }
  };
  note_differences(old, next);
  note_differences(next, old);

  std::vector<Part> parts;
  parts.reserve(next.size());
  for (const auto& [state, share] : next) {
    const auto tally = tallies_.try_emplace(state).first;
    Tally& sum = tally->second;
    ++sum.nodes;
    if (share.in_force) ++sum.in_force;
    if (share.complete) ++sum.complete;
    parts.push_back({tally, share.in_force, share.complete, share.doubted});
  }
  for (const Part& part : node.parts) {
    Tally& sum = part.tally->second;
    if (part.in_force) --sum.in_force;
    if (part.complete) --sum.complete;
    sum.failures.erase(name);
    for (auto& [reason, nodes] : sum.notes) nodes.erase(name);
    if (--sum.nodes == 0) tallies_.erase(part.tally);
  }
  node.parts = std::move(parts);
  for (const Part& part : node.parts) {
    const Share& share = next.at(part.tally->first);
    Tally& sum = part.tally->second;
    if (!share.failure.empty()) sum.failures[name] = share.failure;
    for (const auto& [reason, text] : share.notes) sum.notes[reason][name] = text;
  }
}

void NodeReports::change_tunnels(const std::string& name, Node& node,
                                 std::map<TunnelName, TunnelReport> next, Touched& touched) {
  for (const auto& [key, report] : node.tunnels) {
    if (next.count(key) != 0) continue;
    touched.tunnels.insert(key);
    const auto carriers = carriers_.find(key);
    carriers->second.erase(name);
    if (carriers->second.empty()) carriers_.erase(carriers);
  }
  for (const auto& [key, report] : next) {
    const auto old = node.tunnels.find(key);
    if (old != node.tunnels.end() && old->second == report) continue;
    touched.tunnels.insert(key);
    carriers_[key].insert(name);
  }
  node.tunnels = std::move(next);
}

PolicyCount NodeReports::count(const std::string& policy, const std::string& uid,
                               std::int64_t generation) const {
  PolicyCount count;
  const PolicyState first{policy, {}, std::numeric_limits<std::int64_t>::min()};
  for (auto at = tallies_.lower_bound(first);
       at != tallies_.end() && std::get<0>(at->first) == policy; ++at) {
    const Tally& tally = at->second;
    count.named += tally.nodes;
    if (at->first != PolicyState{policy, uid, generation}) continue;
    count.in_force = tally.in_force;
    count.complete = tally.complete;
    count.failed = static_cast<std::int64_t>(tally.failures.size());
    count.first_failure = first_of(tally.failures);
    for (const auto& [reason, nodes] : tally.notes) {
      if (const auto words = first_of(nodes))
        count.notes.emplace(reason, NodeNotes{static_cast<std::int64_t>(nodes.size()), *words});
    }
  }
  return count;
}

std::optional<TunnelReport> NodeReports::report(const TunnelName& tunnel,
                                                const std::string& node) const {
  const auto carriers = carriers_.find(tunnel);
  if (carriers == carriers_.end()) return std::nullopt;
  const std::set<std::string>& names = carriers->second;
  const std::string& carrier = names.count(node) != 0 ? node : *names.begin();
  return nodes_.at(carrier).tunnels.at(tunnel);
}

}  // namespace espalier::reconcile
