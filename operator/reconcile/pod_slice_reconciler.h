// PodSliceReconciler: the PodSlices of the policies that select pods, from Pods and Namespaces.
//
// Pods are followed from the moment at which the first policy selects some; a cluster without such
// a policy does not pay for them. Changes are gathered for a moment, and the slices that became
// different are wanted of WantedObjects, which writes them.
//
// Guarantees: nothing is wanted or dropped before policies and slices, and if a policy selects any,
// Pods and Namespaces have their first whole set; what stands from an earlier run stays in its
// slice. A pod that comes or goes touches one or two slices. ready() and counts() may be called
// from any thread, everything else on the executor's.
// Assumptions: informers, executor and `wanted` outlive it; Pods come as trim_pod() leaves them.
#pragma once

#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "crds/types/ipsec_policy.h"
#include "kube/executor.h"
#include "kube/informer.h"
#include "operator/plan/pod_slices.h"
#include "operator/reconcile/pods/selected_pods.h"
#include "operator/reconcile/wanted_objects.h"

namespace espalier::reconcile {

class PodSliceReconciler {
 public:
  struct Sources {
    kube::Informer* pods = nullptr;        // started here
    kube::Informer* namespaces = nullptr;  // started here
    kube::Informer* pod_slices = nullptr;
  };
  struct Options {
    Duration gather = std::chrono::milliseconds(500);
  };

  PodSliceReconciler(kube::Executor& executor, const Sources& sources, Options options,
                     WantedObjects& wanted);
  PodSliceReconciler(const PodSliceReconciler&) = delete;
  PodSliceReconciler& operator=(const PodSliceReconciler&) = delete;
  ~PodSliceReconciler();

  // The policies in force, all of them. An object that did not change is the same pointer.
  void set_policies(const std::vector<std::shared_ptr<const crds::IPsecPolicy>>& policies);

  // The slices are those of the pods that are known.
  [[nodiscard]] bool ready() const { return ready_; }

  struct Counts {
    std::size_t pods = 0;  // with an address
    std::size_t slices = 0;
  };
  [[nodiscard]] Counts counts() const { return {pod_count_, slice_count_}; }

 private:
  void begin();
  void take_pod(const kube::Change& change);
  void take_namespace(const kube::Change& change);
  void select();
  void schedule();
  void write_changes();
  [[nodiscard]] bool known() const;

  kube::Executor& executor_;
  const Sources sources_;
  const Options options_;
  WantedObjects& wanted_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  plan::PodSlices slices_;
  SelectedPods selected_{slices_};
  std::vector<std::shared_ptr<const crds::IPsecPolicy>> policies_;  // that select pods
  bool policies_known_ = false;
  bool begun_ = false;      // the slices of an earlier run are taken over
  bool following_ = false;  // Pods and Namespaces
  bool settled_ = false;
  bool scheduled_ = false;
  std::atomic<bool> ready_ = false;
  std::atomic<std::size_t> pod_count_ = 0;
  std::atomic<std::size_t> slice_count_ = 0;
};

}  // namespace espalier::reconcile
