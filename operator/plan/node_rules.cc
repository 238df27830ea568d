#include "operator/plan/node_rules.h"

#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "crds/types/encode.h"
#include "operator/plan/contest.h"
#include "operator/plan/outline.h"
#include "operator/plan/tunnel_refusal.h"

namespace espalier::plan {

namespace {

using Features = std::set<std::string>;

void add_features(const crds::IPsecPolicySpec& spec, Features& features) {
  if (!spec.peers.empty()) features.emplace(kFeatureAddressBlocks);
  if (spec.selects_pods()) features.emplace(kFeaturePodSelection);
  if (spec.establish == crds::Establish::kOnDemand) features.emplace(kFeatureOnDemand);
  if (spec.ppk.mode != crds::PpkMode::kNever) features.emplace(kFeaturePostQuantumKeys);
  if (spec.authentication.type == crds::PolicyAuthentication::Type::kPsk) {
    features.emplace(kFeaturePreSharedKeys);
  }
}

void add_features(const crds::TunnelSpec& spec, Features& features) {
  features.emplace(kFeatureTunnels);
  if (spec.establish == crds::Establish::kOnDemand) features.emplace(kFeatureOnDemand);
  if (spec.ppk.mode != crds::PpkMode::kNever) features.emplace(kFeaturePostQuantumKeys);
  for (const auto& side : {spec.local.authentication, spec.remote.authentication}) {
    if (side.type == crds::TunnelAuthentication::Type::kPsk)
      features.emplace(kFeaturePreSharedKeys);
  }
}

// The object of this name, in this state; else an error that says what there is.
template <typename Kind>
Result<std::shared_ptr<const Kind>> in_state(const std::vector<std::shared_ptr<const Kind>>& known,
                                             const std::string& what, std::string_view ns,
                                             std::string_view name, std::string_view uid,
                                             std::int64_t generation) {
  for (auto object = known.rbegin(); object != known.rend(); ++object) {
    const crds::Meta& meta = (*object)->meta;
    if (meta.ns != ns || meta.name != name) continue;
    if (meta.uid == uid && meta.generation == generation) return *object;
    return fail(Code::kUnavailable, what,
                meta.uid == uid ? fmt::format("is known in generation {}, the NodePolicy names {}",
                                              meta.generation, generation)
                                : "was made anew, the NodePolicy names the earlier one or a later");
  }
  return fail(Code::kUnavailable, what, "is named by the NodePolicy and not known yet");
}

}  // namespace

std::vector<std::string> known_features() {
  return {std::string(kFeatureAddressBlocks), std::string(kFeatureOnDemand),
          std::string(kFeaturePodSelection),  std::string(kFeaturePostQuantumKeys),
          std::string(kFeaturePreSharedKeys), std::string(kFeatureTunnels)};
}

TunnelsByNode tunnels_by_node(const World& world, const Contest& contest,
                              TunnelRefusals& refusals) {
  // Of two of one name the last one counts.
  std::map<std::pair<std::string, std::string>, std::shared_ptr<const crds::Tunnel>> sorted;
  for (const auto& tunnel : world.tunnels) sorted[{tunnel->meta.ns, tunnel->meta.name}] = tunnel;
  TunnelsByNode by_node;
  TunnelRefusals all;
  for (const auto& [name, tunnel] : sorted) {
    const auto known = refusals.find(tunnel);
    std::string why = known != refusals.end() ? std::move(known->second)
                                              : refusal_of(*tunnel, contest.nodes(), world);
    if (why.empty()) by_node[tunnel->spec.local.node].push_back(tunnel);
    all.emplace(tunnel, std::move(why));
  }
  refusals = std::move(all);
  return by_node;
}

NodeRules rules_of_node(const World& world, const Contest& contest, const TunnelsByNode& tunnels,
                        const std::string& node) {
  NodeRules rules{node, {}};
  crds::NodePolicySpec& spec = rules.spec;
  Features features;
  const auto number = contest.find(node);
  for (std::size_t policy = 0; number && policy < contest.policies().size(); ++policy) {
    if (!contest.concerns(policy, *number)) continue;
    const crds::IPsecPolicy& object = *contest.policies()[policy];
    spec.policies.push_back({object.meta.name, object.meta.uid, object.meta.generation});
    add_features(object.spec, features);
  }
  if (const auto own = tunnels.find(node); own != tunnels.end()) {
    for (const auto& tunnel : own->second) {
      const crds::Meta& meta = tunnel->meta;
      spec.tunnels.push_back({meta.ns, meta.name, meta.uid, meta.generation});
      add_features(tunnel->spec, features);
    }
  }
  const std::set<Endpoint> servers(world.api_servers.begin(), world.api_servers.end());
  spec.required_features.assign(features.begin(), features.end());
  spec.api_servers.assign(servers.begin(), servers.end());
  spec.hash = hash_of(spec);
  return rules;
}

std::vector<NodeRules> node_rules(const World& world) {
  const Contest contest(world);
  TunnelRefusals refusals;
  const TunnelsByNode tunnels = tunnels_by_node(world, contest, refusals);
  std::set<std::string> names;
  for (const crds::NodeEndpoint* node : contest.nodes()) names.insert(node->meta.name);
  for (const auto& [node, own] : tunnels) names.insert(node);
  std::vector<NodeRules> all;
  for (const std::string& name : names) {
    all.push_back(rules_of_node(world, contest, tunnels, name));
  }
  return all;
}

std::string hash_of(const crds::NodePolicySpec& spec) {
  crds::Json json = crds::encode(spec);
  json.erase("hash");
  return hash_of(json.dump());
}

Result<World> world_named_by(const crds::NodePolicySpec& spec, const World& known) {
  World named;
  named.endpoints = known.endpoints;
  named.api_servers = spec.api_servers;
  for (const crds::PolicyReference& ref : spec.policies) {
    auto policy =
        in_state(known.policies, "IPsecPolicy " + ref.name, {}, ref.name, ref.uid, ref.generation);
    if (!policy) return forward(policy);
    named.policies.push_back(std::move(*policy));
  }
  for (const crds::TunnelReference& ref : spec.tunnels) {
    auto tunnel = in_state(known.tunnels, fmt::format("Tunnel {}/{}", ref.ns, ref.name), ref.ns,
                           ref.name, ref.uid, ref.generation);
    if (!tunnel) return forward(tunnel);
    named.tunnels.push_back(std::move(*tunnel));
  }
  return named;
}

}  // namespace espalier::plan
