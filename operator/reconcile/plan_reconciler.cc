#include "operator/reconcile/plan_reconciler.h"

#include <utility>
#include <vector>

#include "crds/types/encode.h"
#include "operator/reconcile/node_facts.h"

namespace espalier::reconcile {
namespace {

using kube::Json;

Json object_of(const std::string& name, const std::map<std::string, std::string>& labels,
               Json spec) {
  Json metadata = {{"name", name}};
  if (!labels.empty()) metadata["labels"] = labels;
  return {{"metadata", std::move(metadata)}, {"spec", std::move(spec)}};
}

// Whether what stands says all that is wanted, and nothing else of it.
bool stands(const Json& wanted, const kube::Object& object) {
  const auto spec = object.json.find("spec");
  if (spec == object.json.end() || *spec != wanted.at("spec")) return false;
  const auto& metadata = wanted.at("metadata");
  const auto labels = metadata.find("labels");
  const auto want = labels == metadata.end() ? std::map<std::string, std::string>()
                                             : labels->get<std::map<std::string, std::string>>();
  return object.metadata.labels == want;
}

}  // namespace

std::string_view name_of(Written kind) {
  return kind == Written::kNodeEndpoint ? "NodeEndpoint" : "NodePolicy";
}

PlanReconciler::PlanReconciler(kube::Executor& executor, const Sources& sources, Options options,
                               Enqueue enqueue)
    : executor_(executor),
      sources_(sources),
      options_(options),
      enqueue_(std::move(enqueue)),
      mirror_(options.pod_network) {
  listen(*sources_.nodes, [this](const kube::Change& change) {
    return mirror_.set_node(change.key().name, change.after);
  });
  listen(*sources_.policies, [this](const kube::Change& change) {
    return mirror_.set_policy(change.key(), change.after);
  });
  listen(*sources_.tunnels, [this](const kube::Change& change) {
    return mirror_.set_tunnel(change.key(), change.after);
  });
  listen(*sources_.api_servers, [this](const kube::Change&) {
    take_api_servers();
    return true;
  });
  watch_written(*sources_.node_endpoints, Written::kNodeEndpoint);
  watch_written(*sources_.node_policies, Written::kNodePolicy);
}

PlanReconciler::~PlanReconciler() {
  *alive_ = false;
}

void PlanReconciler::listen(kube::Informer& source, std::function<bool(const kube::Change&)> take) {
  source.on_change([this, alive = alive_, take = std::move(take)](const kube::Change& change) {
    if (*alive && take(change)) schedule();
  });
  source.on_synced([this, alive = alive_] {
    if (*alive) schedule();
  });
}

// What others do to our objects: write() looks whether it matters.
void PlanReconciler::watch_written(kube::Informer& source, Written kind) {
  source.on_change([this, alive = alive_, kind](const kube::Change& change) {
    if (!*alive || !ready() || change.status_only()) return;
    enqueue_({kind, change.key().name}, kube::Priority::kNormal);
  });
  source.on_synced([this, alive = alive_] {
    if (*alive) schedule();
  });
}

const kube::Informer& PlanReconciler::written(Written kind) const {
  return kind == Written::kNodeEndpoint ? *sources_.node_endpoints : *sources_.node_policies;
}

void PlanReconciler::take_api_servers() {
  std::vector<Endpoint> servers;
  for (const auto& slice : sources_.api_servers->store()->list()) {
    const auto more = endpoints_of(*slice);
    servers.insert(servers.end(), more.begin(), more.end());
  }
  mirror_.set_api_servers(std::move(servers));
}

void PlanReconciler::schedule() {
  if (scheduled_) return;
  scheduled_ = true;
  executor_.at(executor_.now() + options_.gather, [this, alive = alive_] {
    if (!*alive) return;
    scheduled_ = false;
    plan();
  });
}

void PlanReconciler::plan() {
  for (const kube::Informer* source :
       {sources_.nodes, sources_.policies, sources_.tunnels, sources_.api_servers,
        sources_.node_endpoints, sources_.node_policies}) {
    if (!source->synced()) return;
  }
  const plan::World world = mirror_.world();
  tell_refusals();

  std::map<std::string, std::shared_ptr<const crds::NodeEndpoint>> endpoints;
  for (const auto& endpoint : world.endpoints) endpoints.emplace(endpoint->meta.name, endpoint);
  for (const auto& [name, endpoint] : endpoints) {
    const auto before = endpoints_.find(name);
    if (before != endpoints_.end() && before->second == endpoint) continue;
    want({Written::kNodeEndpoint, name},
         std::make_shared<const Json>(
             object_of(name, endpoint->meta.labels, crds::encode(endpoint->spec))));
  }
  for (const auto& [name, endpoint] : endpoints_) {
    if (!endpoints.contains(name)) drop({Written::kNodeEndpoint, name});
  }
  endpoints_ = std::move(endpoints);

  for (const std::string& node : rules_.update(world)) {
    const crds::NodePolicySpec* spec = rules_.find(node);
    if (spec == nullptr) {
      drop({Written::kNodePolicy, node});
    } else {
      want({Written::kNodePolicy, node},
           std::make_shared<const Json>(object_of(node, {}, crds::encode(*spec))));
    }
  }
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = !std::exchange(ready_, true);
    counts_ = {world.endpoints.size(), world.policies.size(), world.tunnels.size(),
               mirror_.refused().size(), counts_.plans + 1};
  }
  if (first) enqueue_all();
}

