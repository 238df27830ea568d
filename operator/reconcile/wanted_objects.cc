#include "operator/reconcile/wanted_objects.h"

#include <string>
#include <utility>
#include <vector>

namespace espalier::reconcile {
namespace {

using kube::Json;

// A list that has nothing in it comes back as null, or not at all.
bool is_empty(const Json& value) {
  return value.is_null() || (value.is_array() && value.empty());
}

// Whether what stands says all that is wanted, and nothing else of it.
bool stands(const Json& wanted, const kube::Object& object) {
  for (const auto& [name, value] : wanted.items()) {
    if (name == "metadata") continue;
    const auto at = object.json.find(name);
    if (at == object.json.end() ? !is_empty(value)
                                : *at != value && !(is_empty(*at) && is_empty(value))) {
      return false;
    }
  }
  const auto& metadata = wanted.at("metadata");
  const auto labels = metadata.find("labels");
  return labels == metadata.end() ||
         object.metadata.labels == labels->get<std::map<std::string, std::string>>();
}

}  // namespace

std::string_view name_of(Written kind) {
  switch (kind) {
    case Written::kNodeEndpoint:
      return "NodeEndpoint";
    case Written::kNodePolicy:
      return "NodePolicy";
    case Written::kPodSlice:
      return "PodSlice";
    case Written::kRole:
      return "Role";
  }
  return "unknown";
}

kube::Resource roles() {
  return {"rbac.authorization.k8s.io", "v1", "roles", "Role", kube::Scope::kNamespaced};
}

Json object_of(const std::string& name, Json spec) {
  return {{"metadata", {{"name", name}}}, {"spec", std::move(spec)}};
}

WantedObjects::~WantedObjects() {
  *alive_ = false;
}

void WantedObjects::follow(Written kind, kube::Informer& standing) {
  standing_.emplace(kind, &standing);
  // What others do to our objects: write() looks whether it matters.
  standing.on_change([this, alive = alive_, kind](const kube::Change& change) {
    // A Role has neither a spec nor a generation that would tell.
    const bool matters = kind == Written::kRole || !change.status_only();
    if (*alive && is_complete(kind) && matters)
      enqueue_({kind, change.key()}, kube::Priority::kNormal);
  });
  standing.on_synced([this, alive = alive_, kind] {
    if (*alive && is_complete(kind)) enqueue_all(kind);
  });
}

void WantedObjects::want(Written kind, Json object) {
  const auto& metadata = object.at("metadata");
  const WriteKey key{kind, {metadata.value("namespace", std::string()), metadata.at("name")}};
  {
    const std::lock_guard lock(mutex_);
    wanted_[key] = std::make_shared<const Json>(std::move(object));
  }
  enqueue_(key, kube::Priority::kNormal);
}

void WantedObjects::drop(const WriteKey& key) {
  {
    const std::lock_guard lock(mutex_);
    wanted_.erase(key);
  }
  enqueue_(key, kube::Priority::kNormal);
}

void WantedObjects::complete(Written kind) {
  {
    const std::lock_guard lock(mutex_);
    if (!complete_.insert(kind).second) return;
  }
  enqueue_all(kind);
}

bool WantedObjects::is_complete(Written kind) const {
  const std::lock_guard lock(mutex_);
  return complete_.contains(kind);
}

void WantedObjects::enqueue_all() {
  for (const auto& [kind, standing] : standing_) {
    if (is_complete(kind)) enqueue_all(kind);
  }
}

void WantedObjects::enqueue_all(Written kind) {
  std::vector<WriteKey> keys;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, object] : wanted_) {
      if (key.kind == kind) keys.push_back(key);
    }
  }
  for (const auto& object : standing_.at(kind)->store()->list())
    keys.push_back({kind, object->key()});
  for (const WriteKey& key : keys) enqueue_(key, kube::Priority::kLow);
}

kube::Reconciled WantedObjects::write(const kube::Client& client, const WriteKey& key) const {
  const kube::Informer& standing = *standing_.at(key.kind);
  std::shared_ptr<const Json> wanted;
  {
    const std::lock_guard lock(mutex_);
    // What is known then is enqueued then.
    if (!complete_.contains(key.kind) || !standing.synced()) return kube::reconciled();
    const auto at = wanted_.find(key);
    if (at != wanted_.end()) wanted = at->second;
  }
  const kube::ObjectPtr object = standing.store()->find(key.object);
  if (!wanted) {
    if (!object || object->metadata.deleting()) return kube::reconciled();
    const auto removed =
        client.remove(standing.resource(), object->key(), {object->metadata.uid, {}});
    if (!removed && removed.error().kind != kube::ErrorKind::kNotFound)
      return tl::unexpected(removed.error());
    return kube::reconciled();
  }
  if (object && stands(*wanted, *object)) return kube::reconciled();
  const auto applied = client.apply(standing.resource(), *wanted);
  if (!applied) return tl::unexpected(applied.error());
  return kube::reconciled();
}

}  // namespace espalier::reconcile
