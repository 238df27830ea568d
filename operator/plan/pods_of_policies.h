// PodsOfPolicies: the addresses of the pods that policies select. Beside the plan, because it
// changes with every pod.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/ip.h"

namespace espalier::crds {
struct PodSlice;
}

namespace espalier::plan {

// By the policies' names; sorted, none twice. A policy that is not in there selects none.
using PodsOfPolicies = std::map<std::string, std::vector<IpAddress>, std::less<>>;

// All slices that name a policy together are its pods.
[[nodiscard]] PodsOfPolicies pods_of(
    const std::vector<std::shared_ptr<const crds::PodSlice>>& slices);

}  // namespace espalier::plan
