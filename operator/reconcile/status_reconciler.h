// StatusReconciler: the statuses of IPsecPolicies and Tunnels, from what the nodes' NodePolicies
// say.
//
// Guarantees: a status is written when it would become another, at most once in `pause` per object
// while nodes follow one by one; nothing is written before every source has its first whole set.
// write() may be called from any thread, everything else on the executor's.
// Assumptions: informers outlive it; `enqueue` leads to write() of that key after the time given.
// Caveat: an agent's word counts as it stands; whether its node lives is not looked at here.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "kube/client.h"
#include "kube/informer.h"
#include "kube/reconcile.h"
#include "operator/reconcile/status/node_reports.h"

namespace espalier::reconcile {

struct StatusKey {
  bool tunnel = false;  // else an IPsecPolicy
  kube::ObjectKey object;
  friend auto operator<=>(const StatusKey&, const StatusKey&) = default;
};

class StatusReconciler {
 public:
  struct Sources {
    kube::Informer* policies = nullptr;
    kube::Informer* tunnels = nullptr;
    kube::Informer* node_policies = nullptr;
  };
  struct Options {
    Duration pause = std::chrono::seconds(2);
  };
  using Enqueue = std::function<void(const StatusKey&, Duration after)>;
  using WallClock = std::function<std::string()>;  // RFC 3339

  StatusReconciler(const Sources& sources, Options options, Enqueue enqueue, WallClock wall);
  StatusReconciler(const StatusReconciler&) = delete;
  StatusReconciler& operator=(const StatusReconciler&) = delete;
  ~StatusReconciler();

  // For one who begins to lead.
  void enqueue_all();
  [[nodiscard]] kube::Reconciled write(const kube::Client& client, const StatusKey& key) const;

 private:
  void take(const kube::Change& change);
  [[nodiscard]] bool synced() const;
  [[nodiscard]] kube::Reconciled write_policy(const kube::Client& client,
                                              const kube::Object& policy) const;
  [[nodiscard]] kube::Reconciled write_tunnel(const kube::Client& client,
                                              const kube::Object& tunnel) const;

  const Sources sources_;
  const Options options_;
  Enqueue enqueue_;
  WallClock wall_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::atomic<bool> ready_{false};  // reports_ knows of every node
  mutable std::mutex mutex_;
  NodeReports reports_;  // guarded by mutex_
};

}  // namespace espalier::reconcile
