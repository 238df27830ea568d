#include "operator/plan/node_rules.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/plan/planner.h"
#include "operator/plan/world_testing.h"

namespace espalier::plan {
namespace {

using namespace testing;  // NOLINT: this test's own worlds
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

crds::Tunnel tunnel(const std::string& name, const std::string& node, int third) {
  crds::Tunnel made;
  made.meta.ns = "edge";
  made.meta.name = name;
  made.meta.uid = "t-" + name;
  made.meta.generation = 1;
  made.spec.local.node = node;
  made.spec.local.subnets = {block("10.244.0.0/16")};
  made.spec.remote.addresses = {ip("192.0.2.9")};
  made.spec.remote.subnets = {block(fmt::format("172.16.{}.0/24", third))};
  return made;
}

// As an API server would have it: every object in a state of its own; with tunnels.
World random_cluster(std::uint32_t seed) {
  World world = random_world(seed);
  for (auto& policy : world.policies) {
    crds::IPsecPolicy made = *policy;
    made.meta.uid = "p-" + made.meta.name;
    made.meta.generation = 1 + seed % 5;
    policy = std::make_shared<const crds::IPsecPolicy>(std::move(made));
  }
  add(world, tunnel("first", "node1", 1));
  add(world, tunnel("second", seed % 2 == 0 ? "node1" : "node2", static_cast<int>(seed % 3)));
  world.api_servers = {{ip("10.10.0.1"), 6443}, {ip("203.0.113.5"), 443}};
  return world;
}

const crds::NodePolicySpec& of(const std::vector<NodeRules>& rules, const std::string& node) {
  return std::find_if(rules.begin(), rules.end(),
                      [&](const NodeRules& one) { return one.node == node; })
      ->spec;
}

TEST(NodeRules, WhatTheyNameGivesThePlanOfTheWholeWorld) {
  bool some_policy_left_out = false;
  for (std::uint32_t seed = 1; seed <= 300; ++seed) {
    const World world = random_cluster(seed);
    for (const NodeRules& rules : node_rules(world)) {
      some_policy_left_out |= rules.spec.policies.size() < world.policies.size();
      const auto named = world_named_by(rules.spec, world);
      ASSERT_TRUE(named) << named.error().detail;
      ASSERT_EQ(plan_node(*named, rules.node), plan_node(world, rules.node))
          << "seed " << seed << ", " << rules.node;
    }
  }
  EXPECT_TRUE(some_policy_left_out);
}

TEST(NodeRules, ANodeThatJoinsChangesNoOtherNodes) {
  for (std::uint32_t seed = 1; seed <= 100; ++seed) {
    World world = random_cluster(seed);
    const std::vector<NodeRules> before = node_rules(world);
    add(world, node(99));
    for (const NodeRules& rules : node_rules(shuffled(world, seed))) {
      if (rules.node != "node99") {
        ASSERT_EQ(rules.spec, of(before, rules.node)) << "seed " << seed;
      }
    }
  }
}

TEST(NodeRules, TheHashFollowsEveryNamedState) {
  World world = nodes(2);
  crds::IPsecPolicy mine = policy("mine", {crds::Traffic::kNodeToNode});
  mine.meta.uid = "1";
  mine.meta.generation = 1;
  mine.spec.node_selector = crds::LabelSelector{{{"role", "storage"}}, {}};
  crds::NodeEndpoint storage = node(3);
  storage.meta.labels["role"] = "storage";
  add(world, storage);
  add(world, mine);
  const auto before = node_rules(world);
  EXPECT_THAT(of(before, "node1").policies, IsEmpty());
  EXPECT_THAT(of(before, "node3").policies, ElementsAre(crds::PolicyReference{"mine", "1", 1}));

  mine.meta.generation = 2;
  world.policies[0] = std::make_shared<const crds::IPsecPolicy>(mine);
  const auto changed = node_rules(world);
  EXPECT_EQ(of(changed, "node1").hash, of(before, "node1").hash);
  EXPECT_NE(of(changed, "node3").hash, of(before, "node3").hash);

  world.api_servers = {{ip("192.0.2.1"), 6443}};
  EXPECT_NE(of(node_rules(world), "node1").hash, of(before, "node1").hash);
}

TEST(NodeRules, NameTheFeaturesThatAreNeeded) {
  World world = nodes(2);
  crds::IPsecPolicy plain = policy("plain", {crds::Traffic::kNodeToNode});
  add(world, plain);
  EXPECT_THAT(of(node_rules(world), "node1").required_features, IsEmpty());

  crds::IPsecPolicy all = policy("all", {crds::Traffic::kNodeToNode});
  all.spec.peers = {peer("10.0.0.0/8")};
  all.spec.establish = crds::Establish::kOnDemand;
  all.spec.pod_selector = crds::LabelSelector{};
  all.spec.ppk.mode = crds::PpkMode::kPrefer;
  all.spec.authentication.type = crds::PolicyAuthentication::Type::kPsk;
  add(world, all);
  add(world, tunnel("branch", "node1", 1));
  EXPECT_EQ(of(node_rules(world), "node1").required_features, known_features())
      << "this release's agent can do all that";
  EXPECT_THAT(
      of(node_rules(world), "node2").required_features,
      ElementsAre("AddressBlocks", "OnDemand", "PodSelection", "PostQuantumKeys", "PreSharedKeys"));
}

TEST(NodeRules, SelectionOfPodsIsAFeature) {
  World world = nodes(1);
  crds::IPsecPolicy some = policy("some", {crds::Traffic::kPodToPod});
  some.spec.namespace_selector = crds::LabelSelector{};
  add(world, some);
  EXPECT_THAT(of(node_rules(world), "node1").required_features, ElementsAre("PodSelection"));
}

TEST(WorldNamedBy, WaitsForTheStateThatIsNamed) {
  World world = random_cluster(1);
  const crds::NodePolicySpec spec = of(node_rules(world), "node1");
  ASSERT_FALSE(spec.policies.empty());
  const auto error = [&](const World& known) {
    const auto named = world_named_by(spec, known);
    if (named) return std::string("none");
    EXPECT_EQ(named.error().code, Code::kUnavailable);
    return named.error().where + " " + named.error().detail;
  };
  EXPECT_EQ(error(world), "none");

  World without = world;
  without.policies.clear();
  EXPECT_THAT(error(without), HasSubstr("IPsecPolicy " + spec.policies[0].name +
                                        " is named by the NodePolicy and not known yet"));

  World later = world;
  for (auto& known : later.policies) {
    crds::IPsecPolicy made = *known;
    ++made.meta.generation;
    known = std::make_shared<const crds::IPsecPolicy>(std::move(made));
  }
  EXPECT_THAT(error(later), HasSubstr("is known in generation 3, the NodePolicy names 2"));

  World anew = world;
  for (auto& known : anew.tunnels) {
    crds::Tunnel made = *known;
    made.meta.uid = "another";
    known = std::make_shared<const crds::Tunnel>(std::move(made));
  }
  EXPECT_THAT(error(anew), HasSubstr("Tunnel edge/first was made anew"));
}

}  // namespace
}  // namespace espalier::plan
