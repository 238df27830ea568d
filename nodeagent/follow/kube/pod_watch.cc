#include "nodeagent/follow/kube/pod_watch.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "crds/kube/resources.h"
#include "operator/plan/pods_of_policies.h"

namespace espalier::follow {
namespace {

void keep_only(kube::Json& json, const char* field, const std::vector<const char*>& names) {
  const auto at = json.find(field);
  if (at == json.end() || !at->is_object()) return;
  kube::Json kept = kube::Json::object();
  for (const char* name : names) {
    if (const auto value = at->find(name); value != at->end()) kept[name] = *value;
  }
  *at = std::move(kept);
}

// What reconcile::read_pod() looks at.
void trim_own_pod(kube::Json& json) {
  keep_only(json, "metadata",
            {"name", "namespace", "uid", "resourceVersion", "labels", "deletionTimestamp"});
  keep_only(json, "spec", {"hostNetwork"});
  keep_only(json, "status", {"phase", "podIP", "podIPs"});
}

plan::PodsOfPolicies pods_of(const crds::KeptObjects<crds::PodSlice>& slices) {
  std::vector<std::shared_ptr<const crds::PodSlice>> all;
  for (const auto& [key, slice] : slices.all()) all.push_back(slice);
  return plan::pods_of(all);
}

}  // namespace

PodWatch::PodWatch(kube::Transport& transport, kube::Executor& executor, Options options,
                   Handlers handlers, std::uint64_t seed)
    : executor_(executor),
      options_(std::move(options)),
      handlers_(std::move(handlers)),
      pod_slices_(transport, executor, {crds::pod_slices(), {}, {}}, seed),
      pods_(transport, executor,
            {kube::pods(), {{}, {}, "spec.nodeName=" + options_.node}, trim_own_pod}, seed + 1),
      namespaces_(transport, executor, {kube::namespaces(), {}, {}}, seed + 2) {
  pod_slices_.on_change([this, alive = alive_](const kube::Change& change) {
    if (*alive && slices_.set(change.key(), change.after)) schedule();
  });
  pods_.on_change([this, alive = alive_](const kube::Change& change) {
    if (!*alive) return;
    if (change.deleted()) {
      local_.remove_pod(change.key().ns, change.key().name);
    } else {
      local_.put_pod(reconcile::read_pod(change.after->json));
    }
    schedule();
  });
  namespaces_.on_change([this, alive = alive_](const kube::Change& change) {
    if (!*alive) return;
    if (change.deleted()) {
      local_.remove_namespace(change.key().name);
    } else {
      local_.put_namespace(change.key().name, change.after->metadata.labels);
    }
    schedule();
  });
  for (kube::Informer* source : {&pod_slices_, &pods_, &namespaces_}) {
    source->on_synced([this, alive = alive_] {
      if (*alive) schedule();
    });
    source->on_problem(
        [this, alive = alive_, kind = source->resource().kind](const kube::ApiError& error) {
          if (*alive) handlers_.on_problem(kind, error);
        });
  }
}

PodWatch::~PodWatch() {
  *alive_ = false;
}

void PodWatch::start() {
  pod_slices_.start();
}

void PodWatch::stop() {
  for (kube::Informer* source : {&pod_slices_, &pods_, &namespaces_}) source->stop();
}

void PodWatch::set_policies(const std::vector<std::shared_ptr<const crds::IPsecPolicy>>& policies) {
  std::map<std::string, reconcile::PodSelection> selecting;
  for (const auto& policy : policies) {
    if (policy->spec.selects_pods()) {
      selecting[policy->meta.name] = {policy->spec.namespace_selector, policy->spec.pod_selector};
    }
  }
  local_.set_policies(selecting);
  policies_known_ = true;
  if (!selecting.empty() && !std::exchange(following_, true)) {
    pods_.start();
    namespaces_.start();
  }
  schedule();
}

void PodWatch::expect(const std::string& ns, const std::string& name,
                      std::vector<IpAddress> addresses) {
  local_.expect(ns, name, std::move(addresses));
  schedule();
}

bool PodWatch::synced() const {
  return policies_known_ && pod_slices_.synced() &&
         (!following_ || (pods_.synced() && namespaces_.synced()));
}

void PodWatch::schedule() {
  if (scheduled_) return;
  scheduled_ = true;
  executor_.at(executor_.now() + options_.gather, [this, alive = alive_] {
    if (!*alive) return;
    scheduled_ = false;
    if (!synced()) return;
    auto known = std::make_shared<KnownPods>(local_.known());
    for (const auto& [policy, addresses] : pods_of(slices_)) {
      std::vector<IpAddress> all;
      auto& own = known->selected[policy];
      std::set_union(own.begin(), own.end(), addresses.begin(), addresses.end(),
                     std::back_inserter(all));
      own = std::move(all);
    }
    if (told_ && *told_ == *known) return;
    told_ = std::move(known);
    handlers_.on_pods(told_);
  });
}

}  // namespace espalier::follow
