#include "operator/reconcile/node_facts.h"

#include <algorithm>

namespace espalier::reconcile {
namespace {

using kube::Json;

std::string text_in(const Json& map, const char* key) {
  const auto at = map.find(key);
  return at != map.end() && at->is_string() ? at->get<std::string>() : std::string();
}

const Json& list_at(const Json& object, std::string_view path) {
  static const Json none = Json::array();
  const Json* found = kube::find_field(object, path);
  return found != nullptr && found->is_array() ? *found : none;
}

}  // namespace

bool runs_linux(const kube::Object& node) {
  const auto at = node.metadata.labels.find("kubernetes.io/os");
  return at == node.metadata.labels.end() || at->second == "linux";
}

Result<crds::NodeEndpointSpec> endpoint_of(const kube::Object& node, crds::PodNetwork pod_network) {
  const std::string where = "Node " + node.metadata.key.name;
  crds::NodeEndpointSpec spec;
  for (const Json& entry : list_at(node.json, "status.addresses")) {
    if (!entry.is_object() || text_in(entry, "type") != "InternalIP") continue;
    const std::string text = text_in(entry, "address");
    const auto address = IpAddress::parse(text);
    if (!address) return fail(Code::kInvalid, where, "status.addresses: no address: " + text);
    const bool known = std::any_of(spec.addresses.begin(), spec.addresses.end(),
                                   [&](const auto& a) { return a.family() == address->family(); });
    if (!known) spec.addresses.push_back(*address);
  }
  if (spec.addresses.empty())
    return fail(Code::kUnavailable, where, "status.addresses: it has no InternalIP yet");
  for (const Json& entry : list_at(node.json, "spec.podCIDRs")) {
    const std::string text = entry.is_string() ? entry.get<std::string>() : std::string();
    const auto prefix = Prefix::parse(text);
    if (!prefix) return fail(Code::kInvalid, where, "spec.podCIDRs: no address block: " + text);
    spec.pod_cidrs.push_back(*prefix);
  }
  spec.identity = node.metadata.key.name;
  spec.pod_network = pod_network;
  return spec;
}

std::vector<Endpoint> endpoints_of(const kube::Object& endpoint_slice) {
  std::vector<Endpoint> found;
  for (const Json& port : list_at(endpoint_slice.json, "ports")) {
    const auto number = port.is_object() ? port.find("port") : port.end();
    if (!port.is_object() || number == port.end() || !number->is_number_integer()) continue;
    const auto value = number->get<std::int64_t>();
    if (value < 1 || value > 65535) continue;
    for (const Json& entry : list_at(endpoint_slice.json, "endpoints")) {
      if (!entry.is_object()) continue;
      for (const Json& text : list_at(entry, "addresses")) {
        if (!text.is_string()) continue;
        if (const auto address = IpAddress::parse(text.get<std::string>()))
          found.push_back({*address, static_cast<std::uint16_t>(value)});
      }
    }
  }
  return found;
}

}  // namespace espalier::reconcile
