#include "operator/reconcile/world_mirror.h"

#include "crds/types/decode.h"
#include "operator/reconcile/decoding.h"
#include "operator/reconcile/node_facts.h"

namespace espalier::reconcile {
namespace {

// A kind of ours out of an object, or the first of its problems.
template <typename Kind>
Result<std::shared_ptr<const Kind>> decode_as(const kube::Object& object) {
  crds::Decoded decoded = crds::decode(document_of(object));
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

bool WorldMirror::set_node(const std::string& name, const kube::ObjectPtr& object) {
  const std::string refusal = take_refusal("Node " + name);
  const auto known = nodes_.find(name);
  const auto endpoint = known != nodes_.end() ? known->second.endpoint : nullptr;
  if (!object || object->metadata.deleting() || !runs_linux(*object)) {
    nodes_.erase(name);
    return endpoint != nullptr || !refusal.empty();
  }
  Node& node = nodes_[name];
  node.object = object;
  make_endpoint(name, node);
  return node.endpoint != endpoint || refusal_of("Node " + name) != refusal;
}

template <typename Kind>
bool WorldMirror::set(Kept<Kind>& kept, const std::string& subject, const kube::ObjectKey& key,
                      const kube::ObjectPtr& object) {
  const std::string refusal = take_refusal(subject);
  if (!object || object->metadata.deleting()) return kept.erase(key) != 0 || !refusal.empty();
  auto decoded = decode_as<Kind>(*object);
  if (!decoded) {
    refuse(subject, decoded.error().to_string());
    return kept.erase(key) != 0 || refusal_of(subject) != refusal;
  }
  auto& known = kept[key];
  // A status that changed makes no other policy.
  if (known && known->spec == (*decoded)->spec && known->meta.uid == (*decoded)->meta.uid &&
      known->meta.generation == (*decoded)->meta.generation)
    return false;
  known = std::move(*decoded);
  return true;
}

bool WorldMirror::set_policy(const kube::ObjectKey& key, const kube::ObjectPtr& object) {
  const bool changed = set(policies_, "IPsecPolicy " + key.to_string(), key, object);
  selectors_changed_ = selectors_changed_ || changed;
  return changed;
}

bool WorldMirror::set_tunnel(const kube::ObjectKey& key, const kube::ObjectPtr& object) {
  return set(tunnels_, "Tunnel " + key.to_string(), key, object);
}

std::string WorldMirror::refusal_of(const std::string& subject) const {
  const auto at = refused_.find(subject);
  return at == refused_.end() ? std::string() : at->second;
}

std::string WorldMirror::take_refusal(const std::string& subject) {
  std::string refusal = refusal_of(subject);
  refused_.erase(subject);
  return refusal;
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
  for (const auto& [key, policy] : policies_) world.policies.push_back(policy);
  for (const auto& [key, tunnel] : tunnels_) world.tunnels.push_back(tunnel);
  world.api_servers = api_servers_;
  return world;
}

}  // namespace espalier::reconcile
