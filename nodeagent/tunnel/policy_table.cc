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
    set_taken(state.policy.index, true);
    const bool clear = !state.policy.transform &&
                       state.policy.action == dataplane::Policy::Action::kAllow &&
                       clear_ours.contains(id);
    const bool mine = dataplane::owns(state.policy) || clear;
    if (mine && !wanted_.contains(id)) surplus_.insert(id);
    if (mine) {
      set_standing(id, state.policy);
    } else {
      foreign_.insert_or_assign(std::move(id), state.policy);
    }
  }
}

void PolicyTable::want(const std::string& group, std::vector<WantedPolicy> policies) {
  const auto at = groups_.try_emplace(group).first;
  std::map<dataplane::PolicyId, const WantedPolicy*> now;
  for (const auto& policy : policies) now.insert_or_assign(id_of(policy.policy), &policy);
  for (const auto* id : at->second) {
    if (!now.contains(*id)) drop(at->first, dataplane::PolicyId(*id));  // a copy: *id goes
  }
  std::vector<const dataplane::PolicyId*> ids;
  ids.reserve(now.size());
  for (const auto& [id, policy] : now) ids.push_back(add(at->first, id, *policy));
  if (ids.empty()) {
    groups_.erase(at);
  } else {
    at->second = std::move(ids);
  }
}

const dataplane::PolicyId* PolicyTable::add(const std::string& group, const dataplane::PolicyId& id,
                                            const WantedPolicy& policy) {
  const auto [at, fresh] = wanted_.try_emplace(id);
  if (!fresh && *at->second.group != group) {
    doubles_[id].insert_or_assign(group, policy);
  } else if (fresh || at->second.policy != policy) {
    if (!fresh) withdraw(at);
    replace(at, group, policy);
    surplus_.erase(id);
  }
  return &at->first;
}

void PolicyTable::drop(const std::string& group, const dataplane::PolicyId& id) {
  const auto later = doubles_.find(id);
  const auto at = wanted_.find(id);
  if (at == wanted_.end() || *at->second.group != group) {
    if (later == doubles_.end()) return;
    later->second.erase(group);
    if (later->second.empty()) doubles_.erase(later);
    return;
  }
  withdraw(at);
  if (later != doubles_.end()) {
    const auto heir = later->second.begin();
    replace(at, groups_.find(heir->first)->first, heir->second);
    later->second.erase(heir);
    if (later->second.empty()) doubles_.erase(later);
    return;
  }
  wanted_.erase(at);
  dirty_.erase(id);
  refused_.erase(id);
  if (ours_.contains(id)) surplus_.insert(id);
}

void PolicyTable::withdraw(WantedMap::iterator at) {
  Wanted& wanted = at->second;
  touch(wanted.policy.policy);
  errors_.erase(at->first);
  if (!wanted.stands) return;
  wanted.stands = false;
  wanted.policy.policy.index = wanted.index;
  ours_.insert_or_assign(at->first, std::move(wanted.policy.policy));
}

void PolicyTable::replace(WantedMap::iterator at, const std::string& group,
                          const WantedPolicy& policy) {
  touch(policy.policy);
  at->second = Wanted{&group, policy};
  if (const auto stands = ours_.find(at->first); stands != ours_.end()) {
    const dataplane::Policy found = stands->second;
    set_standing(at->first, found);
  }
  dirty_.insert(at->first);
}

std::optional<dataplane::Policy> PolicyTable::standing(const dataplane::PolicyId& id) const {
  if (const auto at = wanted_.find(id); at != wanted_.end() && at->second.stands) {
    dataplane::Policy policy = at->second.policy.policy;
    policy.index = at->second.index;
    return policy;
  }
  const auto stands = ours_.find(id);
  return stands == ours_.end() ? std::nullopt : std::optional(stands->second);
}

void PolicyTable::set_standing(const dataplane::PolicyId& id, const dataplane::Policy& policy) {
  const auto at = wanted_.find(id);
  if (at != wanted_.end()) {
    at->second.stands = same(policy, at->second.policy.policy);
    at->second.index = policy.index;
    if (at->second.stands) {
      ours_.erase(id);
      return;
    }
  }
  ours_.insert_or_assign(id, policy);
}

