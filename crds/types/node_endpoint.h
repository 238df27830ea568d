// NodeEndpoint (cluster-scoped, named like the node): what every other node needs to know of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ip.h"
#include "crds/types/meta.h"

namespace espalier::crds {

// kOverlay: pod packets travel inside node packets (VXLAN, Geneve), so XFRM never sees them routed.
enum class PodNetwork : std::uint8_t { kRouted, kOverlay };

struct NodeEndpointSpec {
  std::vector<IpAddress> addresses;  // one or two, at most one per family
  std::vector<Prefix> pod_cidrs;     // without overlap, none holds an address of the node
  std::string identity;
  PodNetwork pod_network = PodNetwork::kRouted;

  friend bool operator==(const NodeEndpointSpec&, const NodeEndpointSpec&) = default;
};

struct NodeEndpoint {
  Meta meta;
  NodeEndpointSpec spec;
};

}  // namespace espalier::crds
