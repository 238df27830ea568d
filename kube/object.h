// Object: one object as the API server gave it, with its metadata decoded.
//
// Guarantees: immutable once shared (ObjectPtr); metadata.name is there; metadata.managedFields is
// not (nobody here reads it, and it doubles an object). Everything else stands in `json` as it
// came: kinds are decoded by their users (crds/types for ours).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "kube/resource.h"

namespace espalier::kube {

using Json = nlohmann::json;

struct OwnerReference {
  std::string api_version;
  std::string kind;
  std::string name;
  std::string uid;
  bool controller = false;
};

struct Metadata {
  ObjectKey key;
  std::string uid;
  std::string resource_version;  // opaque; empty in an object that was never stored
  std::int64_t generation = 0;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
  std::vector<std::string> finalizers;
  std::vector<OwnerReference> owners;
  std::string creation_timestamp;  // RFC 3339, as it came
  std::string deletion_timestamp;  // empty: not being deleted

  [[nodiscard]] bool deleting() const { return !deletion_timestamp.empty(); }
};

struct Object {
  Metadata metadata;
  Json json;

  [[nodiscard]] const ObjectKey& key() const { return metadata.key; }
};
using ObjectPtr = std::shared_ptr<const Object>;

// kInvalid with the field's name ("metadata.labels.role: a string is needed") if it is no object.
// With `nameless_ok`, a missing name is let through (a watch's bookmark has none).
[[nodiscard]] Result<Metadata> decode_metadata(const Json& json, bool nameless_ok = false);
[[nodiscard]] Result<ObjectPtr> make_object(Json json);

// Takes away what nobody reads, before an object is stored; may be empty.
using Trim = std::function<void(Json&)>;

// The value at a path of keys ("spec.nodeName"), nullptr if there is none on the way. A key with a
// dot in it cannot be reached like this.
[[nodiscard]] const Json* find_field(const Json& json, std::string_view path);
// The same for text; empty if there is none, or no text.
[[nodiscard]] std::string field_text(const Json& json, std::string_view path);

// An owner reference to `owner` for metadata.ownerReferences, so that the API server deletes what
// has it when the owner goes.
[[nodiscard]] Json owner_reference(const Object& owner);

}  // namespace espalier::kube
