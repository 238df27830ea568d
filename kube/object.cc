#include "kube/object.h"

#include <string_view>
#include <utility>

namespace espalier::kube {
namespace {

Status read_text(const Json& from, std::string_view field, std::string& into) {
  const auto at = from.find(field);
  if (at == from.end() || at->is_null()) return {};
  if (!at->is_string()) {
    return fail(Code::kInvalid, "metadata." + std::string(field), "a string is needed");
  }
  into = at->get_ref<const std::string&>();
  return {};
}

Status read_map(const Json& from, std::string_view field,
                std::map<std::string, std::string>& into) {
  const auto at = from.find(field);
  if (at == from.end() || at->is_null()) return {};
  const std::string where = "metadata." + std::string(field);
  if (!at->is_object()) return fail(Code::kInvalid, where, "a map is needed");
  for (const auto& [key, value] : at->items()) {
    if (!value.is_string()) return fail(Code::kInvalid, where + "." + key, "a string is needed");
    into.emplace(key, value.get_ref<const std::string&>());
  }
  return {};
}

Status read_finalizers(const Json& from, std::vector<std::string>& into) {
  const auto at = from.find("finalizers");
  if (at == from.end() || at->is_null()) return {};
  if (!at->is_array()) return fail(Code::kInvalid, "metadata.finalizers", "a list is needed");
  for (const auto& value : *at) {
    if (!value.is_string()) {
      return fail(Code::kInvalid, "metadata.finalizers", "a list of strings is needed");
    }
    into.push_back(value.get_ref<const std::string&>());
  }
  return {};
}

Status read_owners(const Json& from, std::vector<OwnerReference>& into) {
  const auto at = from.find("ownerReferences");
  if (at == from.end() || at->is_null()) return {};
  const std::string where = "metadata.ownerReferences";
  if (!at->is_array()) return fail(Code::kInvalid, where, "a list is needed");
  for (const auto& value : *at) {
    if (!value.is_object()) return fail(Code::kInvalid, where, "a list of maps is needed");
    OwnerReference owner;
    for (auto [field, member] :
         {std::pair{"apiVersion", &owner.api_version}, std::pair{"kind", &owner.kind},
          std::pair{"name", &owner.name}, std::pair{"uid", &owner.uid}}) {
      const auto found = value.find(field);
      if (found == value.end() || !found->is_string()) {
        return fail(Code::kInvalid, where + "." + field, "a string is needed");
      }
      *member = found->get_ref<const std::string&>();
    }
    const auto controller = value.find("controller");
    owner.controller =
        controller != value.end() && controller->is_boolean() && controller->get<bool>();
    into.push_back(std::move(owner));
  }
  return {};
}

}  // namespace

Result<Metadata> decode_metadata(const Json& json, bool nameless_ok) {
  if (!json.is_object()) return fail(Code::kInvalid, "", "a map is needed");
  const auto at = json.find("metadata");
  if (at == json.end() || !at->is_object()) {
    return fail(Code::kInvalid, "metadata", "a map is needed");
  }
  Metadata metadata;
  for (auto [field, member] :
       {std::pair{"namespace", &metadata.key.ns}, std::pair{"name", &metadata.key.name},
        std::pair{"uid", &metadata.uid}, std::pair{"resourceVersion", &metadata.resource_version},
        std::pair{"creationTimestamp", &metadata.creation_timestamp},
        std::pair{"deletionTimestamp", &metadata.deletion_timestamp}}) {
    if (auto read = read_text(*at, field, *member); !read) return forward(read);
  }
  if (metadata.key.name.empty() && !nameless_ok) {
    return fail(Code::kInvalid, "metadata.name", "a name is needed");
  }
  if (const auto found = at->find("generation"); found != at->end() && !found->is_null()) {
    if (!found->is_number_integer()) {
      return fail(Code::kInvalid, "metadata.generation", "a whole number is needed");
    }
    metadata.generation = found->get<std::int64_t>();
  }
  if (auto read = read_map(*at, "labels", metadata.labels); !read) return forward(read);
  if (auto read = read_map(*at, "annotations", metadata.annotations); !read) return forward(read);
  if (auto read = read_finalizers(*at, metadata.finalizers); !read) return forward(read);
  if (auto read = read_owners(*at, metadata.owners); !read) return forward(read);
  return metadata;
}

Result<ObjectPtr> make_object(Json json) {
  auto metadata = decode_metadata(json);
  if (!metadata) return forward(metadata);
  json["metadata"].erase("managedFields");
  return std::make_shared<const Object>(Object{std::move(*metadata), std::move(json)});
}

const Json* find_field(const Json& json, std::string_view path) {
  const Json* at = &json;
  while (!path.empty()) {
    const auto dot = path.find('.');
    const auto key = path.substr(0, dot);
    if (!at->is_object()) return nullptr;
    const auto found = at->find(key);
    if (found == at->end()) return nullptr;
    at = &*found;
    path = dot == std::string_view::npos ? std::string_view{} : path.substr(dot + 1);
  }
  return at;
}

std::string field_text(const Json& json, std::string_view path) {
  const Json* at = find_field(json, path);
  return at != nullptr && at->is_string() ? at->get<std::string>() : std::string();
}

Json owner_reference(const Object& owner) {
  return {{"apiVersion", field_text(owner.json, "apiVersion")},
          {"kind", field_text(owner.json, "kind")},
          {"name", owner.metadata.key.name},
          {"uid", owner.metadata.uid},
          {"controller", true},
          {"blockOwnerDeletion", false}};
}

}  // namespace espalier::kube
