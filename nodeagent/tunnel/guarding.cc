// The second check: what the packet filter is told about clear traffic, and what it has counted.
#include <algorithm>

#include "nodeagent/tunnel/core.h"

namespace espalier::tunnel {

dataplane::ClearTrafficRules Core::guard_rules() const {
  std::vector<std::pair<plan::Precedence, dataplane::ClearTrafficRule>> ordered;
  for (const auto& bypass : plan->bypass) {
    ordered.push_back(
        {bypass.precedence, {outbound_selector(bypass.selector), dataplane::ClearVerdict::kPass}});
  }
  for (const auto& [id, link] : links) {
    if (link->parent != 0) continue;
    for (const Slot& slot : link->slots) {
      if (slot.plan == nullptr) continue;
      const auto verdict = slot.plan->enforcement == plan::Enforcement::kRequired
                               ? dataplane::ClearVerdict::kBlock
                               : dataplane::ClearVerdict::kCount;
      for (const auto& rule : slot.plan->rules) {
        ordered.push_back({rule.precedence, {outbound_selector(rule.selector), verdict}});
      }
    }
  }
  std::stable_sort(ordered.begin(), ordered.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  dataplane::ClearTrafficRules rules;
  rules.rules.reserve(ordered.size());
  for (auto& [precedence, rule] : ordered) rules.rules.push_back(std::move(rule));
  return rules;
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
