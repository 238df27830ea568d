#include "operator/reconcile/world_mirror.h"

#include "crds/types/decode.h"
#include "operator/reconcile/node_facts.h"

namespace espalier::reconcile {
namespace {

// A kind of ours out of an object, or the first of its problems.
template <typename Kind>
Result<std::shared_ptr<const Kind>> decode_as(const kube::Object& object) {
  crds::Document document;
  document.json = object.json;
  crds::Decoded decoded = crds::decode(std::move(document));
  if (!decoded.problems.empty()) {
    const crds::Problem& problem = decoded.problems.front();
    return fail(Code::kInvalid, problem.field.empty() ? problem.object : problem.field,
                problem.detail);
  }
  if (decoded.object) {
    if (auto* kind = std::get_if<Kind>(&*decoded.object))
      return std::shared_ptr<const Kind>(std::make_shared<Kind>(std::move(*kind)));
  }
  return fail(Code::kInvalid, "kind", "another kind than the one asked for");
}

}  // namespace

void WorldMirror::set_node(const std::string& name, const kube::ObjectPtr& object) {
  refused_.erase("Node " + name);
  if (!object || object->metadata.deleting() || !runs_linux(*object)) {
    nodes_.erase(name);
    return;
  }
  Node& node = nodes_[name];
  node.object = object;
  make_endpoint(name, node);
}

void WorldMirror::set_policy(const std::string& name, const kube::ObjectPtr& object) {
  const std::string subject = "IPsecPolicy " + name;
  refused_.erase(subject);
  selectors_changed_ = true;
  if (!object || object->metadata.deleting()) {
    policies_.erase(name);
    return;
  }
  auto decoded = decode_as<crds::IPsecPolicy>(*object);
  if (!decoded) {
    policies_.erase(name);
    return refuse(subject, decoded.error().to_string());
  }
  auto& known = policies_[name];
  // A status that changed makes no other policy.
  if (known && known->spec == (*decoded)->spec && known->meta.uid == (*decoded)->meta.uid &&
      known->meta.generation == (*decoded)->meta.generation)
    return;
  known = std::move(*decoded);
}

void WorldMirror::set_tunnel(const kube::ObjectKey& key, const kube::ObjectPtr& object) {
  const std::string subject = "Tunnel " + key.to_string();
  refused_.erase(subject);
  if (!object || object->metadata.deleting()) {
    tunnels_.erase(key);
    return;
  }
  auto decoded = decode_as<crds::Tunnel>(*object);
  if (!decoded) {
    tunnels_.erase(key);
    return refuse(subject, decoded.error().to_string());
  }
  auto& known = tunnels_[key];
  if (known && known->spec == (*decoded)->spec && known->meta.uid == (*decoded)->meta.uid &&
      known->meta.generation == (*decoded)->meta.generation)
    return;
  known = std::move(*decoded);
}

void WorldMirror::gather_label_keys() {
  std::set<std::string> keys;
  for (const auto& [name, policy] : policies_) {
    if (!policy->spec.node_selector) continue;
    for (const auto& [key, value] : policy->spec.node_selector->match_labels) keys.insert(key);
    for (const auto& each : policy->spec.node_selector->match_expressions) keys.insert(each.key);
  }
  if (keys == label_keys_) return;
  label_keys_ = std::move(keys);
  for (auto& [name, node] : nodes_) make_endpoint(name, node);
}

void WorldMirror::make_endpoint(const std::string& name, Node& node) {
  auto spec = endpoint_of(*node.object, pod_network_);
  if (!spec) {
    node.endpoint.reset();
    return refuse("Node " + name, spec.error().to_string());
  }
  std::map<std::string, std::string> labels;
  for (const std::string& key : label_keys_) {
    const auto at = node.object->metadata.labels.find(key);
    if (at != node.object->metadata.labels.end()) labels.insert(*at);
  }
  if (node.endpoint && node.endpoint->spec == *spec && node.endpoint->meta.labels == labels) return;
  auto endpoint = std::make_shared<crds::NodeEndpoint>();
  endpoint->meta.name = name;
  endpoint->meta.labels = std::move(labels);
  endpoint->spec = std::move(*spec);
  node.endpoint = std::move(endpoint);
}

plan::World WorldMirror::world() {
  if (std::exchange(selectors_changed_, false)) gather_label_keys();
  plan::World world;
  for (const auto& [name, node] : nodes_) {
    if (node.endpoint) world.endpoints.push_back(node.endpoint);
  }
  for (const auto& [name, policy] : policies_) world.policies.push_back(policy);
  for (const auto& [key, tunnel] : tunnels_) world.tunnels.push_back(tunnel);
  world.api_servers = api_servers_;
  return world;
}

}  // namespace espalier::reconcile
