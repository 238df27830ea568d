#include "operator/plan/pods_of_policies.h"

#include <algorithm>

#include "crds/types/pod_slice.h"

namespace espalier::plan {

PodsOfPolicies pods_of(const std::vector<std::shared_ptr<const crds::PodSlice>>& slices) {
  PodsOfPolicies pods;
  for (const auto& slice : slices) {
    auto& of = pods[slice->spec.policy];
    of.insert(of.end(), slice->spec.addresses.begin(), slice->spec.addresses.end());
  }
  for (auto& [policy, addresses] : pods) {
    std::sort(addresses.begin(), addresses.end());
    addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  }
  return pods;
}

}  // namespace espalier::plan
