// World: everything the planner knows, as it was written.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/ip.h"
#include "crds/types/ipsec_policy.h"
#include "crds/types/manifest_set.h"
#include "crds/types/node_endpoint.h"
#include "crds/types/tunnel.h"

namespace espalier::plan {

// The order of the objects does not matter. Names are unique per kind (crds::check_together); of
// objects with the same name the last one counts.
struct World {
  std::vector<std::shared_ptr<const crds::NodeEndpoint>> endpoints;
  std::vector<std::shared_ptr<const crds::IPsecPolicy>> policies;
  std::vector<std::shared_ptr<const crds::Tunnel>> tunnels;
  // Where the API server really listens (not its Service address): always reachable in clear.
  std::vector<Endpoint> api_servers;
  // Where Services' addresses are, as far as the operator was told (--service-cidr).
  std::vector<Prefix> service_cidrs = {};
};

[[nodiscard]] World world_of(const crds::ManifestSet& manifests);

}  // namespace espalier::plan
