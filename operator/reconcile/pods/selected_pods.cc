#include "operator/reconcile/pods/selected_pods.h"

#include <algorithm>

namespace espalier::reconcile {

namespace {

bool selects_namespace(const PodSelection& selection,
                       const std::optional<SelectedPods::Labels>& labels) {
  if (!selection.namespace_selector) return true;
  return labels && selection.namespace_selector->matches(*labels);
}

bool selects_labels(const PodSelection& selection, const SelectedPods::Labels& labels) {
  return !selection.pod_selector || selection.pod_selector->matches(labels);
}

}  // namespace

void SelectedPods::put_pod(const Pod& pod) {
  if (pod.addresses.empty()) {
    remove_pod(pod.ns, pod.name);
    return;
  }
  Namespace& space = namespaces_[pod.ns];
  const auto [group, fresh] = space.groups.try_emplace(pod.labels);
  if (fresh) group->second.policies = selected_by(space, pod.labels);
  const auto old = pods_.find({pod.ns, pod.name});
  if (old != pods_.end() && old->second.group == group && old->second.addresses == pod.addresses) {
    return;
  }
  for (const IpAddress& address : pod.addresses) {
    group->second.addresses.insert(address);
    for (const std::string& policy : group->second.policies) slices_.claim(policy, address);
  }
  const Place place{group, pod.addresses};
  if (old == pods_.end()) {
    pods_.emplace(PodName{pod.ns, pod.name}, place);
    return;
  }
  leave(pod.ns, old->second);
  old->second = place;
}

void SelectedPods::remove_pod(const std::string& ns, const std::string& name) {
  const auto pod = pods_.find({ns, name});
  if (pod == pods_.end()) return;
  leave(ns, pod->second);
  pods_.erase(pod);
  forget_if_empty(ns);
}

void SelectedPods::put_namespace(const std::string& name, const Labels& labels) {
  Namespace& space = namespaces_[name];
  if (space.labels == labels) return;
  space.labels = labels;
  select_anew(space);
}

void SelectedPods::remove_namespace(const std::string& name) {
  const auto space = namespaces_.find(name);
  if (space == namespaces_.end()) return;
  space->second.labels.reset();
  select_anew(space->second);
  forget_if_empty(name);
}

void SelectedPods::put_policy(const std::string& name, const PodSelection& selection) {
  if (!selection.namespace_selector && !selection.pod_selector) {
    remove_policy(name);
    return;
  }
  const auto [at, fresh] = policies_.try_emplace(name, selection);
  if (!fresh) {
    if (at->second == selection) return;
    at->second = selection;
  }
  std::vector<Group*> ended;
  for (auto& [ns, space] : namespaces_) {
    const bool here = selects_namespace(selection, space.labels);
    for (auto& [labels, group] : space.groups) {
      const bool now = here && selects_labels(selection, labels);
      const bool before = group.policies.count(name) != 0;
      if (now && !before) begin(name, group);
      if (before && !now) ended.push_back(&group);
    }
  }
  for (Group* group : ended) end(name, *group);
}

void SelectedPods::remove_policy(const std::string& name) {
  if (policies_.erase(name) != 0) {
    for (auto& [ns, space] : namespaces_) {
      for (auto& [labels, group] : space.groups) group.policies.erase(name);
    }
  }
  // Of one that is not known, too: it may have slices from before the start.
  slices_.release_all(name);
}

std::size_t SelectedPods::group_count() const {
  std::size_t count = 0;
  for (const auto& [ns, space] : namespaces_) count += space.groups.size();
  return count;
}

std::set<std::string> SelectedPods::selected_by(const Namespace& space,
                                                const Labels& labels) const {
  std::set<std::string> policies;
  for (const auto& [name, selection] : policies_) {
    if (selects_namespace(selection, space.labels) && selects_labels(selection, labels)) {
      policies.insert(name);
    }
  }
  return policies;
}

void SelectedPods::select_anew(Namespace& space) {
  std::vector<std::pair<std::string, Group*>> ended;
  for (auto& [labels, group] : space.groups) {
    const std::set<std::string> next = selected_by(space, labels);
    for (const std::string& policy : group.policies) {
      if (next.count(policy) == 0) ended.emplace_back(policy, &group);
    }
    for (const std::string& policy : next) {
      if (group.policies.count(policy) == 0) begin(policy, group);
    }
  }
  for (const auto& [policy, group] : ended) end(policy, *group);
}

void SelectedPods::begin(const std::string& policy, Group& group) {
  group.policies.insert(policy);
  for (const IpAddress& address : group.addresses) slices_.claim(policy, address);
}

void SelectedPods::end(const std::string& policy, Group& group) {
  group.policies.erase(policy);
  for (const IpAddress& address : group.addresses) slices_.release(policy, address);
}

void SelectedPods::leave(const std::string& ns, const Place& place) {
  Group& group = place.group->second;
  for (const IpAddress& address : place.addresses) {
    group.addresses.erase(group.addresses.find(address));
    for (const std::string& policy : group.policies) slices_.release(policy, address);
  }
  if (group.addresses.empty()) namespaces_[ns].groups.erase(place.group);
}

void SelectedPods::forget_if_empty(const std::string& ns) {
  const auto space = namespaces_.find(ns);
  if (space == namespaces_.end()) return;
  if (!space->second.labels && space->second.groups.empty()) namespaces_.erase(space);
}

}  // namespace espalier::reconcile
