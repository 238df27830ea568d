#include "operator/reconcile/world_mirror.h"

#include "operator/reconcile/node_facts.h"

namespace espalier::reconcile {

bool WorldMirror::set_node(const std::string& name, const kube::ObjectPtr& object) {
  const auto refused = refused_nodes_.find(name);
  const std::string refusal = refused == refused_nodes_.end() ? std::string() : refused->second;
  refused_nodes_.erase(name);
  const auto known = nodes_.find(name);
  const auto endpoint = known != nodes_.end() ? known->second.endpoint : nullptr;
  if (!object || object->metadata.deleting() || !runs_linux(*object)) {
    nodes_.erase(name);
    return endpoint != nullptr || !refusal.empty();
  }
  Node& node = nodes_[name];
  node.object = object;
  make_endpoint(name, node);
  const auto now = refused_nodes_.find(name);
  return node.endpoint != endpoint ||
         (now == refused_nodes_.end() ? std::string() : now->second) != refusal;
}

bool WorldMirror::set_policy(const kube::ObjectKey& key, const kube::ObjectPtr& object) {
  const bool changed = policies_.set(key, object);
  selectors_changed_ = selectors_changed_ || changed;
  return changed;
}

bool WorldMirror::set_tunnel(const kube::ObjectKey& key, const kube::ObjectPtr& object) {
  return tunnels_.set(key, object);
}

std::map<std::string, std::string> WorldMirror::refused() const {
  std::map<std::string, std::string> all;
  for (const auto& [name, why] : refused_nodes_) all.emplace("Node " + name, why);
  for (const auto& [key, why] : policies_.refused())
    all.emplace("IPsecPolicy " + key.to_string(), why);
  for (const auto& [key, why] : tunnels_.refused()) all.emplace("Tunnel " + key.to_string(), why);
  return all;
}

void WorldMirror::gather_label_keys() {
  std::set<std::string> keys;
  for (const auto& [name, policy] : policies_.all()) {
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
    refused_nodes_[name] = spec.error().to_string();
    return;
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
  for (const auto& [key, policy] : policies_.all()) world.policies.push_back(policy);
  for (const auto& [key, tunnel] : tunnels_.all()) world.tunnels.push_back(tunnel);
  world.api_servers = api_servers_;
  return world;
}

}  // namespace espalier::reconcile
