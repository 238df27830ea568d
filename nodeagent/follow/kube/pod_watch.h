// PodWatch: who the pods are that policies select: all nodes' by the operator's PodSlices, and this
// node's own by their labels (local_pods.h), before the slices say it.
//
// Guarantees: nothing is told before set_policies() was called and the slices and, where a policy
// selects pods, the node's pods and all namespaces were heard whole once; then whenever something
// is another, changes gathered for a moment. Pods and namespaces are followed from the first policy
// on that selects pods. Everything happens on the executor's thread; transport and executor outlive
// it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "crds/kube/kept_objects.h"
#include "kube/executor.h"
#include "kube/informer.h"
#include "kube/transport.h"
#include "nodeagent/follow/local_pods.h"

namespace espalier::follow {

class PodWatch {
 public:
  struct Options {
    std::string node;
    Duration gather = std::chrono::milliseconds(50);
  };
  struct Handlers {
    std::function<void(const std::shared_ptr<const KnownPods>&)> on_pods;
    std::function<void(const std::string& kind, const kube::ApiError&)> on_problem;
  };

  PodWatch(kube::Transport& transport, kube::Executor& executor, Options options, Handlers handlers,
           std::uint64_t seed);
  PodWatch(const PodWatch&) = delete;
  PodWatch& operator=(const PodWatch&) = delete;
  ~PodWatch();

  void start();
  void stop();

  void set_policies(const std::vector<std::shared_ptr<const crds::IPsecPolicy>>& policies);
  // A pod that is about to start on this node, with these addresses.
  void expect(const std::string& ns, const std::string& name, std::vector<IpAddress> addresses);

 private:
  [[nodiscard]] bool synced() const;
  void schedule();

  kube::Executor& executor_;
  const Options options_;
  Handlers handlers_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  bool scheduled_ = false;
  bool policies_known_ = false;
  bool following_ = false;  // pods and namespaces
  crds::KeptObjects<crds::PodSlice> slices_;
  LocalPods local_;
  std::shared_ptr<const KnownPods> told_;
  kube::Informer pod_slices_;
  kube::Informer pods_;
  kube::Informer namespaces_;
};

}  // namespace espalier::follow
