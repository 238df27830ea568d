#include "crds/types/encode.h"

namespace espalier::crds {

namespace {

// IpAddress or Prefix.
template <typename T>
Json texts(const std::vector<T>& values) {
  Json json = Json::array();
  for (const T& value : values) json.push_back(value.to_string());
  return json;
}

}  // namespace

Json encode(const NodeEndpointSpec& spec) {
  Json json = {{"addresses", texts(spec.addresses)}, {"identity", spec.identity}};
  if (!spec.pod_cidrs.empty()) json["podCIDRs"] = texts(spec.pod_cidrs);
  if (spec.pod_network == PodNetwork::kOverlay) json["podNetwork"] = "Overlay";
  return json;
}

Json encode(const NodePolicySpec& spec) {
  Json json = {{"hash", spec.hash}};
  if (!spec.required_features.empty()) json["requiredFeatures"] = spec.required_features;
  for (const PolicyReference& policy : spec.policies) {
    json["policies"].push_back(
        {{"name", policy.name}, {"uid", policy.uid}, {"generation", policy.generation}});
  }
  for (const TunnelReference& tunnel : spec.tunnels) {
    json["tunnels"].push_back({{"namespace", tunnel.ns},
                               {"name", tunnel.name},
                               {"uid", tunnel.uid},
                               {"generation", tunnel.generation}});
  }
  for (const Endpoint& server : spec.api_servers) {
    json["apiServers"].push_back({{"address", server.address.to_string()}, {"port", server.port}});
  }
  return json;
}

Json encode(const PodSliceSpec& spec) {
  return {{"policy", spec.policy}, {"addresses", texts(spec.addresses)}};
}

}  // namespace espalier::crds
