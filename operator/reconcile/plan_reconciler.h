// PlanReconciler: every node's NodeEndpoint and NodePolicy, from Nodes, IPsecPolicies and Tunnels.
//
// Changes are gathered for a moment, the plan follows what changed, and what became different is
// named for writing; write() then compares with what stands, so that nothing is written twice.
//
// Guarantees: nothing is written or deleted before every source has its first whole set; a Node
// that goes takes its two objects along; one that is changed or deleted by somebody else comes
// back. write() may be called from any thread, everything else on the executor's.
// Assumptions: informers and executor outlive it; `enqueue` may be called from the executor's
// thread at any time and leads to write() of that key.
// Caveat: a replica that does not lead should not enqueue; enqueue_all() makes up for it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "kube/client.h"
#include "kube/executor.h"
#include "kube/informer.h"
#include "kube/reconcile.h"
#include "operator/plan/kept_rules.h"
#include "operator/reconcile/world_mirror.h"

namespace espalier::reconcile {

enum class Written : std::uint8_t { kNodeEndpoint, kNodePolicy };
[[nodiscard]] std::string_view name_of(Written kind);

struct WriteKey {
  Written kind = Written::kNodeEndpoint;
  std::string name;
  friend auto operator<=>(const WriteKey&, const WriteKey&) = default;
};

class PlanReconciler {
 public:
  struct Sources {
    kube::Informer* nodes = nullptr;
    kube::Informer* policies = nullptr;
    kube::Informer* tunnels = nullptr;
    kube::Informer* api_servers = nullptr;  // EndpointSlices of the Service "kubernetes"
    kube::Informer* node_endpoints = nullptr;
    kube::Informer* node_policies = nullptr;
  };
  struct Options {
    crds::PodNetwork pod_network = crds::PodNetwork::kRouted;
    Duration gather = std::chrono::milliseconds(50);
  };
  using Enqueue = std::function<void(const WriteKey&, kube::Priority)>;
  // An object that was refused, or is taken again (`why` empty).
  using Refusals = std::function<void(const std::string& subject, const std::string& why)>;

  PlanReconciler(kube::Executor& executor, const Sources& sources, Options options,
                 Enqueue enqueue);
  PlanReconciler(const PlanReconciler&) = delete;
  PlanReconciler& operator=(const PlanReconciler&) = delete;
  ~PlanReconciler();

  void on_refusal(Refusals handler) { refusals_ = std::move(handler); }

  // Every source has its first set and the first plan is made.
  [[nodiscard]] bool ready() const;
  // Everything that may differ from what stands: for one who begins to lead.
  void enqueue_all();
  [[nodiscard]] kube::Reconciled write(const kube::Client& client, const WriteKey& key) const;

  struct Counts {
    std::size_t nodes = 0;
    std::size_t policies = 0;
    std::size_t tunnels = 0;
    std::size_t refused = 0;
    std::uint64_t plans = 0;
  };
  [[nodiscard]] Counts counts() const;  // from any thread

 private:
  // `take` says whether there is something to plan.
  void listen(kube::Informer& source, std::function<bool(const kube::Change&)> take);
  void watch_written(kube::Informer& source, Written kind);
  void schedule();
  void plan();
  void take_api_servers();
  void tell_refusals();
  void want(const WriteKey& key, std::shared_ptr<const kube::Json> object);
  void drop(const WriteKey& key);
  [[nodiscard]] const kube::Informer& written(Written kind) const;

  kube::Executor& executor_;
  const Sources sources_;
  const Options options_;
  Enqueue enqueue_;
  Refusals refusals_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  WorldMirror mirror_;
  plan::KeptRules rules_;
  std::map<std::string, std::shared_ptr<const crds::NodeEndpoint>> endpoints_;  // as wanted
  std::map<std::string, std::string> told_;                                     // refusals
  bool scheduled_ = false;

  mutable std::mutex mutex_;  // for what follows
  std::map<WriteKey, std::shared_ptr<const kube::Json>> wanted_;
  bool ready_ = false;
  Counts counts_;
};

}  // namespace espalier::reconcile
