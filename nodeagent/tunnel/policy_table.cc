#include "nodeagent/tunnel/policy_table.h"

#include <algorithm>
#include <utility>

#include "nodeagent/dataplane/ownership.h"

namespace espalier::tunnel {

namespace {

// Equal but for the index, which the kernel gives.
bool same(const dataplane::Policy& a, const dataplane::Policy& b) {
  dataplane::Policy copy = a;
  copy.index = b.index;
  return copy == b;
}

Stage stage_of(const dataplane::Policy& policy) {
  if (!policy.transform) return Stage::kExempt;
  return policy.direction == dataplane::Direction::kOut ? Stage::kOutbound : Stage::kInbound;
}

}  // namespace

void PolicyTable::observe(std::span<const dataplane::PolicyState> dump,
                          const std::set<dataplane::PolicyId>& clear_ours) {
  forget_all();
  for (const auto& state : dump) {
    auto id = id_of(state.policy);
    if (dataplane::owns_index(state.policy.index)) indices_.insert(state.policy.index);
    const bool clear = !state.policy.transform &&
                       state.policy.action == dataplane::Policy::Action::kAllow &&
                       clear_ours.contains(id);
    const bool mine = dataplane::owns(state.policy) || clear;
    if (mine && !wanted_.contains(id)) surplus_.insert(id);
    (mine ? ours_ : foreign_).insert_or_assign(std::move(id), state.policy);
  }
}

void PolicyTable::want(const std::string& group, std::vector<WantedPolicy> policies) {
  std::vector<WantedPolicy> before;
  if (const auto known = groups_.find(group); known != groups_.end()) {
    if (known->second == policies) return;
    before = std::move(known->second);
    groups_.erase(known);
  }
  std::set<dataplane::PolicyId> kept;
  for (const auto& policy : policies) kept.insert(id_of(policy.policy));
  for (const auto& policy : before) {
    if (const auto id = id_of(policy.policy); !kept.contains(id)) drop(group, id);
  }
  for (const auto& policy : policies) add(group, policy);
  if (!policies.empty()) groups_.emplace(group, std::move(policies));
}

void PolicyTable::add(const std::string& group, const WantedPolicy& policy) {
  const auto id = id_of(policy.policy);
  const auto [at, fresh] = wanted_.try_emplace(id, Wanted{group, policy, {}, false});
  touch(policy.policy);
  if (!fresh && at->second.group != group) {
    doubles_[id].insert_or_assign(group, policy);
    return;
  }
  if (!fresh && at->second.policy == policy) return;
  touch(at->second.policy.policy);
  at->second = Wanted{group, policy, {}, false};
  surplus_.erase(id);
  dirty_.insert(id);
}

void PolicyTable::drop(const std::string& group, const dataplane::PolicyId& id) {
  const auto later = doubles_.find(id);
  const auto at = wanted_.find(id);
  if (at == wanted_.end() || at->second.group != group) {
    if (later == doubles_.end()) return;
    later->second.erase(group);
    if (later->second.empty()) doubles_.erase(later);
    return;
  }
  touch(at->second.policy.policy);
  if (later != doubles_.end()) {
    const auto heir = later->second.begin();
    at->second = Wanted{heir->first, heir->second, {}, false};
    touch(heir->second.policy);
    later->second.erase(heir);
    if (later->second.empty()) doubles_.erase(later);
    dirty_.insert(id);
    return;
  }
  wanted_.erase(at);
  dirty_.erase(id);
  refused_.erase(id);
  if (ours_.contains(id)) surplus_.insert(id);
}

std::uint32_t PolicyTable::free_index(dataplane::Direction direction) {
  for (std::uint32_t tried = 0; tried < dataplane::kIndexSlots; ++tried) {
    const std::uint32_t slot = next_slot_;
    next_slot_ = next_slot_ + 1 == dataplane::kIndexSlots ? 1 : next_slot_ + 1;
    const std::uint32_t index = dataplane::index_of(slot, direction);
    if (indices_.insert(index).second) return index;
  }
  return 0;  // two million policies: the kernel chooses
}

PolicyTable::Steps PolicyTable::steps_to_set() {
  Steps result;
  std::vector<std::pair<Stage, dataplane::Policy>> missing;
  for (const auto& id : std::exchange(dirty_, {})) {
    const auto at = wanted_.find(id);
    if (at == wanted_.end() || foreign_.contains(id)) continue;
    Wanted& wanted = at->second;
    const auto stands = ours_.find(id);
    if (stands != ours_.end() && same(stands->second, wanted.policy.policy)) {
      wanted.stood = true;
      continue;
    }
    dataplane::Policy policy = wanted.policy.policy;
    // A replaced policy keeps its index.
    policy.index = stands != ours_.end() ? stands->second.index : free_index(id.direction);
    if (wanted.stood) ++result.repairs;
    missing.emplace_back(wanted.policy.stage, std::move(policy));
  }
  std::stable_sort(missing.begin(), missing.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  result.steps.reserve(missing.size());
  for (auto& [stage, policy] : missing) {
    result.steps.emplace_back(dataplane::SetPolicy{std::move(policy)});
  }
  return result;
}

void PolicyTable::retry_refused() {
  dirty_.merge(refused_);
  refused_.clear();
}

std::vector<dataplane::Step> PolicyTable::steps_to_remove() const {
  std::vector<std::pair<Stage, dataplane::PolicyId>> surplus;
  for (const auto& id : surplus_) surplus.emplace_back(stage_of(ours_.at(id)), id);
  std::stable_sort(surplus.begin(), surplus.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<dataplane::Step> steps;
  steps.reserve(surplus.size());
  for (auto& [stage, id] : surplus) steps.emplace_back(dataplane::DeletePolicy{std::move(id)});
  return steps;
}

void PolicyTable::note(const dataplane::Step& step, const Status& status) {
  if (const auto* set = std::get_if<dataplane::SetPolicy>(&step)) {
    const auto id = id_of(set->policy);
    const auto wanted = wanted_.find(id);
    if (status) {
      touch(set->policy);
      const auto stood = ours_.find(id);
      if (stood != ours_.end()) touch(stood->second);
      ours_.insert_or_assign(id, set->policy);
      if (wanted == wanted_.end()) {
        surplus_.insert(id);
        return;
      }
      wanted->second.stood = true;
      wanted->second.error.clear();
    } else if (wanted != wanted_.end()) {
      wanted->second.error = status.error().to_string();
      refused_.insert(id);
    }
  } else if (const auto* removed = std::get_if<dataplane::DeletePolicy>(&step)) {
    const auto stands = ours_.find(removed->policy);
    if (stands == ours_.end()) return;
    if (status || status.error().code == Code::kNotFound) forget(stands);
  }
}

void PolicyTable::forget(std::map<dataplane::PolicyId, dataplane::Policy>::iterator stands) {
  touch(stands->second);
  surplus_.erase(stands->first);
  indices_.erase(stands->second.index);
  ours_.erase(stands);
}

bool PolicyTable::on_event(const dataplane::PolicyDeleted& event) {
  if (foreign_.erase(event.policy) != 0) ++clear_version_;
  if (const auto stands = ours_.find(event.policy); stands != ours_.end()) forget(stands);
  if (!wanted_.contains(event.policy)) return false;
  dirty_.insert(event.policy);
  return true;
}

bool PolicyTable::on_event(const dataplane::PolicySet& event) {
  const auto id = id_of(event.policy);
  const auto stands = ours_.find(id);
  if (stands == ours_.end()) {
    if (!dataplane::owns(event.policy)) {
      foreign_.insert_or_assign(id, event.policy);
      ++clear_version_;
    }
    return false;
  }
  touch(stands->second);
  touch(event.policy);
  stands->second = event.policy;  // somebody wrote over ours: it is still ours to set right
  const auto wanted = wanted_.find(id);
  if (wanted == wanted_.end() || same(event.policy, wanted->second.policy.policy)) return false;
  dirty_.insert(id);
  return true;
}

void PolicyTable::forget_all() {
  ++clear_version_;
  ours_.clear();
  foreign_.clear();
  indices_.clear();
  surplus_.clear();
  refused_.clear();
  for (const auto& [id, wanted] : wanted_) dirty_.insert(dirty_.end(), id);
}

std::set<dataplane::PolicyId> PolicyTable::clear_policies() const {
  std::set<dataplane::PolicyId> result;
  for (const auto& [id, wanted] : wanted_) {
    if (!wanted.policy.policy.transform && !foreign_.contains(id)) result.insert(id);
  }
  for (const auto& [id, policy] : ours_) {
    if (!policy.transform) result.insert(id);
  }
  return result;
}

std::vector<PolicyTable::Trouble> PolicyTable::troubles() const {
  std::vector<Trouble> result;
  for (const auto& [id, later] : doubles_) {
    for (const auto& [group, policy] : later) {
      result.push_back({group, id, "has the same selector as a rule of " + wanted_.at(id).group});
    }
  }
  for (const auto& [id, wanted] : wanted_) {
    if (foreign_.contains(id)) {
      result.push_back({wanted.group, id, "another program holds a policy for the same traffic"});
    } else if (!wanted.error.empty()) {
      result.push_back({wanted.group, id, wanted.error});
    }
  }
  return result;
}

PolicyTable::Count PolicyTable::count(dataplane::Direction direction) const {
  Count result;
  for (const auto& [id, wanted] : wanted_) {
    if (id.direction != direction) continue;
    ++result.expected;
    const auto stands = ours_.find(id);
    if (stands != ours_.end() && same(stands->second, wanted.policy.policy)) ++result.present;
  }
  return result;
}

bool PolicyTable::stands(const std::string& group) const {
  const auto found = groups_.find(group);
  if (found == groups_.end()) return true;
  return std::all_of(found->second.begin(), found->second.end(), [&](const WantedPolicy& wanted) {
    const auto at = ours_.find(id_of(wanted.policy));
    return at != ours_.end() && same(at->second, wanted.policy);
  });
}

}  // namespace espalier::tunnel
