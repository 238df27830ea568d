// PodSlice (cluster-scoped): some of the pods that one policy selects. All slices that name a
// policy together are its pods.
#pragma once

#include <string>
#include <vector>

#include "base/ip.h"
#include "crds/types/meta.h"

namespace espalier::crds {

inline constexpr std::size_t kMaxAddressesOfSlice = 100;

struct PodSliceSpec {
  std::string policy;                // name of the IPsecPolicy
  std::vector<IpAddress> addresses;  // 1 to kMaxAddressesOfSlice, none twice

  friend bool operator==(const PodSliceSpec&, const PodSliceSpec&) = default;
};

struct PodSlice {
  Meta meta;
  PodSliceSpec spec;
};

}  // namespace espalier::crds
