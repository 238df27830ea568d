// The writing half of FakeApiServer: create, replace, patch, apply, delete.
#include <algorithm>
#include <utility>

#include "kube/testing/fake_api_server.h"
#include "kube/testing/status_answer.h"

namespace espalier::kube::testing {
namespace {

constexpr const char* kDeleted = "2026-01-01T00:10:00Z";

std::string query_of(const Request& request, std::string_view name) {
  for (const auto& [key, value] : request.query) {
    if (key == name) return value;
  }
  return {};
}

Response json_answer(int status, const Json& json) {
  return {status, {{"Content-Type", "application/json"}}, json.dump()};
}

Response conflict(const Resource& resource, const ObjectKey& key, const std::string& why) {
  return status_answer(
      409, "Conflict",
      "Operation cannot be fulfilled on " + resource.plural + " \"" + key.name + "\": " + why);
}

Response invalid(const Resource& resource, const ObjectKey& key,
                 const std::vector<ErrorCause>& causes) {
  std::string message = resource.kind + " \"" + key.name + "\" is invalid:";
  for (const auto& cause : causes) message += " " + cause.field + ": " + cause.message;
  return status_answer(422, "Invalid", message, causes);
}

bool has_finalizers(const Json& object) {
  const Json* finalizers = find_field(object, "metadata.finalizers");
  return finalizers != nullptr && !finalizers->empty();
}

// Being deleted, and nobody holds it any more.
bool is_over(const Json& object) {
  return find_field(object, "metadata.deletionTimestamp") != nullptr && !has_finalizers(object);
}

}  // namespace

Response FakeApiServer::answer_write(const Target& target, const Request& request) {
  const Json body = Json::parse(request.body, nullptr, false);
  const std::string asked_manager = query_of(request, "fieldManager");
  const std::string manager = asked_manager.empty() ? "unknown" : asked_manager;
  Kind& kind = *target.kind;
  const auto perform = [&]() -> Response {
    if (!body.is_object()) return status_answer(400, "BadRequest", "the body is no JSON object");
    if (find_field(body, "metadata.managedFields") != nullptr) {
      return status_answer(400, "BadRequest", "metadata.managedFields must be nil");
    }
    const std::string* type = find_header(request.headers, "Content-Type");
    switch (request.method) {
      case Method::kPost:
        return create(kind, {target.key.ns, field_text(body, "metadata.name")}, body, manager);
      case Method::kPut:
        return update(kind, target, body, manager);
      case Method::kDelete:
        return erase(kind, target, body);
      case Method::kPatch:
      case Method::kGet:
        break;
    }
    if (type != nullptr && *type == "application/apply-patch+yaml") {
      return apply(kind, target, body, request);
    }
    if (type == nullptr || *type != "application/merge-patch+json") {
      return status_answer(415, "UnsupportedMediaType",
                           "the body of the request was in an unknown format");
    }
    const auto at = kind.objects.find(target.key);
    if (at == kind.objects.end()) return not_found_answer(kind.resource, target.key);
    Json patched = at->second.json;
    patched.merge_patch(body);
    return update(kind, target, std::move(patched), manager);
  };
  const Response response = perform();
  ObjectKey key = target.key;
  if (key.name.empty()) key.name = field_text(body, "metadata.name");
  writes_.push_back(
      {request.method, kind.resource, key, target.subresource, manager, body, response.status});
  return response;
}

std::optional<Response> FakeApiServer::refusal(const Kind& kind, const ObjectKey& key,
                                               const Json& object) {
  if (!kind.serving.validate) return std::nullopt;
  const auto causes = kind.serving.validate(object);
  if (causes.empty()) return std::nullopt;
  return invalid(kind.resource, key, causes);
}

Response FakeApiServer::create(Kind& kind, const ObjectKey& key, Json object,
                               const std::string& manager) {
  if (key.name.empty()) {
    return invalid(kind.resource, key,
                   {{"metadata.name", "FieldValueRequired",
                     "Required value: name or generateName is required"}});
  }
  if (kind.objects.count(key) > 0) {
    return status_answer(409, "AlreadyExists",
                         kind.resource.plural + " \"" + key.name + "\" already exists");
  }
  if (!field_text(object, "metadata.resourceVersion").empty()) {
    return status_answer(400, "BadRequest",
                         "resourceVersion should not be set on objects to be created");
  }
  if (kind.serving.status_subresource) object.erase("status");
  if (auto refused = refusal(kind, key, object)) return std::move(*refused);
  commit(kind, key, std::move(object));
  Stored& stored = kind.objects.at(key);
  stored.ownership.updated(Json::object(), stored.json, manager, kind.serving.keyed_lists);
  return json_answer(201, stored.json);
}

Response FakeApiServer::update(Kind& kind, const Target& target, Json object,
                               const std::string& manager) {
  const auto at = kind.objects.find(target.key);
  if (at == kind.objects.end()) return not_found_answer(kind.resource, target.key);
  const Json before = at->second.json;
  const std::string version = field_text(object, "metadata.resourceVersion");
  if (!version.empty() && version != field_text(before, "metadata.resourceVersion")) {
    return conflict(kind.resource, target.key,
                    "the object has been modified; please apply your changes to the latest version "
                    "and try again");
  }
  if (kind.serving.status_subresource) {
    // A subresource takes its own part and nothing else; /approval is a request's conditions, and
    // /scale the replicas.
    Json merged = target.subresource.empty() ? object : before;
    const Json& status_from = target.subresource == "status" ? object : before;
    merged.erase("status");
    if (status_from.contains("status")) merged["status"] = status_from["status"];
    if (const Json* conditions = find_field(object, "status.conditions");
        conditions != nullptr && target.subresource == "approval") {
      merged["status"]["conditions"] = *conditions;
    }
    if (const Json* replicas = find_field(object, "spec.replicas");
        replicas != nullptr && target.subresource == "scale") {
      merged["spec"]["replicas"] = *replicas;
    }
    object = std::move(merged);
  }
  if (const Json* deleted = find_field(before, "metadata.deletionTimestamp")) {
    object["metadata"]["deletionTimestamp"] = *deleted;
  } else {
    object["metadata"].erase("deletionTimestamp");
  }
  if (auto refused = refusal(kind, target.key, object)) return std::move(*refused);
  if (is_over(object)) {
    commit(kind, target.key, Json());
    return json_answer(200, object);
  }
  commit(kind, target.key, std::move(object));
  Stored& stored = at->second;
  stored.ownership.updated(before, stored.json, manager, kind.serving.keyed_lists);
  return json_answer(200, stored.json);
}

Response FakeApiServer::apply(Kind& kind, const Target& target, const Json& body,
                              const Request& request) {
  const std::string manager = query_of(request, "fieldManager");
  if (manager.empty()) {
    return status_answer(400, "BadRequest", "fieldManager is required for apply patch");
  }
  const bool to_status = target.subresource == "status";
  const auto at = kind.objects.find(target.key);
  const bool fresh = at == kind.objects.end();
  if (fresh && to_status) return not_found_answer(kind.resource, target.key);
  Json config = body;
  if (kind.serving.status_subresource) {
    if (to_status) {
      config = Json::object();
      if (body.contains("status")) config["status"] = body["status"];
    } else {
      config.erase("status");
    }
  }
  Json object = fresh ? Json{{"metadata", {{"name", target.key.name}}}} : at->second.json;
  if (fresh && !target.key.ns.empty()) object["metadata"]["namespace"] = target.key.ns;
  const std::string version = field_text(body, "metadata.resourceVersion");
  if (!version.empty() && version != field_text(object, "metadata.resourceVersion")) {
    return conflict(kind.resource, target.key, "the object has been modified");
  }
  FieldOwnership ownership = fresh ? FieldOwnership() : at->second.ownership;
  // The spec and the status are applied apart, also by one manager.
  const std::string owner = to_status ? manager + "/status" : manager;
  const auto conflicts = ownership.apply(
      object, config, owner, query_of(request, "force") == "true", kind.serving.keyed_lists);
  if (!conflicts.empty()) {
    std::vector<ErrorCause> causes;
    for (const auto& one : conflicts) {
      causes.push_back(
          {one.field, "FieldManagerConflict", "conflict with \"" + one.manager + "\""});
    }
    return status_answer(409, "Conflict",
                         "Apply failed with " + std::to_string(conflicts.size()) +
                             " conflict: conflict with \"" + conflicts.front().manager +
                             "\": " + conflicts.front().field,
                         causes);
  }
  if (auto refused = refusal(kind, target.key, object)) return std::move(*refused);
  if (is_over(object)) {
    commit(kind, target.key, Json());
    return json_answer(200, object);
  }
  commit(kind, target.key, std::move(object));
  Stored& stored = kind.objects.at(target.key);
  stored.ownership = std::move(ownership);
  return json_answer(fresh ? 201 : 200, stored.json);
}

Response FakeApiServer::erase(Kind& kind, const Target& target, const Json& options) {
  const auto at = kind.objects.find(target.key);
  if (at == kind.objects.end()) return not_found_answer(kind.resource, target.key);
  Json object = at->second.json;
  for (const char* field : {"uid", "resourceVersion"}) {
    const std::string want = field_text(options, std::string("preconditions.") + field);
    if (!want.empty() && want != object["metadata"][field].get<std::string>()) {
      return conflict(kind.resource, target.key,
                      std::string("Precondition failed: ") + field + " in precondition: " + want);
    }
  }
  if (!has_finalizers(object)) {
    commit(kind, target.key, Json());
    return json_answer(200, object);
  }
  object["metadata"]["deletionTimestamp"] = kDeleted;
  commit(kind, target.key, std::move(object));
  return json_answer(200, at->second.json);
}

}  // namespace espalier::kube::testing
