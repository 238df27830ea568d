// NodePolicy (cluster-scoped, named like the node): what the operator decided for one node.
//
// It names the policies and tunnels that hold there, and which state of each. The agent plans with
// exactly these and with all NodeEndpoints, so the object does not grow with the number of nodes
// (docs/adr/015).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ip.h"
#include "crds/types/meta.h"

namespace espalier::crds {

// One state of one object. A generation counts the changes of a spec; the uid tells the object from
// an earlier or later one of the same name, whose generations count anew.
struct PolicyReference {
  std::string name;
  std::string uid;
  std::int64_t generation = 0;

  friend bool operator==(const PolicyReference&, const PolicyReference&) = default;
};

struct TunnelReference {
  std::string ns;
  std::string name;
  std::string uid;
  std::int64_t generation = 0;

  friend bool operator==(const TunnelReference&, const TunnelReference&) = default;
};

struct NodePolicySpec {
  std::string hash;  // 32 hexadecimal digits
  // What the agent must be able to do, else it keeps its last plan.
  std::vector<std::string> required_features;  // up to 64, CamelCase
  std::vector<PolicyReference> policies;       // up to 1024, none twice
  std::vector<TunnelReference> tunnels;        // up to 1024, none twice
  // Where the API server really listens; stays reachable in clear.
  std::vector<Endpoint> api_servers;  // up to 32

  friend bool operator==(const NodePolicySpec&, const NodePolicySpec&) = default;
};

struct NodePolicy {
  Meta meta;
  NodePolicySpec spec;
};

}  // namespace espalier::crds
