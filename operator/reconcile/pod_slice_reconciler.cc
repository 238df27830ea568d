#include "operator/reconcile/pod_slice_reconciler.h"

#include <utility>

#include "crds/kube/decoding.h"
#include "crds/types/decode.h"
#include "crds/types/encode.h"

namespace espalier::reconcile {

PodSliceReconciler::PodSliceReconciler(kube::Executor& executor, const Sources& sources,
                                       Options options, WantedObjects& wanted)
    : executor_(executor), sources_(sources), options_(options), wanted_(wanted) {
  sources_.pods->on_change([this, alive = alive_](const kube::Change& change) {
    if (*alive) take_pod(change);
  });
  sources_.namespaces->on_change([this, alive = alive_](const kube::Change& change) {
    if (*alive) take_namespace(change);
  });
  for (kube::Informer* source : {sources_.pods, sources_.namespaces, sources_.pod_slices}) {
    source->on_synced([this, alive = alive_] {
      if (*alive) begin();
    });
  }
}

PodSliceReconciler::~PodSliceReconciler() {
  *alive_ = false;
}

void PodSliceReconciler::set_policies(
    const std::vector<std::shared_ptr<const crds::IPsecPolicy>>& policies) {
  std::vector<std::shared_ptr<const crds::IPsecPolicy>> choosing;
  for (const auto& policy : policies) {
    if (policy->spec.selects_pods()) choosing.push_back(policy);
  }
  if (std::exchange(policies_known_, true) && choosing == policies_) return;
  const auto before = std::exchange(policies_, std::move(choosing));
  if (begun_) {
    std::set<std::string> names;
    for (const auto& policy : policies_) names.insert(policy->meta.name);
    for (const auto& policy : before) {
      if (!names.contains(policy->meta.name)) selected_.remove_policy(policy->meta.name);
    }
    select();
  }
  begin();
}

// As far as it can be done yet: at first, whenever something more is known, and for a first policy
// that selects pods.
void PodSliceReconciler::begin() {
  if (!policies_known_ || !sources_.pod_slices->synced()) return;
  if (!std::exchange(begun_, true)) {
    for (const auto& object : sources_.pod_slices->store()->list()) {
      const auto decoded = crds::decode_pod_slice(crds::document_of(*object)).object;
      if (!decoded || object->metadata.deleting()) continue;
      slices_.adopt(*decoded);
      wanted_.want(Written::kPodSlice, object_of(decoded->meta.name, crds::encode(decoded->spec)));
    }
    select();
  }
  if (!policies_.empty() && !std::exchange(following_, true)) {
    sources_.pods->start();
    sources_.namespaces->start();
  }
  schedule();
}

void PodSliceReconciler::select() {
  for (const auto& policy : policies_) {
    selected_.put_policy(policy->meta.name,
                         {policy->spec.namespace_selector, policy->spec.pod_selector});
  }
}

void PodSliceReconciler::take_pod(const kube::Change& change) {
  if (change.deleted()) {
    selected_.remove_pod(change.key().ns, change.key().name);
  } else {
    selected_.put_pod(read_trimmed_pod(change.after->json));
  }
  schedule();
}

void PodSliceReconciler::take_namespace(const kube::Change& change) {
  if (change.deleted()) {
    selected_.remove_namespace(change.key().name);
  } else {
    selected_.put_namespace(change.key().name, change.after->metadata.labels);
  }
  schedule();
}

bool PodSliceReconciler::known() const {
  return begun_ &&
         (policies_.empty() || (sources_.pods->synced() && sources_.namespaces->synced()));
}

void PodSliceReconciler::schedule() {
  if (scheduled_ || !known()) return;
  scheduled_ = true;
  executor_.at(executor_.now() + options_.gather, [this, alive = alive_] {
    if (!*alive) return;
    scheduled_ = false;
    if (known()) write_changes();
  });
}

void PodSliceReconciler::write_changes() {
  if (!std::exchange(settled_, true)) slices_.settle();
  plan::PodSlices::Changes changes = slices_.take_changes();
  for (const crds::PodSlice& slice : changes.written)
    wanted_.want(Written::kPodSlice, object_of(slice.meta.name, crds::encode(slice.spec)));
  for (const std::string& name : changes.deleted) wanted_.drop({Written::kPodSlice, {"", name}});
  wanted_.complete(Written::kPodSlice);
  pod_count_ = selected_.pod_count();
  slice_count_ = slices_.slice_count();
  ready_ = true;
}

}  // namespace espalier::reconcile
