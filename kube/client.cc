#include "kube/client.h"

#include <utility>

#include "kube/json_request.h"
#include "kube/list_item.h"

namespace espalier::kube {
namespace {

constexpr std::string_view kApplyPatch = "application/apply-patch+yaml";  // JSON is YAML, too
constexpr std::string_view kMergePatch = "application/merge-patch+json";
constexpr std::string_view kPage = "500";
constexpr int kMaxRestarts = 3;

std::string place(Method method, const Resource& resource, const ObjectKey& key,
                  std::string_view subresource = {}) {
  std::string text = std::string(name_of(method)) + " " + resource.plural;
  if (!key.name.empty() || !key.ns.empty()) text += "/" + key.to_string();
  if (!subresource.empty()) text += "/" + std::string(subresource);
  return text;
}

ApiError invalid(std::string where, std::string message) {
  ApiError error;
  error.kind = ErrorKind::kInvalid;
  error.where = std::move(where);
  error.message = std::move(message);
  return error;
}

ObjectKey key_of(const Json& object) {
  return {field_text(object, "metadata.namespace"), field_text(object, "metadata.name")};
}

void prepare(const Resource& resource, Json& object) {
  object["apiVersion"] = resource.api_version();
  object["kind"] = resource.kind;
  object["metadata"].erase("managedFields");
}

// What every write but an apply asks for.
std::vector<std::pair<std::string, std::string>> write_query(const Client::Options& options) {
  return {{"fieldManager", options.field_manager},
          {"fieldValidation", options.strict ? "Strict" : "Warn"}};
}

}  // namespace

std::vector<std::string> warning_texts(std::string_view header) {
  std::vector<std::string> texts;
  bool quoted = false;
  for (std::size_t at = 0; at < header.size(); ++at) {
    if (header[at] == '"') {
      if (!quoted) texts.emplace_back();
      quoted = !quoted;
    } else if (quoted) {
      if (header[at] == '\\' && at + 1 < header.size()) ++at;
      texts.back() += header[at];
    }
  }
  if (texts.empty()) texts.emplace_back(header);
  return texts;
}

ApiResult<Json> Client::send(Request request, std::string where) const {
  request.headers.emplace_back("Accept", "application/json");
  auto response = transport_->call(request);
  if (response && options_.on_warning) {
    for (const auto& [name, value] : response->headers) {
      if (name != "Warning" && name != "warning") continue;
      for (const auto& text : warning_texts(value)) options_.on_warning(text);
    }
  }
  if (auto error = error_in(response)) {
    error->where = std::move(where);
    return tl::unexpected(std::move(*error));
  }
  Json json = Json::parse(response->body, nullptr, false);
  if (json.is_discarded()) {
    ApiError error;  // cut short, or a proxy's page: another try may bring the whole
    error.status = response->status;
    error.message = "the answer is no JSON";
    error.where = std::move(where);
    return tl::unexpected(std::move(error));
  }
  return json;
}

ApiResult<ObjectPtr> Client::send_for_object(Request request, std::string where) const {
  auto json = send(std::move(request), where);
  if (!json) return tl::unexpected(std::move(json.error()));
  auto object = make_object(std::move(*json));
  if (!object) return tl::unexpected(invalid(std::move(where), object.error().to_string()));
  return std::move(*object);
}

ApiResult<ObjectPtr> Client::get(const Resource& resource, const ObjectKey& key) const {
  Request request;
  request.path = resource.object_path(key);
  return send_for_object(std::move(request), place(Method::kGet, resource, key));
}

ApiResult<Listed> Client::list_once(const Resource& resource, const Selection& selection) const {
  const std::string where = place(Method::kGet, resource, {selection.ns, ""});
  Listed listed;
  std::string next;
  do {
    Request request;
    request.path = resource.collection_path(selection.ns);
    request.query = {{"limit", std::string(kPage)}};
    if (!selection.label_selector.empty()) {
      request.query.emplace_back("labelSelector", selection.label_selector);
    }
    if (!selection.field_selector.empty()) {
      request.query.emplace_back("fieldSelector", selection.field_selector);
    }
    if (!next.empty()) request.query.emplace_back("continue", next);
    auto json = send(std::move(request), where);
    if (!json) return tl::unexpected(std::move(json.error()));
    const auto items = json->find("items");
    if (items == json->end() || !items->is_array()) {
      return tl::unexpected(invalid(where, "items: a list is needed"));
    }
    for (auto& item : *items) {
      auto object = object_of_item(resource, std::move(item));
      if (!object) return tl::unexpected(invalid(where, object.error().to_string()));
      listed.objects.push_back(std::move(*object));
    }
    listed.resource_version = field_text(*json, "metadata.resourceVersion");
    next = field_text(*json, "metadata.continue");
  } while (!next.empty());
  return listed;
}

ApiResult<Listed> Client::list(const Resource& resource, const Selection& selection) const {
  auto listed = list_once(resource, selection);
  for (int again = 0; again < kMaxRestarts && !listed && listed.error().kind == ErrorKind::kGone;
       ++again) {
    listed = list_once(resource, selection);
  }
  return listed;
}

ApiResult<ObjectPtr> Client::create(const Resource& resource, Json object) const {
  const ObjectKey key = key_of(object);
  const std::string where = place(Method::kPost, resource, key);
  if (!object.is_object()) return tl::unexpected(invalid(where, "a map is needed"));
  prepare(resource, object);
  Request request = json_request(Method::kPost, resource.collection_path(key.ns), object);
  request.query = write_query(options_);
  return send_for_object(std::move(request), where);
}

ApiResult<ObjectPtr> Client::apply_at(const Resource& resource, Json object,
                                      const ApplyOptions& options,
                                      std::string_view subresource) const {
  const ObjectKey key = key_of(object);
  const std::string where = place(Method::kPatch, resource, key, subresource);
  if (key.name.empty()) return tl::unexpected(invalid(where, "metadata.name: a name is needed"));
  prepare(resource, object);
  Request request =
      json_request(Method::kPatch, resource.object_path(key, subresource), object, kApplyPatch);
  const std::string_view manager =
      options.manager.empty() ? std::string_view(options_.field_manager) : options.manager;
  request.query = {{"fieldManager", std::string(manager)},
                   {"force", options.force ? "true" : "false"},
                   {"fieldValidation", options_.strict ? "Strict" : "Warn"}};
  return send_for_object(std::move(request), where);
}

ApiResult<ObjectPtr> Client::apply(const Resource& resource, Json object,
                                   const ApplyOptions& options) const {
  return apply_at(resource, std::move(object), options, {});
}

ApiResult<ObjectPtr> Client::apply_status(const Resource& resource, Json object,
                                          const ApplyOptions& options) const {
  return apply_at(resource, std::move(object), options, "status");
}

ApiResult<ObjectPtr> Client::replace(const Resource& resource, Json object,
                                     std::string_view subresource) const {
  const ObjectKey key = key_of(object);
  const std::string where = place(Method::kPut, resource, key, subresource);
  if (key.name.empty()) return tl::unexpected(invalid(where, "metadata.name: a name is needed"));
  prepare(resource, object);
  Request request = json_request(Method::kPut, resource.object_path(key, subresource), object);
  request.query = write_query(options_);
  return send_for_object(std::move(request), where);
}

ApiResult<ObjectPtr> Client::merge_patch(const Resource& resource, const ObjectKey& key,
                                         const Json& patch, std::string_view subresource) const {
  Request request =
      json_request(Method::kPatch, resource.object_path(key, subresource), patch, kMergePatch);
  request.query = write_query(options_);
  return send_for_object(std::move(request), place(Method::kPatch, resource, key, subresource));
}

ApiStatus Client::remove(const Resource& resource, const ObjectKey& key,
                         const RemoveOptions& options) const {
  Json body = {
      {"apiVersion", "v1"}, {"kind", "DeleteOptions"}, {"propagationPolicy", "Background"}};
  if (!options.uid.empty()) body["preconditions"]["uid"] = options.uid;
  if (!options.resource_version.empty()) {
    body["preconditions"]["resourceVersion"] = options.resource_version;
  }
  auto done = send(json_request(Method::kDelete, resource.object_path(key), body),
                   place(Method::kDelete, resource, key));
  if (!done && done.error().kind != ErrorKind::kNotFound) {
    return tl::unexpected(std::move(done.error()));
  }
  return {};
}

}  // namespace espalier::kube
