#include "kube/testing/fake_api_server.h"

#include <algorithm>
#include <utility>

#include "kube/testing/fake_stream.h"
#include "kube/testing/selectors.h"
#include "kube/testing/status_answer.h"

namespace espalier::kube::testing {
namespace {

constexpr const char* kCreated = "2026-01-01T00:00:00Z";

std::string query_of(const Request& request, std::string_view name) {
  for (const auto& [key, value] : request.query) {
    if (key == name) return value;
  }
  return {};
}

std::vector<std::string> segments_of(const std::string& path) {
  std::vector<std::string> segments;
  std::string segment;
  for (std::size_t i = 1; i <= path.size(); ++i) {
    if (i == path.size() || path[i] == '/') {
      segments.push_back(std::exchange(segment, {}));
    } else if (path[i] == '%' && i + 2 < path.size()) {
      segment += static_cast<char>(std::stoi(path.substr(i + 1, 2), nullptr, 16));
      i += 2;
    } else {
      segment += path[i];
    }
  }
  return segments;
}

Response json_answer(int status, const Json& json) {
  return {status, {{"Content-Type", "application/json"}}, json.dump()};
}

class Handle : public Stream {
 public:
  explicit Handle(std::shared_ptr<FakeStream> stream) : stream_(std::move(stream)) {}
  ~Handle() override { Handle::cancel(); }
  void cancel() override { stream_->end(fail(Code::kUnavailable, "", "cancelled")); }

