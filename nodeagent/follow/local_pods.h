// LocalPods: which of the node's own pods the policies select, known here before the operator's
// PodSlices say it, so that a pod's first packet goes the right way.
//
// Guarantees: pure; the same choice as the operator's (reconcile::SelectedPods). A pod whose
// address the API server does not know yet counts with the addresses that the CNI plugin tells.
// Caveats: while a pod or its namespace is not known, its choice is not settled. Of a pod that has
// other addresses than those asked for (the predecessor of one of the same name), too.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "operator/plan/pod_slices.h"
#include "operator/plan/pods_of_policies.h"
#include "operator/reconcile/pods/selected_pods.h"

namespace espalier::follow {

// Who the pods are, as far as a node knows.
struct KnownPods {
  plan::PodsOfPolicies selected;
  std::set<IpAddress> settled;  // of this node: whether they are selected is known

  friend bool operator==(const KnownPods&, const KnownPods&) = default;
};

class LocalPods {
 public:
  using Labels = reconcile::SelectedPods::Labels;

  // By the policies' names, those that select pods.
  void set_policies(const std::map<std::string, reconcile::PodSelection>& policies);

  // As the API server has it, with its labels, whether it has an address or not.
  void put_pod(const reconcile::Pod& pod);
  void remove_pod(const std::string& ns, const std::string& name);
  void put_namespace(const std::string& name, const Labels& labels);
  void remove_namespace(const std::string& name);

  // A pod that is about to start, with these addresses.
  void expect(const std::string& ns, const std::string& name, std::vector<IpAddress> addresses);

  // The pods of this node that are selected, and all that are settled.
  [[nodiscard]] KnownPods known();

 private:
  using PodName = std::pair<std::string, std::string>;
  struct Known {
    reconcile::Pod pod;
    std::vector<IpAddress> expected;  // until the API server has addresses
  };

  void look_at(const PodName& name);

  plan::PodSlices slices_;
  reconcile::SelectedPods selected_{slices_};
  std::set<std::string> policies_;
  std::set<std::string> namespaces_;
  std::map<PodName, Known> pods_;
  std::map<PodName, std::vector<IpAddress>> expected_;  // of pods that are not known yet
  std::map<std::string, std::shared_ptr<const crds::PodSlice>> chosen_;  // by name
};

}  // namespace espalier::follow
