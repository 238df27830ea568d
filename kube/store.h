// Store: the newest known state of one kind's objects, with indexes. A watch writes it, everybody
// reads it.
//
// Guarantees: one writer (StoreWriter moves, it does not copy); objects are immutable and shared,
// so what a reader holds never changes under it; readers on any thread see every write whole: an
// initial set replaces what was there in one step.
// Assumptions: few writes, many reads; a lock is held for the time of one look-up or one copy of
// pointers.
// Caveat: synced() is false until the first whole set was taken. Delete nothing because it is
// missing from a store that is not synced.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "kube/object.h"

namespace espalier::kube {

// What became of one object. `before` and `after` are null where there is no such state.
struct Change {
  ObjectPtr before;
  ObjectPtr after;

  [[nodiscard]] const ObjectKey& key() const { return after ? after->key() : before->key(); }
  [[nodiscard]] bool added() const { return !before; }
  [[nodiscard]] bool deleted() const { return !after; }
  // Only status or metadata changed: neither spec (metadata.generation), labels, annotations,
  // finalizers nor deletion. Kinds without a generation are compared by their spec.
  [[nodiscard]] bool status_only() const;
};

// The values under which an object is found; names are chosen by the user of the store.
using IndexFunction = std::function<std::vector<std::string>(const Object&)>;
using Indexes = std::map<std::string, IndexFunction, std::less<>>;

class StoreWriter;

class Store {
 public:
  explicit Store(Indexes indexes = {}) : index_functions_(std::move(indexes)) {}
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // nullptr if it is not there.
  [[nodiscard]] ObjectPtr find(const ObjectKey& key) const;
  [[nodiscard]] ObjectPtr find(std::string_view name) const {
    return find({"", std::string(name)});
  }
  // By key.
  [[nodiscard]] std::vector<ObjectPtr> list() const;
  // By key. Empty for an index or value that is not known.
  [[nodiscard]] std::vector<ObjectPtr> find_by(std::string_view index,
                                               std::string_view value) const;
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] bool synced() const;
  // Of the last event or bookmark; empty before the first set.
  [[nodiscard]] std::string resource_version() const;

 private:
  friend class StoreWriter;
  using Values = std::map<std::string, std::set<ObjectKey>, std::less<>>;

  Change put(ObjectPtr object);
  void index(const Object& object, bool present);

  const Indexes index_functions_;
  mutable std::shared_mutex mutex_;
  std::map<ObjectKey, ObjectPtr> objects_;
  std::map<std::string, Values, std::less<>> indexes_;
  std::string resource_version_;
  bool synced_ = false;
};

// The right to write a store. Each function returns what readers now see differently; nothing for
// what came twice (the same resource version and the same uid).
class StoreWriter {
 public:
  // The one writer of a new store.
  explicit StoreWriter(Indexes indexes = {})
      : store_(std::make_shared<Store>(std::move(indexes))) {}
  StoreWriter(StoreWriter&&) noexcept = default;
  StoreWriter& operator=(StoreWriter&&) noexcept = default;

  [[nodiscard]] std::shared_ptr<const Store> store() const { return store_; }

  std::vector<Change> put(ObjectPtr object);
  // `last` is the state at deletion if it is known.
  std::vector<Change> remove(const ObjectKey& key);
  // The whole set: objects not in it are deleted (a watch that was cut missed their end). An object
  // that was deleted and made again is one deletion and one addition.
  std::vector<Change> replace(std::vector<ObjectPtr> objects, std::string resource_version);
  void advance(std::string resource_version);

 private:
  std::shared_ptr<Store> store_;
};

}  // namespace espalier::kube
