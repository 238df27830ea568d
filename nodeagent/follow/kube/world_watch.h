// WorldWatch: what an API server says to one node, kept from watches: its NodePolicy, every
// NodeEndpoint, IPsecPolicy and Tunnel, and the CAs that nodes trust.
//
// Guarantees: nothing is told before every collection was heard whole once; changes are gathered
// for a moment. Everything happens on the executor's thread. Of other nodes' objects no status is
// kept. Assumptions: transport and executor outlive it; all functions but the stores' readers are
// called on the executor's thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "crds/kube/kept_objects.h"
#include "kube/executor.h"
#include "kube/informer.h"
#include "kube/transport.h"
#include "nodeagent/follow/plan_follower.h"
#include "nodeagent/follow/stored_plan.h"

namespace espalier::follow {

class WorldWatch {
 public:
  struct Options {
    std::string node;
    Duration gather = std::chrono::milliseconds(100);
  };
  struct Handlers {
    std::function<void()> on_heard;  // heard() may be another one now
    std::function<void(const std::string& pem)> on_trust;
    std::function<void(const std::string& kind, const kube::ApiError&)> on_problem;
  };

  WorldWatch(kube::Transport& transport, kube::Executor& executor, Options options,
             Handlers handlers, std::uint64_t seed);
  WorldWatch(const WorldWatch&) = delete;
  WorldWatch& operator=(const WorldWatch&) = delete;
  ~WorldWatch();

  void start();
  void stop();
  [[nodiscard]] bool synced() const;  // but for the trust, which other policies need not

  [[nodiscard]] Heard heard() const;
  // What the objects that `policy` names look like now, and all NodeEndpoints.
  [[nodiscard]] StoredParts parts_of(const crds::NodePolicy& policy) const;

  // For the statuses that stand; from any thread.
  [[nodiscard]] std::shared_ptr<const kube::Store> node_policies() const {
    return node_policies_.store();
  }
  [[nodiscard]] std::shared_ptr<const kube::Store> node_endpoints() const {
    return node_endpoints_.store();
  }

 private:
  template <typename Kind>
  void keep(kube::Informer& source, crds::KeptObjects<Kind>& kept);
  void schedule();

  kube::Executor& executor_;
  const Options options_;
  Handlers handlers_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  bool scheduled_ = false;
  crds::KeptObjects<crds::NodePolicy> policy_of_node_;
  crds::KeptObjects<crds::NodeEndpoint> endpoints_;
  crds::KeptObjects<crds::IPsecPolicy> policies_;
  crds::KeptObjects<crds::Tunnel> tunnels_;
  kube::Informer node_policies_;
  kube::Informer node_endpoints_;
  kube::Informer ipsec_policies_;
  kube::Informer tunnel_objects_;
  kube::Informer trust_;
};

}  // namespace espalier::follow
