#include "kube/testing/field_ownership.h"

#include <algorithm>
#include <utility>

namespace espalier::kube::testing {
namespace {

using Path = std::vector<std::string>;
using Leaves = std::map<Path, Json>;

// A path's element is ".name" for a field, "[{"type":"Ready"}]" for an item of a keyed list and
// "=value" for one of a set.
const std::vector<std::string>* keys_of(const std::string& place, const KeyedLists& lists) {
  static const KeyedLists kBuiltIn = {{"status.conditions", {"type"}},
                                      {"metadata.ownerReferences", {"uid"}}};
  if (const auto at = lists.find(place); at != lists.end()) return &at->second;
  const auto at = kBuiltIn.find(place);
  return at == kBuiltIn.end() ? nullptr : &at->second;
}

std::string item_element(const Json& item, const std::vector<std::string>& keys) {
  Json key = Json::object();
  for (const auto& name : keys) key[name] = item.is_object() ? item.value(name, Json()) : Json();
  return "[" + key.dump() + "]";
}

void collect(const Json& json, const KeyedLists& lists, const std::string& place, Path& path,
             Leaves& leaves) {
  const auto under = [&](std::string element, const Json& value, const std::string& inner) {
    path.push_back(std::move(element));
    collect(value, lists, inner, path, leaves);
    path.pop_back();
  };
  if (json.is_object() && !json.empty()) {
    for (const auto& [name, value] : json.items()) {
      under("." + name, value, place.empty() ? name : place + "." + name);
    }
    return;
  }
  if (json.is_array() && place == "metadata.finalizers") {
    for (const auto& item : json) {
      path.push_back("=" + item.get<std::string>());
      leaves[path] = item;
      path.pop_back();
    }
    return;
  }
  if (const auto* keys = json.is_array() ? keys_of(place, lists) : nullptr) {
    for (const auto& item : json) under(item_element(item, *keys), item, place + "[]");
    return;
  }
  leaves[path] = json;
}

Leaves leaves_of(const Json& json, const KeyedLists& lists) {
  Leaves leaves;
  Path path;
  collect(json, lists, "", path, leaves);
  // These say which object it is, or belong to the server.
  for (const char* name : {".name", ".namespace", ".uid", ".resourceVersion", ".generation",
                           ".creationTimestamp", ".deletionTimestamp"}) {
    leaves.erase({".metadata", name});
  }
  leaves.erase({".apiVersion"});
  leaves.erase({".kind"});
  return leaves;
}

bool is_item(const Json& item, const std::string& element) {
  if (element.front() == '=') return item == Json(element.substr(1));
  const Json key = Json::parse(element.substr(1, element.size() - 2));
  return std::all_of(key.items().begin(), key.items().end(), [&](const auto& part) {
    return item.is_object() && item.value(part.key(), Json()) == part.value();
  });
}

Json* step(Json& at, const std::string& element) {
  if (element.front() == '.') {
    if (!at.is_object()) return nullptr;
    const auto found = at.find(element.substr(1));
    return found == at.end() ? nullptr : &*found;
  }
  if (!at.is_array()) return nullptr;
  for (auto& item : at) {
    if (is_item(item, element)) return &item;
  }
  return nullptr;
}

Json* find(Json& live, const Path& path) {
  Json* at = &live;
  for (const auto& element : path) {
    at = step(*at, element);
    if (at == nullptr) return nullptr;
  }
  return at;
}

void set(Json& live, const Path& path, const Json& value) {
  Json* at = &live;
  for (const auto& element : path) {
    Json* next = step(*at, element);
    if (next == nullptr && element.front() == '.') {
      if (!at->is_object()) *at = Json::object();
      next = &(*at)[element.substr(1)];
    } else if (next == nullptr) {
      if (!at->is_array()) *at = Json::array();
      // An item is found by its keys from the first of its fields on.
      at->push_back(element.front() == '=' ? Json(element.substr(1))
                                           : Json::parse(element.substr(1, element.size() - 2)));
      next = &at->back();
    }
    at = next;
  }
  *at = value;
}

// Takes the leaf away, and what became empty by that. An item without its key is not found again,
// so the way back is by pointer.
void erase(Json& at, const Path& path, std::size_t depth = 0) {
  if (depth == path.size()) return;
  Json* next = step(at, path[depth]);
  if (next == nullptr) return;
  erase(*next, path, depth + 1);
  if (depth + 1 < path.size() && !next->empty()) return;
  if (at.is_object()) {
    at.erase(path[depth].substr(1));
  } else {
    at.erase(static_cast<std::size_t>(next - &at.front()));
  }
}

std::string to_text(const Path& path) {
  std::string text;
  for (const auto& element : path) text += element;
  return text;
}

}  // namespace

std::vector<FieldConflict> FieldOwnership::apply(Json& live, const Json& config,
                                                 const std::string& manager, bool force,
                                                 const KeyedLists& keyed_lists) {
  const Leaves leaves = leaves_of(config, keyed_lists);
  std::vector<FieldConflict> conflicts;
  for (auto& [other, paths] : owners_) {
    if (other == manager) continue;
    for (const auto& [path, value] : leaves) {
      if (paths.count(path) == 0) continue;
      const Json* now = find(live, path);
      if (now != nullptr && *now == value) continue;
      conflicts.push_back({to_text(path), other});
    }
  }
  if (!conflicts.empty() && !force) return conflicts;
  for (auto& [other, paths] : owners_) {
    if (other == manager) continue;
    for (const auto& [path, value] : leaves) {
      const Json* now = find(live, path);
      if (now == nullptr || *now != value) paths.erase(path);
    }
  }
  std::set<Path> owned;
  for (const auto& [path, value] : leaves) owned.insert(path);
  const std::set<Path> before = std::exchange(owners_[manager], owned);
  for (const auto& path : before) {
    const bool still = std::any_of(owners_.begin(), owners_.end(),
                                   [&](const auto& owner) { return owner.second.count(path) > 0; });
    if (!still) erase(live, path);
  }
  for (const auto& [path, value] : leaves) set(live, path, value);
  return {};
}

void FieldOwnership::updated(const Json& before, const Json& after, const std::string& manager,
                             const KeyedLists& keyed_lists) {
  const Leaves old = leaves_of(before, keyed_lists);
  const Leaves now = leaves_of(after, keyed_lists);
  for (const auto& [path, value] : old) {
    if (now.count(path) > 0) continue;
    for (auto& [owner, paths] : owners_) paths.erase(path);
  }
  for (const auto& [path, value] : now) {
    const auto at = old.find(path);
    if (at != old.end() && at->second == value) continue;
    for (auto& [owner, paths] : owners_) paths.erase(path);
    owners_[manager].insert(path);
  }
}

std::set<std::string> FieldOwnership::owned_by(const std::string& manager) const {
  std::set<std::string> fields;
  const auto at = owners_.find(manager);
  if (at == owners_.end()) return fields;
  for (const auto& path : at->second) fields.insert(to_text(path));
  return fields;
}

}  // namespace espalier::kube::testing
