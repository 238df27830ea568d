// StatusReconciler: the statuses of IPsecPolicies and Tunnels, from what the nodes' NodePolicies
// say.
//
// Guarantees: a status is written when it would become another, at most once in `pause` per object
// while nodes follow one by one, and, where it changes on and on, at most once in `interval` after
// the first `burst`; nothing is written before every source has its first whole set and the first
// plan has said which Tunnels are refused. What became of an object (transitions.h) is told after
// its status was written. write() may be called from any thread, everything else on the executor's.
// Assumptions: informers outlive it; `enqueue` leads to write() of that key after the time given.
// Caveat: an agent's word counts as it stands; whether its node lives is not looked at here.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "kube/client.h"
#include "kube/event_recorder.h"
#include "kube/informer.h"
#include "kube/rate_limit.h"
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
    Duration interval = std::chrono::seconds(10);
    unsigned burst = 4;
  };
  using Enqueue = std::function<void(const StatusKey&, Duration after)>;
  using WallClock = std::function<std::string()>;  // RFC 3339
  using Tell = std::function<void(kube::Happening)>;
  using RefusedTunnels = std::map<kube::ObjectKey, std::string>;

  StatusReconciler(const Sources& sources, Options options, Enqueue enqueue, WallClock wall,
                   Tell tell);
  StatusReconciler(const StatusReconciler&) = delete;
  StatusReconciler& operator=(const StatusReconciler&) = delete;
  ~StatusReconciler();

  // For one who begins to lead.
  void enqueue_all();
  // After each plan: valid Tunnels that are not carried out, and why.
  void set_refused_tunnels(RefusedTunnels refused);
  [[nodiscard]] kube::Reconciled write(const kube::Client& client, const StatusKey& key,
                                       TimePoint now);

 private:
  void begin();
  // How long it must wait, because its status was written too often; takes a turn if not at all.
  [[nodiscard]] Duration wait_for_turn(const StatusKey& key, TimePoint now);
  template <typename Status>
  [[nodiscard]] kube::Reconciled apply(const kube::Client& client, const StatusKey& key,
                                       const kube::Object& object, const Status& standing,
                                       const std::optional<Status>& made, TimePoint now);
  void take(const kube::Change& change);
  [[nodiscard]] bool synced() const;
  [[nodiscard]] kube::Reconciled write_policy(const kube::Client& client,
                                              const kube::Object& policy, TimePoint now);
  [[nodiscard]] kube::Reconciled write_tunnel(const kube::Client& client,
                                              const kube::Object& tunnel, TimePoint now);

  const Sources sources_;
  const Options options_;
  Enqueue enqueue_;
  WallClock wall_;
  Tell tell_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::atomic<bool> ready_{false};  // reports_ knows of every node, refused_ of every Tunnel
  mutable std::mutex mutex_;        // for what follows
  NodeReports reports_;
  std::optional<RefusedTunnels> refused_;
  std::map<StatusKey, kube::TokenBucket> turns_;
};

}  // namespace espalier::reconcile
