#include "nodeagent/follow/plan_follower.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "operator/plan/node_rules.h"

namespace espalier::follow {
namespace {

// The first object that `spec` names and that was refused; nullptr: none.
const std::pair<const std::string, std::string>* first_refused(const crds::NodePolicySpec& spec,
                                                               const Heard& heard) {
  const auto find = [&](const std::string& name) {
    const auto at = heard.refused.find(name);
    return at == heard.refused.end() ? nullptr : &*at;
  };
  for (const crds::PolicyReference& ref : spec.policies) {
    if (const auto* refused = find("IPsecPolicy " + ref.name)) return refused;
  }
  for (const crds::TunnelReference& ref : spec.tunnels) {
    if (const auto* refused = find(fmt::format("Tunnel {}/{}", ref.ns, ref.name))) return refused;
  }
  return nullptr;
}

}  // namespace

PlanFollower::PlanFollower(std::string node, std::vector<std::string> features)
    : node_(std::move(node)), features_(std::move(features)), planner_(node_) {}

Verdict PlanFollower::judge(const Heard& heard, plan::World& world) const {
  if (!heard.node_policy) {
    const auto refused = heard.refused.find("NodePolicy " + node_);
    if (refused == heard.refused.end()) {
      return {Following::kWaits, "NoNodePolicy", "there is no NodePolicy of this node (yet)"};
    }
    return {Following::kRefuses, "NotUnderstood", "its NodePolicy: " + refused->second};
  }
  const crds::NodePolicySpec& spec = heard.node_policy->spec;
  const std::int64_t generation = heard.node_policy->meta.generation;
  std::string missing;
  for (const std::string& feature : spec.required_features) {
    if (std::find(features_.begin(), features_.end(), feature) != features_.end()) continue;
    missing += (missing.empty() ? "" : ", ") + feature;
  }
  if (!missing.empty()) {
    return {Following::kRefuses, "FeaturesMissing",
            "this agent cannot do what is asked for: " + missing + "; the last plan stays in force",
            generation};
  }
  if (const auto* refused = first_refused(spec, heard)) {
    return {Following::kRefuses, "NotUnderstood",
            fmt::format("{}: {}; the last plan stays in force", refused->first, refused->second),
            generation};
  }
  auto named = plan::world_named_by(spec, heard.world);
  if (!named) {
    return {Following::kWaits, "Waiting", named.error().where + " " + named.error().detail,
            generation};
  }
  const bool own = std::any_of(named->endpoints.begin(), named->endpoints.end(),
                               [&](const auto& each) { return each->meta.name == node_; });
  if (!own) {
    return {Following::kWaits, "NoNodeEndpoint", "the node's own NodeEndpoint is not known yet",
            generation};
  }
  world = std::move(*named);
  return {Following::kFollows, "Followed", "the NodePolicy is followed", generation};
}

bool PlanFollower::hear(const Heard& heard) {
  plan::World world;
  verdict_ = judge(heard, world);
  if (verdict_.following != Following::kFollows) return false;
  const std::string before = planner_.plan().hash;
  const bool other = planner_.update(world).hash != before || followed_ != heard.node_policy;
  followed_ = heard.node_policy;
  return other;
}

}  // namespace espalier::follow
