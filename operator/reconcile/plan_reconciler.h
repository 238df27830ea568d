// PlanReconciler: every node's NodeEndpoint and NodePolicy, and the Role that lets agents read
// Secrets, from Nodes, IPsecPolicies and Tunnels.
//
// Changes are gathered for a moment, the plan follows what changed, and what became different is
// wanted of WantedObjects, which writes it.
//
// Guarantees: nothing is wanted before every source has its first whole set; a Node that goes takes
// its two objects along. The Role names the Secrets of the operator's namespace that policies in
// use and Tunnels name, each by its name, and never the CA's. ready() and counts() may be called
// from any thread, everything else on the executor's.
// Assumptions: informers, executor and `wanted` outlive it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "kube/executor.h"
#include "kube/informer.h"
#include "operator/plan/kept_rules.h"
#include "operator/reconcile/wanted_objects.h"
#include "operator/reconcile/world_mirror.h"

namespace espalier::reconcile {

class PlanReconciler {
 public:
  struct Sources {
    kube::Informer* nodes = nullptr;
    kube::Informer* policies = nullptr;
    kube::Informer* tunnels = nullptr;
    kube::Informer* api_servers = nullptr;  // EndpointSlices of the Service "kubernetes"
  };
  struct Options {
    crds::PodNetwork pod_network = crds::PodNetwork::kRouted;
    std::vector<Prefix> service_cidrs;   // of the cluster's Services; may be empty
    std::string ns = "espalier-system";  // of the Secrets and the Role
    Duration gather = std::chrono::milliseconds(50);
  };
  // An object that was refused, or is taken again (`why` empty).
  using Refusals = std::function<void(const std::string& subject, const std::string& why)>;
  // Valid Tunnels that are not carried out, and why, after each plan.
  using RefusedTunnels = std::map<kube::ObjectKey, std::string>;

  PlanReconciler(kube::Executor& executor, const Sources& sources, Options options,
                 WantedObjects& wanted);
  PlanReconciler(const PlanReconciler&) = delete;
  PlanReconciler& operator=(const PlanReconciler&) = delete;
  ~PlanReconciler();

  void on_refusal(Refusals handler) { refusals_ = std::move(handler); }
  void on_refused_tunnels(std::function<void(RefusedTunnels)> handler) {
    refused_tunnels_ = std::move(handler);
  }
  // After each plan, with what it was made from.
  void on_plan(std::function<void(const plan::World&)> handler) { planned_ = std::move(handler); }

  // Every source has its first set and the first plan is made.
  [[nodiscard]] bool ready() const;

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
  void schedule();
  void plan();
  void take_api_servers();
  // The number of objects that are refused.
  std::size_t tell_refusals();
  void want_grants(const plan::World& world);

  kube::Executor& executor_;
  const Sources sources_;
  const Options options_;
  WantedObjects& wanted_;
  Refusals refusals_;
  std::function<void(RefusedTunnels)> refused_tunnels_;
  std::function<void(const plan::World&)> planned_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  WorldMirror mirror_;
  plan::KeptRules rules_;
  std::map<std::string, std::shared_ptr<const crds::NodeEndpoint>> endpoints_;  // as wanted
  std::map<std::string, std::string> told_;                                     // refusals
  std::optional<std::set<std::string>> granted_;                                // Secrets' names
  bool scheduled_ = false;

  mutable std::mutex mutex_;  // for what follows
  bool ready_ = false;
  Counts counts_;
};

}  // namespace espalier::reconcile