std::uint32_t PolicyTable::free_index(dataplane::Direction direction) {
  for (std::uint32_t tried = 0; tried < dataplane::kIndexSlots; ++tried) {
    const std::uint32_t slot = next_slot_;
    next_slot_ = next_slot_ + 1 == dataplane::kIndexSlots ? 1 : next_slot_ + 1;
    const std::uint32_t index = dataplane::index_of(slot, direction);
    if (set_taken(index, true)) return index;
  }
  return 0;  // two million policies: the kernel chooses
}

bool PolicyTable::set_taken(std::uint32_t index, bool taken) {
  if (!dataplane::owns_index(index)) return false;
  const std::size_t at = index - dataplane::kIndexFirst;
  if (at >= indices_.size()) indices_.resize(at + 1);
  if (indices_[at] == taken) return false;
  indices_[at] = taken;
  return true;
}

PolicyTable::Steps PolicyTable::steps_to_set() {
  Steps result;
  std::vector<std::pair<Stage, dataplane::Policy>> missing;
  for (const auto& id : std::exchange(dirty_, {})) {
    const auto at = wanted_.find(id);
    if (at == wanted_.end() || foreign_.contains(id)) continue;
    Wanted& wanted = at->second;
    if (wanted.stands) {
      wanted.stood = true;
      continue;
    }
    const auto stands = ours_.find(id);
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
      if (const auto stood = standing(id)) touch(*stood);
      set_standing(id, set->policy);
      if (wanted == wanted_.end()) {
        surplus_.insert(id);
        return;
      }
      wanted->second.stood = true;
      errors_.erase(id);
    } else if (wanted != wanted_.end()) {
      errors_[id] = status.error().to_string();
      refused_.insert(id);
    }
  } else if (const auto* removed = std::get_if<dataplane::DeletePolicy>(&step)) {
    const auto stood = standing(removed->policy);
    if (stood && (status || status.error().code == Code::kNotFound)) {
      forget(removed->policy, *stood);
    }
  }
}

void PolicyTable::forget(const dataplane::PolicyId& id, const dataplane::Policy& stood) {
  touch(stood);
  surplus_.erase(id);
  set_taken(stood.index, false);
  ours_.erase(id);
  if (const auto at = wanted_.find(id); at != wanted_.end()) at->second.stands = false;
}

bool PolicyTable::on_event(const dataplane::PolicyDeleted& event) {
  if (foreign_.erase(event.policy) != 0) ++clear_version_;
  if (const auto stood = standing(event.policy)) forget(event.policy, *stood);
  if (!wanted_.contains(event.policy)) return false;
  dirty_.insert(event.policy);
  return true;
}

bool PolicyTable::on_event(const dataplane::PolicySet& event) {
  const auto id = id_of(event.policy);
  const auto stood = standing(id);
  if (!stood) {
    if (!dataplane::owns(event.policy)) {
      foreign_.insert_or_assign(id, event.policy);
      ++clear_version_;
    }
    return false;
  }
  touch(*stood);
  touch(event.policy);
  set_standing(id, event.policy);  // somebody wrote over ours: it is still ours to set right
  const auto wanted = wanted_.find(id);
  if (wanted == wanted_.end() || wanted->second.stands) return false;
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
  for (auto& [id, wanted] : wanted_) {
    wanted.stands = false;
    dirty_.insert(dirty_.end(), id);
  }
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
      result.push_back({group, id, "has the same selector as a rule of " + *wanted_.at(id).group});
    }
  }
  for (const auto& [id, wanted] : wanted_) {
    if (foreign_.contains(id)) {
      result.push_back({*wanted.group, id, "another program holds a policy for the same traffic"});
    } else if (const auto error = errors_.find(id); error != errors_.end()) {
      result.push_back({*wanted.group, id, error->second});
    }
  }
  return result;
}

PolicyTable::Count PolicyTable::count(dataplane::Direction direction) const {
  Count result;
  for (const auto& [id, wanted] : wanted_) {
    if (id.direction != direction) continue;
    ++result.expected;
    if (wanted.stands) ++result.present;
  }
  return result;
}

bool PolicyTable::stands(const std::string& group) const {
  const auto found = groups_.find(group);
  if (found == groups_.end()) return true;
  return std::all_of(found->second.begin(), found->second.end(), [&](const auto* id) {
    const Wanted& wanted = wanted_.at(*id);
    if (wanted.group == &found->first) return wanted.stands;
    const auto stands = standing(*id);
    return stands && same(*stands, doubles_.at(*id).at(group).policy);
  });
}

}  // namespace espalier::tunnel
