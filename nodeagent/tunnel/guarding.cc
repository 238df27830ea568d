// The second check: what the packet filter is told about clear traffic, and what it has counted.
#include <algorithm>

#include "nodeagent/tunnel/core.h"

namespace espalier::tunnel {

dataplane::ClearTrafficRules Core::guard_rules() const {
  std::vector<std::pair<std::uint32_t, dataplane::ClearTrafficRule>> ordered;
  const auto add = [&](const plan::Selector& selector, plan::Precedence precedence,
                       dataplane::ClearVerdict verdict) {
    const bool blocks = verdict == dataplane::ClearVerdict::kBlock;
    const auto scope = scope_of(selector, precedence, blocks, groups);
    if (scope.left_out && !blocks) return;
    ordered.push_back({scope.order, {outbound_selector(selector), verdict, scope.group}});
  };
  for (const auto& bypass : plan->bypass) {
    add(bypass.selector, bypass.precedence, dataplane::ClearVerdict::kPass);
  }
  for (const auto& [id, link] : links) {
    if (link->parent != 0) continue;
    for (const Slot& slot : link->slots) {
      if (slot.plan == nullptr) continue;
      const auto verdict = slot.plan->enforcement == plan::Enforcement::kRequired
                               ? dataplane::ClearVerdict::kBlock
                               : dataplane::ClearVerdict::kCount;
      for (const auto& rule : slot.plan->rules) {
        add(rule.selector, rule.precedence, verdict);
      }
    }
  }
  std::stable_sort(ordered.begin(), ordered.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  dataplane::ClearTrafficRules rules;
  rules.rules.reserve(ordered.size());
  for (auto& [order, rule] : ordered) rules.rules.push_back(std::move(rule));
  for (const auto& [policy, group] : groups.all()) {
    dataplane::GuardedPods members;
    members.group = {group.number, group.required};
    members.name = policy;
    if (pods) {
      const auto known = pods->find(policy);
      members.pods = known == pods->end() ? std::vector<IpAddress>{} : known->second;
    }
    rules.groups.push_back(std::move(members));
  }
  std::sort(rules.groups.begin(), rules.groups.end(),
            [](const auto& a, const auto& b) { return a.group.number < b.group.number; });
  return rules;
}

bool Core::brings_groups() const {
  if (!planned || groups.all().empty()) return false;
  return !guarded || std::all_of(guarded->groups.begin(), guarded->groups.end(),
                                 [&](const auto& one) { return groups.find(one.name) != nullptr; });
}

std::optional<dataplane::Mark> Core::mark_written_by(const plan::ChildPlan& child) const {
  if (child.rules.empty()) return std::nullopt;
  const auto* const group = groups.find(child.rules.front().selector.pods);
  if (group == nullptr) return std::nullopt;
  return dataplane::mark_to_write({group->number, group->required});
}

void Core::write_marks() {
  for (const auto& [id, link] : links) {
    for (Slot& slot : link->slots) {
      if (slot.plan == nullptr) continue;
      const auto mark = mark_written_by(*slot.plan);
      if (!mark) continue;
      for (const auto& [child_id, child] : slot.live) {
        if (!child.inbound) continue;
        auto sa = inbound_sa(child.info, settings_of(*link, slot), child.first_use);
        if (sa) batch.change(std::move(*sa));
      }
      for (AdoptedSa& adopted : slot.adopted) {
        if (adopted.sa.direction != dataplane::Direction::kIn) continue;
        if (adopted.sa.mark_written == mark) continue;
        adopted.sa.mark_written = mark;
        batch.change(adopted.sa);
      }
    }
  }
}

void Core::set_guard(bool anew) {
  if (ports.guard == nullptr || !planned) return;
  dataplane::ClearTrafficRules rules = guard_rules();
  if (!anew && guarded && rules == *guarded) return;
  auto set = ports.guard->set_rules(rules);
  if (!set) {
    tell(telemetry::EventId::kKernelRefused, nullptr, {{"reason", set.error().to_string()}});
    guard_error = set.error();
    guarded.reset();
    plan_repair();
    return;
  }
  guard_error.reset();
  guarded = std::move(rules);
}

void Core::read_guard() {
  if (ports.guard == nullptr || !guarded) return;
  auto counts = ports.guard->counts();
  if (!counts) {
    if (counts.error().code == Code::kNotFound) {  // somebody flushed the packet filter
      ++repairs;
      tell(telemetry::EventId::kKernelDrift, nullptr, {{"guard", counts.error().to_string()}});
      set_guard(true);
    }
    return;
  }
  plaintext.clear();
  for (const auto& count : *counts) {
    telemetry::PlaintextCount one;
    one.direction = count.direction == dataplane::Direction::kOut ? telemetry::Direction::kOut
                                                                  : telemetry::Direction::kIn;
    one.family = count.family;
    one.blocked = {count.blocked_bytes, count.blocked_packets};
    one.passed = {count.passed_bytes, count.passed_packets};
    plaintext.push_back(one);
  }
}

}  // namespace espalier::tunnel