 private:
  std::shared_ptr<FakeStream> stream_;
};

}  // namespace

FakeApiServer::FakeApiServer() {
  for (const auto& resource :
       {nodes(), pods(), namespaces(), secrets(), config_maps(), leases(), events(),
        certificate_signing_requests(), custom_resource_definitions()}) {
    serve(resource);
  }
}

FakeApiServer::~FakeApiServer() {
  FakeApiServer::stop();
}

void FakeApiServer::serve(const Resource& resource, Serving serving) {
  const std::lock_guard lock(mutex_);
  Kind& kind = kinds_[resource.collection_path()];
  kind.resource = resource;
  kind.serving = std::move(serving);
}

void FakeApiServer::unserve(const Resource& resource) {
  const std::lock_guard lock(mutex_);
  kinds_.erase(resource.collection_path());
  for (const auto& stream : live_streams()) {
    if (stream->share() && stream->share()->collection == resource.collection_path()) {
      stream->end({});
    }
  }
}

FakeApiServer::Kind& FakeApiServer::kind_of(const Resource& resource) {
  Kind& kind = kinds_[resource.collection_path()];
  kind.resource = resource;
  return kind;
}

const FakeApiServer::Stored* FakeApiServer::stored(const Resource& resource,
                                                   const ObjectKey& key) const {
  const auto kind = kinds_.find(resource.collection_path());
  if (kind == kinds_.end()) return nullptr;
  const auto at = kind->second.objects.find(key);
  return at == kind->second.objects.end() ? nullptr : &at->second;
}

ObjectPtr FakeApiServer::put(const Resource& resource, Json object) {
  const std::lock_guard lock(mutex_);
  Kind& kind = kind_of(resource);
  const ObjectKey key{field_text(object, "metadata.namespace"),
                      field_text(object, "metadata.name")};
  const auto at = kind.objects.find(key);
  const Json before = at == kind.objects.end() ? Json() : at->second.json;
  object["metadata"].erase("resourceVersion");
  commit(kind, key, std::move(object));
  Stored& now = kind.objects.at(key);
  now.ownership.updated(before.is_null() ? Json::object() : before, now.json, "other",
                        kind.serving.keyed_lists);
  return find(resource, key);
}

void FakeApiServer::remove(const Resource& resource, const ObjectKey& key) {
  const std::lock_guard lock(mutex_);
  if (stored(resource, key) != nullptr) commit(kind_of(resource), key, Json());
}

ObjectPtr FakeApiServer::find(const Resource& resource, const ObjectKey& key) const {
  const std::lock_guard lock(mutex_);
  const Stored* at = stored(resource, key);
  if (at == nullptr) return nullptr;
  auto object = make_object(at->json);
  return object ? *object : nullptr;
}

std::vector<ObjectPtr> FakeApiServer::list(const Resource& resource) const {
  const std::lock_guard lock(mutex_);
  std::vector<ObjectPtr> all;
  const auto kind = kinds_.find(resource.collection_path());
  if (kind == kinds_.end()) return all;
  for (const auto& [key, object] : kind->second.objects) all.push_back(find(resource, key));
  return all;
}

std::set<std::string> FakeApiServer::owned_by(const Resource& resource, const ObjectKey& key,
                                              const std::string& manager) const {
  const std::lock_guard lock(mutex_);
  const Stored* at = stored(resource, key);
  return at == nullptr ? std::set<std::string>() : at->ownership.owned_by(manager);
}

std::vector<Write> FakeApiServer::writes() const {
  const std::lock_guard lock(mutex_);
  return writes_;
}
std::vector<Write> FakeApiServer::take_writes() {
  const std::lock_guard lock(mutex_);
  return std::exchange(writes_, {});
}
std::vector<Request> FakeApiServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

// The only place where an object changes.
void FakeApiServer::commit(Kind& kind, const ObjectKey& key, Json after) {
  const auto at = kind.objects.find(key);
  Json before = at == kind.objects.end() ? Json() : at->second.json;
  if (!after.is_null()) {
    after["apiVersion"] = kind.resource.api_version();
    after["kind"] = kind.resource.kind;
    Json& metadata = after["metadata"];
    metadata.erase("managedFields");
    if (before.is_null()) {
      metadata["uid"] = "uid-" + std::to_string(++last_uid_);
      metadata["creationTimestamp"] = kCreated;
      metadata["generation"] = 1;
    } else {
      for (const char* field : {"uid", "creationTimestamp", "generation", "resourceVersion"}) {
        metadata[field] = before["metadata"][field];
      }
      if (after == before) return;
      Json old_rest = before;
      Json new_rest = after;
      for (const char* part : {"metadata", "status"}) {
        old_rest.erase(part);
        new_rest.erase(part);
      }
      if (old_rest != new_rest || (metadata.contains("deletionTimestamp") &&
                                   !before["metadata"].contains("deletionTimestamp"))) {
        metadata["generation"] = before["metadata"]["generation"].get<int>() + 1;
      }
    }
    metadata["resourceVersion"] = std::to_string(version_ + 1);
  }
  ++version_;
  const std::string collection = kind.resource.collection_path();
  history_.push_back({version_, collection, key, before, after});
  if (after.is_null()) {
    kind.objects.erase(key);
  } else {
    kind.objects[key].json = after;
  }
  for (const auto& stream : live_streams()) stream->tell(collection, key, before, after, version_);
}

std::vector<std::shared_ptr<FakeStream>> FakeApiServer::live_streams() {
  streams_.erase(std::remove_if(streams_.begin(), streams_.end(),
                                [](const auto& stream) { return stream->ended(); }),
                 streams_.end());
  return streams_;
}

std::size_t FakeApiServer::open_streams() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::count_if(
      streams_.begin(), streams_.end(), [](const auto& stream) { return !stream->ended(); }));
}

void FakeApiServer::inject(Fault fault) {
  const std::lock_guard lock(mutex_);
  faults_.push_back(std::move(fault));
}

void FakeApiServer::heal() {
  const std::lock_guard lock(mutex_);
  faults_.clear();
}

std::optional<Fault> FakeApiServer::take_fault(const Request& request) {
  for (auto at = faults_.begin(); at != faults_.end(); ++at) {
    if (at->when && !at->when(request)) continue;
    Fault fault = *at;
    if (--at->times <= 0) faults_.erase(at);
    return fault;
  }
  return std::nullopt;
}

