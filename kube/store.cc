#include "kube/store.h"

#include <utility>

namespace espalier::kube {
namespace {

bool same(const Object& a, const Object& b) {
  return !a.metadata.resource_version.empty() &&
         a.metadata.resource_version == b.metadata.resource_version &&
         a.metadata.uid == b.metadata.uid;
}

bool reborn(const Object& a, const Object& b) {
  return a.metadata.uid != b.metadata.uid;
}

}  // namespace

bool Change::status_only() const {
  if (!before || !after) return false;
  const Metadata& a = before->metadata;
  const Metadata& b = after->metadata;
  if (a.generation != b.generation || a.labels != b.labels || a.annotations != b.annotations ||
      a.finalizers != b.finalizers || a.deleting() != b.deleting() || a.uid != b.uid) {
    return false;
  }
  if (b.generation != 0) return true;
  const Json* spec_before = find_field(before->json, "spec");
  const Json* spec_after = find_field(after->json, "spec");
  if (spec_before == nullptr || spec_after == nullptr) return false;
  return *spec_before == *spec_after;
}

ObjectPtr Store::find(const ObjectKey& key) const {
  const std::shared_lock lock(mutex_);
  const auto at = objects_.find(key);
  return at == objects_.end() ? nullptr : at->second;
}

std::vector<ObjectPtr> Store::list() const {
  const std::shared_lock lock(mutex_);
  std::vector<ObjectPtr> all;
  all.reserve(objects_.size());
  for (const auto& [key, object] : objects_) all.push_back(object);
  return all;
}

std::vector<ObjectPtr> Store::find_by(std::string_view index, std::string_view value) const {
  const std::shared_lock lock(mutex_);
  std::vector<ObjectPtr> found;
  const auto values = indexes_.find(index);
  if (values == indexes_.end()) return found;
  const auto keys = values->second.find(value);
  if (keys == values->second.end()) return found;
  for (const auto& key : keys->second) found.push_back(objects_.at(key));
  return found;
}

std::size_t Store::size() const {
  const std::shared_lock lock(mutex_);
  return objects_.size();
}

bool Store::synced() const {
  const std::shared_lock lock(mutex_);
  return synced_;
}

std::string Store::resource_version() const {
  const std::shared_lock lock(mutex_);
  return resource_version_;
}

void Store::index(const Object& object, bool present) {
  for (const auto& [name, function] : index_functions_) {
    Values& values = indexes_[name];
    for (auto& value : function(object)) {
      auto at = values.try_emplace(std::move(value)).first;
      if (present) {
        at->second.insert(object.key());
      } else {
        at->second.erase(object.key());
      }
      if (at->second.empty()) values.erase(at);
    }
  }
}

Change Store::put(ObjectPtr object) {
  ObjectPtr& slot = objects_[object->key()];
  if (slot) index(*slot, false);
  ObjectPtr before = std::exchange(slot, object);
  index(*object, true);
  return {std::move(before), std::move(object)};
}

std::vector<Change> StoreWriter::put(ObjectPtr object) {
  std::vector<Change> changes;
  const std::unique_lock lock(store_->mutex_);
  if (!object->metadata.resource_version.empty()) {
    store_->resource_version_ = object->metadata.resource_version;
  }
  const auto at = store_->objects_.find(object->key());
  if (at != store_->objects_.end() && same(*at->second, *object)) return changes;
  Change change = store_->put(std::move(object));
  if (change.before && reborn(*change.before, *change.after)) {
    changes.push_back({std::move(change.before), nullptr});
    changes.push_back({nullptr, std::move(change.after)});
  } else {
    changes.push_back(std::move(change));
  }
  return changes;
}

std::vector<Change> StoreWriter::remove(const ObjectKey& key) {
  const std::unique_lock lock(store_->mutex_);
  const auto at = store_->objects_.find(key);
  if (at == store_->objects_.end()) return {};
  store_->index(*at->second, false);
  Change change{std::move(at->second), nullptr};
  store_->objects_.erase(at);
  return {std::move(change)};
}

std::vector<Change> StoreWriter::replace(std::vector<ObjectPtr> objects,
                                         std::string resource_version) {
  std::vector<Change> changes;
  const std::unique_lock lock(store_->mutex_);
  std::map<ObjectKey, ObjectPtr> before = std::exchange(store_->objects_, {});
  store_->indexes_.clear();
  for (auto& object : objects) {
    const auto old = before.find(object->key());
    if (old == before.end()) {
      // The same key twice in one set: the later one stands.
      Change change = store_->put(object);
      if (!change.before) changes.push_back({nullptr, std::move(object)});
      continue;
    }
    store_->put(object);
    if (reborn(*old->second, *object)) {
      changes.push_back({std::move(old->second), nullptr});
      changes.push_back({nullptr, std::move(object)});
    } else if (!same(*old->second, *object)) {
      changes.push_back({std::move(old->second), std::move(object)});
    }
    before.erase(old);
  }
  for (auto& [key, object] : before) changes.push_back({std::move(object), nullptr});
  store_->resource_version_ = std::move(resource_version);
  store_->synced_ = true;
  return changes;
}

void StoreWriter::advance(std::string resource_version) {
  const std::unique_lock lock(store_->mutex_);
  store_->resource_version_ = std::move(resource_version);
}

}  // namespace espalier::kube
