// Client: typed verbs over a Transport. Server-side apply is how we write.
//
// Guarantees: never sends metadata.managedFields; fills in apiVersion and kind; every error says
// which verb failed on which object. Every instance writes under one fixed field manager, so two
// roles (spec and status, say) are two clients, or one with `manager` given in the call.
// Thread-safe as its transport is; blocks. It does not retry: run/paced_transport.h does, where it
// is safe to.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "kube/api_error.h"
#include "kube/object.h"
#include "kube/resource.h"
#include "kube/transport.h"

namespace espalier::kube {

struct Selection {
  std::string ns = {};              // empty: all namespaces, or a cluster-scoped kind
  std::string label_selector = {};  // "role in (edge,core),!spare"
  std::string field_selector = {};  // "spec.nodeName=a"

  friend bool operator==(const Selection&, const Selection&) = default;
};

struct Listed {
  std::vector<ObjectPtr> objects;
  std::string resource_version;
};

struct ApplyOptions {
  bool force = true;              // false: somebody else's field is a Conflict that names its owner
  std::string_view manager = {};  // empty: the client's own
};

struct RemoveOptions {
  std::string uid = {};               // not empty: only this incarnation, else Conflict
  std::string resource_version = {};  // not empty: only if it is unchanged, else Conflict
};

class Client {
 public:
  struct Options {
    std::string field_manager = {};  // "espalier-operator"
    bool strict = false;             // unknown fields are refused, not warned of
    std::function<void(std::string_view)> on_warning = {};  // each `Warning:` header's text
  };

  // `transport` outlives the client.
  Client(Transport& transport, Options options)
      : transport_(&transport), options_(std::move(options)) {}

  [[nodiscard]] ApiResult<ObjectPtr> get(const Resource& resource, const ObjectKey& key) const;
  // Pages of 500 from etcd itself (not the watch cache); starts again when a continuation expired.
  [[nodiscard]] ApiResult<Listed> list(const Resource& resource, const Selection& selection) const;

  // kExists if it is there already.
  [[nodiscard]] ApiResult<ObjectPtr> create(const Resource& resource, Json object) const;
  // Server-side apply: makes it if it is missing; fields that this manager applied before and that
  // are not in `object` any more go. `object` needs metadata.name.
  [[nodiscard]] ApiResult<ObjectPtr> apply(const Resource& resource, Json object,
                                           const ApplyOptions& options = {}) const;
  // The same for the status subresource: `object` holds metadata.name and status. kNotFound if the
  // object is not there.
  [[nodiscard]] ApiResult<ObjectPtr> apply_status(const Resource& resource, Json object,
                                                  const ApplyOptions& options = {}) const;
  // PUT: metadata.resourceVersion in `object` is the precondition; kConflict if it is not current.
  [[nodiscard]] ApiResult<ObjectPtr> replace(const Resource& resource, Json object,
                                             std::string_view subresource = {}) const;
  // RFC 7386: null takes a field away. For annotations, finalizers (a list is replaced whole; put
  // metadata.resourceVersion in the patch to make it conditional).
  [[nodiscard]] ApiResult<ObjectPtr> merge_patch(const Resource& resource, const ObjectKey& key,
                                                 const Json& patch,
                                                 std::string_view subresource = {}) const;
  // Success also if it was gone already. Dependents go in the background.
  [[nodiscard]] ApiStatus remove(const Resource& resource, const ObjectKey& key,
                                 const RemoveOptions& options = {}) const;

 private:
  [[nodiscard]] ApiResult<Json> send(Request request, std::string where) const;
  [[nodiscard]] ApiResult<ObjectPtr> send_for_object(Request request, std::string where) const;
  [[nodiscard]] ApiResult<ObjectPtr> apply_at(const Resource& resource, Json object,
                                              const ApplyOptions& options,
                                              std::string_view subresource) const;
  [[nodiscard]] ApiResult<Listed> list_once(const Resource& resource,
                                            const Selection& selection) const;

  Transport* transport_;
  Options options_;
};

// The texts of a Warning header (RFC 7234, 5.5), which may be several joined by commas:
// `299 - "unknown field spec.x", 299 - "..."` -> unknown field spec.x and the others.
[[nodiscard]] std::vector<std::string> warning_texts(std::string_view header);

}  // namespace espalier::kube