void FakeApiServer::compact() {
  const std::lock_guard lock(mutex_);
  compacted_ = ++version_;
  history_.clear();
  pages_.clear();
}
void FakeApiServer::break_streams() {
  const std::lock_guard lock(mutex_);
  for (const auto& stream : live_streams()) {
    stream->end(fail(Code::kUnavailable, "", "connection reset by peer"));
  }
}
void FakeApiServer::end_streams() {
  const std::lock_guard lock(mutex_);
  for (const auto& stream : live_streams()) stream->end({});
}
void FakeApiServer::send_bookmarks() {
  const std::lock_guard lock(mutex_);
  for (const auto& stream : live_streams()) {
    if (stream->share()) {
      stream->bookmark(version_, kinds_.at(stream->share()->collection).resource, false);
    }
  }
}
void FakeApiServer::send_line(const std::string& line) {
  const std::lock_guard lock(mutex_);
  for (const auto& stream : live_streams()) {
    if (stream->share()) stream->send(line + "\n");
  }
}
void FakeApiServer::stream_lists(bool on) {
  const std::lock_guard lock(mutex_);
  stream_lists_ = on;
}
void FakeApiServer::end_bookmarks(bool on) {
  const std::lock_guard lock(mutex_);
  end_bookmarks_ = on;
}
void FakeApiServer::gone_over_http(bool on) {
  const std::lock_guard lock(mutex_);
  gone_over_http_ = on;
}
void FakeApiServer::chunk_size(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  chunk_size_ = bytes;
}

Result<Response> FakeApiServer::call(const Request& request) {
  const std::lock_guard lock(mutex_);
  requests_.push_back(request);
  if (stopped_) return fail(Code::kUnavailable, "", "stopped");
  const auto fault = take_fault(request);
  if (fault && !fault->after_executing) {
    if (fault->response) return *fault->response;
    return fail(Code::kUnavailable, "", "connection refused");
  }
  Response response = answer(request);
  if (!fault) return response;
  if (fault->response) return *fault->response;
  return fail(Code::kUnavailable, "", "connection reset by peer");
}

std::unique_ptr<Stream> FakeApiServer::open(const Request& request,
                                            std::shared_ptr<StreamSink> sink) {
  const std::lock_guard lock(mutex_);
  requests_.push_back(request);
  auto stream = std::make_shared<FakeStream>(std::move(sink), chunk_size_);
  streams_.push_back(stream);
  begin(request, stream);
  return std::make_unique<Handle>(stream);
}

void FakeApiServer::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  for (const auto& stream : live_streams()) stream->end(fail(Code::kUnavailable, "", "stopped"));
}

void FakeApiServer::begin(const Request& request, const std::shared_ptr<FakeStream>& stream) {
  if (stopped_) {
    stream->end(fail(Code::kUnavailable, "", "stopped"));
    return;
  }
  const auto fault = take_fault(request);
  if (fault && !fault->response) {
    stream->end(fail(Code::kUnavailable, "", "connection refused"));
    return;
  }
  const auto target = target_of(request.path);
  if (!fault && target && query_of(request, "watch") == "1") {
    begin_watch(*target, request, *stream);
    return;
  }
  const Response response = fault ? *fault->response : answer(request);
  stream->head(response.status, response.headers);
  stream->send(response.body);
  stream->end({});
}

void FakeApiServer::begin_watch(const Target& target, const Request& request, FakeStream& stream) {
  const auto refuse = [&](const Response& response) {
    stream.head(response.status, response.headers);
    stream.send(response.body);
    stream.end({});
  };
  const Resource& resource = target.kind->resource;
  const std::string collection = resource.collection_path();
  const std::string from = query_of(request, "resourceVersion");
  const bool initial = query_of(request, "sendInitialEvents") == "true";
  if (initial && !stream_lists_) {
    refuse(status_answer(422, "Invalid",
                         "ListOptions.meta.k8s.io \"\" is invalid: sendInitialEvents: Forbidden: "
                         "sendInitialEvents is forbidden for watch unless the WatchList feature "
                         "gate is enabled"));
    return;
  }
  const std::uint64_t version = from.empty() ? 0 : std::stoull(from);
  if (version > version_) {
    refuse(too_large_answer(version, version_));
    return;
  }
  if (!initial && version != 0 && version < compacted_) {
    const Response gone = status_answer(
        410, "Expired",
        "too old resource version: " + from + " (" + std::to_string(compacted_) + ")");
    if (gone_over_http_) {
      refuse(gone);
      return;
    }
    stream.head(200, {{"Content-Type", "application/json"}});
    stream.send_event("ERROR", Json::parse(gone.body));
    stream.end({});
    return;
  }
  stream.watch({collection, target.key.ns, query_of(request, "labelSelector"),
                query_of(request, "fieldSelector")});
  stream.head(200, {{"Content-Type", "application/json"}});
  if (initial || version == 0) {
    for (const auto& object : selected(target, request)) stream.send_event("ADDED", object);
    if (initial && end_bookmarks_) stream.bookmark(version_, resource, true);
    return;
  }
  for (const auto& past : history_) {
    if (past.version > version) {
      stream.tell(past.collection, past.key, past.before, past.after, past.version);
    }
  }
}

