#include "nodeagent/tunnel/pod_groups.h"

#include <algorithm>
#include <array>

namespace espalier::tunnel {

bool PodGroups::take(const plan::NodePlan& plan) {
  const auto before = groups_;
  std::map<std::string, bool, std::less<>> wanted;  // policy: requires ESP
  for (const auto& bypass : plan.bypass) {
    if (!bypass.selector.pods.empty()) wanted.try_emplace(bypass.selector.pods, false);
  }
  for (const auto& connection : plan.connections) {
    for (const auto& child : connection.children) {
      for (const auto& rule : child.rules) {
        if (rule.selector.pods.empty()) continue;
        wanted[rule.selector.pods] |= child.enforcement == plan::Enforcement::kRequired;
      }
    }
  }
  std::erase_if(groups_, [&](const auto& entry) { return !wanted.contains(entry.first); });
  std::array<bool, dataplane::kPodGroups> taken{};
  for (const auto& [policy, group] : groups_) taken.at(group.number) = true;
  left_out_.clear();
  for (const auto& [policy, required] : wanted) {
    if (const auto known = groups_.find(policy); known != groups_.end()) {
      known->second.required = required;
      continue;
    }
    const auto* const free = std::find(taken.begin(), taken.end(), false);
    if (free == taken.end()) {
      left_out_.insert(policy);
      continue;
    }
    const auto number = static_cast<std::uint8_t>(free - taken.begin());
    taken.at(number) = true;
    groups_.emplace(policy, Group{number, 0, required});
  }
  std::uint8_t place = 0;
  for (auto& [policy, group] : groups_) group.place = place++;
  if (groups_ == before) return false;
  ++version_;
  return true;
}

bool PodGroups::restore(const std::string& policy, std::uint8_t number) {
  const bool taken = std::any_of(groups_.begin(), groups_.end(),
                                 [&](const auto& entry) { return entry.second.number == number; });
  if (number >= dataplane::kPodGroups || taken) return false;
  ++version_;
  return groups_.emplace(policy, Group{number, 0, false}).second;
}

const PodGroups::Group* PodGroups::find(std::string_view policy) const {
  const auto known = groups_.find(policy);
  return known == groups_.end() ? nullptr : &known->second;
}

PodScope scope_of(const plan::Selector& selector, plan::Precedence precedence, bool required,
                  const PodGroups& groups) {
  // What is for all packets comes behind what is for some pods. Among those the policy decides
  // before the last two bits do, which order one policy's own rules.
  std::uint32_t place = dataplane::kPodGroups;
  PodScope scope;
  if (!selector.pods.empty()) {
    const auto* const group = groups.find(selector.pods);
    scope.left_out = group == nullptr;
    if (group != nullptr) {
      place = group->place;
      scope.group = group->number;
      scope.mark = dataplane::mark_to_match({group->number, required && group->required});
    }
  }
  scope.order = (precedence >> 2U) << 5U | place << 2U | (precedence & 3U);
  return scope;
}

}  // namespace espalier::tunnel
