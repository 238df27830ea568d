// SelectedPods: which pods' addresses each policy selects, kept while pods, namespaces and policies
// change, as claims on PodSlices.
//
// Pods of one namespace with the same labels are one group, and selectors are asked once per group:
// a Deployment of a thousand pods costs a changed policy as much as one pod does.
//
// Guarantees: pure; after any sequence of changes the claims are those of the pods, namespaces and
// policies that stand, each pod's each address once, in whatever order they came. New claims come
// before old ones are released, so that what only changed its reason is not written.
// Assumption: nobody else claims for these policies.
// Caveat: while a namespace is not known, no policy with a namespaceSelector selects its pods, not
// even by NotIn: that a label is missing cannot be told yet. At the start, slices that stand keep
// what they have until PodSlices::settle().
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "crds/types/label_selector.h"
#include "operator/plan/pod_slices.h"
#include "operator/reconcile/pods/pod.h"

namespace espalier::reconcile {

// Of a policy: pods that match both, as far as they are there. With neither, the policy selects no
// pods but covers whole pod networks, and has no slices.
struct PodSelection {
  std::optional<crds::LabelSelector> namespace_selector;  // left out: pods of all namespaces
  std::optional<crds::LabelSelector> pod_selector;        // left out: all pods of the namespaces

  friend bool operator==(const PodSelection&, const PodSelection&) = default;
};

class SelectedPods {
 public:
  using Labels = std::map<std::string, std::string>;

  // `slices` outlives this.
  explicit SelectedPods(plan::PodSlices& slices) : slices_(slices) {}

  // A pod as it stands now; replaces the one of its namespace and name, which may be its
  // predecessor.
  void put_pod(const Pod& pod);
  void remove_pod(const std::string& ns, const std::string& name);
  void put_namespace(const std::string& name, const Labels& labels);
  void remove_namespace(const std::string& name);
  void put_policy(const std::string& name, const PodSelection& selection);
  // It is gone, or is not carried out.
  void remove_policy(const std::string& name);

  [[nodiscard]] std::size_t pod_count() const { return pods_.size(); }  // with an address
  [[nodiscard]] std::size_t group_count() const;

 private:
  // Pods of one namespace with the same labels.
  struct Group {
    std::multiset<IpAddress> addresses;  // never empty
    std::set<std::string> policies;      // that select it
  };
  using Groups = std::map<Labels, Group>;
  struct Namespace {
    std::optional<Labels> labels;  // nullopt: not known
    Groups groups;
  };
  struct Place {
    Groups::iterator group;
    std::vector<IpAddress> addresses;
  };
  using PodName = std::pair<std::string, std::string>;

  [[nodiscard]] std::set<std::string> selected_by(const Namespace& space,
                                                  const Labels& labels) const;
  void select_anew(Namespace& space);
  void begin(const std::string& policy, Group& group);
  void end(const std::string& policy, Group& group);
  void leave(const std::string& ns, const Place& place);
  void forget_if_empty(const std::string& ns);

  plan::PodSlices& slices_;
  std::map<std::string, PodSelection> policies_;
  std::map<std::string, Namespace> namespaces_;
  std::map<PodName, Place> pods_;
};

}  // namespace espalier::reconcile
