#include "nodeagent/follow/local_pods.h"

namespace espalier::follow {

namespace {
// Pods that were told of and never came; who waits for one tells of it again and again.
constexpr std::size_t kMostExpected = 1024;
}  // namespace

void LocalPods::set_policies(const std::map<std::string, reconcile::PodSelection>& policies) {
  for (const std::string& name : policies_) {
    if (!policies.contains(name)) selected_.remove_policy(name);
  }
  policies_.clear();
  for (const auto& [name, selection] : policies) {
    policies_.insert(name);
    selected_.put_policy(name, selection);
  }
}

void LocalPods::put_pod(const reconcile::Pod& pod) {
  const PodName name{pod.ns, pod.name};
  Known& known = pods_[name];
  known.pod = pod;
  if (const auto waiting = expected_.extract(name)) known.expected = waiting.mapped();
  if (!pod.addresses.empty()) known.expected.clear();
  look_at(name);
}

void LocalPods::remove_pod(const std::string& ns, const std::string& name) {
  pods_.erase({ns, name});
  selected_.remove_pod(ns, name);
}

void LocalPods::put_namespace(const std::string& name, const Labels& labels) {
  namespaces_.insert(name);
  selected_.put_namespace(name, labels);
}

void LocalPods::remove_namespace(const std::string& name) {
  namespaces_.erase(name);
  selected_.remove_namespace(name);
}

void LocalPods::expect(const std::string& ns, const std::string& name,
                       std::vector<IpAddress> addresses) {
  const auto known = pods_.find({ns, name});
  if (known == pods_.end()) {
    if (expected_.size() >= kMostExpected) expected_.erase(expected_.begin());
    expected_.insert_or_assign({ns, name}, std::move(addresses));
    return;
  }
  if (!known->second.pod.addresses.empty()) return;
  known->second.expected = std::move(addresses);
  look_at({ns, name});
}

void LocalPods::look_at(const PodName& name) {
  const Known& known = pods_.at(name);
  reconcile::Pod pod = known.pod;
  if (pod.addresses.empty()) pod.addresses = known.expected;
  selected_.put_pod(pod);
}

KnownPods LocalPods::known() {
  plan::PodSlices::Changes changes = slices_.take_changes();
  for (crds::PodSlice& slice : changes.written) {
    const std::string name = slice.meta.name;
    chosen_[name] = std::make_shared<const crds::PodSlice>(std::move(slice));
  }
  for (const std::string& name : changes.deleted) chosen_.erase(name);
  std::vector<std::shared_ptr<const crds::PodSlice>> all;
  for (const auto& [name, slice] : chosen_) all.push_back(slice);
  KnownPods known;
  known.selected = plan::pods_of(all);
  for (const auto& [name, one] : pods_) {
    if (!namespaces_.contains(name.first)) continue;
    const auto& addresses = one.pod.addresses.empty() ? one.expected : one.pod.addresses;
    known.settled.insert(addresses.begin(), addresses.end());
  }
  return known;
}

}  // namespace espalier::follow
