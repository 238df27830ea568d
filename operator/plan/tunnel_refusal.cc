#include "operator/plan/tunnel_refusal.h"

#include <fmt/format.h>

namespace espalier::plan {

namespace {

// "the pod block 10.244.1.0/24 of node node1"; empty if nobody's.
std::string owner_in_cluster(const Prefix& block,
                             const std::vector<const crds::NodeEndpoint*>& nodes,
                             const World& world) {
  for (const Endpoint& server : world.api_servers) {
    if (block.contains(server.address))
      return fmt::format("the address {} of the API server", server.address.to_string());
  }
  for (const Prefix& services : world.service_cidrs) {
    if (block.overlaps(services)) return fmt::format("the Service range {}", services.to_string());
  }
  for (const crds::NodeEndpoint* node : nodes) {
    for (const IpAddress& address : node->spec.addresses) {
      if (block.contains(address))
        return fmt::format("the address {} of node {}", address.to_string(), node->meta.name);
    }
    for (const Prefix& pods : node->spec.pod_cidrs) {
      if (block.overlaps(pods))
        return fmt::format("the pod block {} of node {}", pods.to_string(), node->meta.name);
    }
  }
  return {};
}

}  // namespace

std::vector<Prefix> remote_blocks(const crds::Tunnel& tunnel) {
  std::vector<Prefix> remotes = tunnel.spec.remote.subnets;
  if (remotes.empty()) {
    for (const IpAddress& address : tunnel.spec.remote.addresses)
      remotes.push_back(Prefix::host(address));
  }
  return remotes;
}

std::string refusal_of(const crds::Tunnel& tunnel,
                       const std::vector<const crds::NodeEndpoint*>& nodes, const World& world) {
  for (const Prefix& remote : remote_blocks(tunnel)) {
    const std::string whose = owner_in_cluster(remote, nodes, world);
    if (!whose.empty())
      return fmt::format("{} overlaps {}; the cluster's own traffic is for IPsecPolicy",
                         remote.to_string(), whose);
  }
  return {};
}

}  // namespace espalier::plan
