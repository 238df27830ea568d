// WantedObjects: what is to stand at the API server of what the operator alone writes, and the
// writing of what differs.
//
// Guarantees: nothing is written that already stands; nothing of a kind is deleted before it was
// said once what all is wanted of it (complete()) and what stands is known; what somebody else
// changes or deletes comes back. write() may be called from any thread, everything else on the
// executor's.
// Assumptions: informers outlive it; `enqueue` may be called from the executor's thread at any time
// and leads to write() of that key.
// Caveat: a replica that does not lead should not enqueue; enqueue_all() makes up for it.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "kube/client.h"
#include "kube/informer.h"
#include "kube/reconcile.h"

namespace espalier::reconcile {

enum class Written : std::uint8_t { kNodeEndpoint, kNodePolicy, kPodSlice, kRole };
[[nodiscard]] std::string_view name_of(Written kind);

struct WriteKey {
  Written kind = Written::kNodeEndpoint;
  kube::ObjectKey object;
  friend auto operator<=>(const WriteKey&, const WriteKey&) = default;
};

[[nodiscard]] kube::Resource roles();  // rbac.authorization.k8s.io/v1

// A cluster-scoped object of this name and spec.
[[nodiscard]] kube::Json object_of(const std::string& name, kube::Json spec);

class WantedObjects {
 public:
  using Enqueue = std::function<void(const WriteKey&, kube::Priority)>;

  explicit WantedObjects(Enqueue enqueue) : enqueue_(std::move(enqueue)) {}
  WantedObjects(const WantedObjects&) = delete;
  WantedObjects& operator=(const WantedObjects&) = delete;
  ~WantedObjects();

  // Where the objects of a kind are seen; once per kind, before all else. All that `standing` sees
  // and nobody wants goes.
  void follow(Written kind, kube::Informer& standing);

  // `object`: metadata.name and .namespace, and every field that is to be as it says; with
  // metadata.labels, exactly these.
  void want(Written kind, kube::Json object);
  void drop(const WriteKey& key);
  // All that is wanted of the kind was said.
  void complete(Written kind);

  // Everything that may differ from what stands: for one who begins to lead.
  void enqueue_all();
  [[nodiscard]] kube::Reconciled write(const kube::Client& client, const WriteKey& key) const;

 private:
  void enqueue_all(Written kind);
  [[nodiscard]] bool is_complete(Written kind) const;

  const Enqueue enqueue_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::map<Written, kube::Informer*> standing_;

  mutable std::mutex mutex_;  // for what follows
  std::map<WriteKey, std::shared_ptr<const kube::Json>> wanted_;
  std::set<Written> complete_;
};

}  // namespace espalier::reconcile