void PlanReconciler::tell_refusals() {
  if (!refusals_) return;
  const auto now = mirror_.refused();
  for (const auto& [subject, why] : now) {
    const auto before = told_.find(subject);
    if (before == told_.end() || before->second != why) refusals_(subject, why);
  }
  for (const auto& [subject, why] : told_) {
    if (!now.contains(subject)) refusals_(subject, {});
  }
  told_ = now;
}

void PlanReconciler::want(const WriteKey& key, std::shared_ptr<const Json> object) {
  {
    const std::lock_guard lock(mutex_);
    wanted_[key] = std::move(object);
  }
  enqueue_(key, kube::Priority::kNormal);
}

void PlanReconciler::drop(const WriteKey& key) {
  {
    const std::lock_guard lock(mutex_);
    wanted_.erase(key);
  }
  enqueue_(key, kube::Priority::kNormal);
}

bool PlanReconciler::ready() const {
  const std::lock_guard lock(mutex_);
  return ready_;
}

PlanReconciler::Counts PlanReconciler::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void PlanReconciler::enqueue_all() {
  if (!ready()) return;  // the first plan does it
  std::vector<WriteKey> keys;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, object] : wanted_) keys.push_back(key);
  }
  for (const Written kind : {Written::kNodeEndpoint, Written::kNodePolicy}) {
    for (const auto& object : written(kind).store()->list()) {
      keys.push_back({kind, object->key().name});
    }
  }
  for (const WriteKey& key : keys) enqueue_(key, kube::Priority::kLow);
}

kube::Reconciled PlanReconciler::write(const kube::Client& client, const WriteKey& key) const {
  std::shared_ptr<const Json> wanted;
  {
    const std::lock_guard lock(mutex_);
    if (!ready_) return kube::reconciled();
    const auto at = wanted_.find(key);
    if (at != wanted_.end()) wanted = at->second;
  }
  const kube::ObjectPtr object = written(key.kind).store()->find(key.name);
  const kube::Resource& resource = written(key.kind).resource();
  if (!wanted) {
    if (!object || object->metadata.deleting()) return kube::reconciled();
    const auto removed = client.remove(resource, object->key(), {object->metadata.uid, {}});
    if (!removed && removed.error().kind != kube::ErrorKind::kNotFound)
      return tl::unexpected(removed.error());
    return kube::reconciled();
  }
  if (object && stands(*wanted, *object)) return kube::reconciled();
  const auto applied = client.apply(resource, *wanted);
  if (!applied) return tl::unexpected(applied.error());
  return kube::reconciled();
}

}  // namespace espalier::reconcile