std::vector<Json> FakeApiServer::selected(const Target& target, const Request& request) const {
  std::vector<Json> objects;
  const Share share{"", target.key.ns, query_of(request, "labelSelector"),
                    query_of(request, "fieldSelector")};
  for (const auto& [key, object] : target.kind->objects) {
    if (share.holds(key, object.json)) objects.push_back(object.json);
  }
  return objects;
}

std::optional<FakeApiServer::Target> FakeApiServer::target_of(const std::string& path) {
  auto rest = segments_of(path);
  const std::size_t prefix = !rest.empty() && rest[0] == "api" ? 2 : 3;
  if (rest.size() <= prefix) return std::nullopt;
  std::string collection;
  for (std::size_t i = 0; i < prefix; ++i) collection += "/" + rest[i];
  rest.erase(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(prefix));
  Target target;
  const bool is_namespace_itself =
      rest.size() == 2 || (rest.size() == 3 && (rest[2] == "status" || rest[2] == "finalize"));
  if (rest[0] == "namespaces" && rest.size() > 2 && !is_namespace_itself) {
    target.key.ns = rest[1];
    rest.erase(rest.begin(), rest.begin() + 2);
  } else if (rest[0] == "namespaces" && rest.size() == 3 &&
             kinds_.count(collection + "/" + rest[2])) {
    target.key.ns = rest[1];
    rest.erase(rest.begin(), rest.begin() + 2);
  }
  const auto kind = kinds_.find(collection + "/" + rest[0]);
  if (kind == kinds_.end()) return std::nullopt;
  target.kind = &kind->second;
  if (rest.size() > 1) target.key.name = rest[1];
  if (rest.size() > 2) target.subresource = rest[2];
  return target;
}

Response FakeApiServer::answer(const Request& request) {
  const auto target = target_of(request.path);
  if (!target) {
    return status_answer(404, "NotFound", "the server could not find the requested resource");
  }
  if (request.method != Method::kGet) return answer_write(*target, request);
  if (target->key.name.empty()) return answer_list(*target, request);
  const auto at = target->kind->objects.find(target->key);
  if (at == target->kind->objects.end()) {
    return not_found_answer(target->kind->resource, target->key);
  }
  return json_answer(200, at->second.json);
}

Response FakeApiServer::answer_list(const Target& target, const Request& request) {
  const std::string token = query_of(request, "continue");
  std::vector<Json> items;
  if (!token.empty()) {
    const auto page = pages_.find(token);
    if (page == pages_.end()) {
      return status_answer(410, "Expired",
                           "The provided continue parameter is too old to display a consistent "
                           "list result.");
    }
    items = std::move(page->second);
    pages_.erase(page);
  } else {
    const std::string from = query_of(request, "resourceVersion");
    const std::uint64_t version = from.empty() ? 0 : std::stoull(from);
    if (version > version_) return too_large_answer(version, version_);
    items = selected(target, request);
  }
  const std::string limit = query_of(request, "limit");
  const std::size_t most = limit.empty() ? items.size() : std::stoull(limit);
  Json list = {{"apiVersion", target.kind->resource.api_version()},
               {"kind", target.kind->resource.kind + "List"},
               {"metadata", {{"resourceVersion", std::to_string(version_)}}},
               {"items", Json::array()}};
  if (items.size() > most) {
    std::vector<Json> left(items.begin() + static_cast<std::ptrdiff_t>(most), items.end());
    items.resize(most);
    const std::string next = "page-" + std::to_string(++last_page_);
    list["metadata"]["continue"] = next;
    pages_[next] = std::move(left);
  }
  for (auto& item : items) {
    item.erase("apiVersion");
    item.erase("kind");
    list["items"].push_back(std::move(item));
  }
  return json_answer(200, list);
}

}  // namespace espalier::kube::testing
