// What holds for every change of every world, tried on many by seed: the plans that are kept up to
// date are the plans made anew, and one change touches only what depends on it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/plan/kept_rules.h"
#include "operator/plan/node_planner.h"
#include "operator/plan/outline.h"
#include "operator/plan/planner.h"
#include "operator/plan/world_testing.h"

namespace espalier::plan {
namespace {

using namespace testing;  // NOLINT: this test's own worlds
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::uint32_t kWorlds = 40;
constexpr int kChanges = 20;

std::set<std::string> names_in(const World& world) {
  std::set<std::string> names;
  for (const auto& endpoint : world.endpoints) names.insert(endpoint->meta.name);
  for (const auto& tunnel : world.tunnels) names.insert(tunnel->spec.local.node);
  return names;
}

TEST(NodePlanner, IsAsGoodAsPlanningAnewThroughAnyChanges) {
  for (std::uint32_t seed = 1; seed <= kWorlds; ++seed) {
    std::mt19937 random(seed);
    World world = random_world(seed);
    std::map<std::string, NodePlanner> planners;
    for (int step = 0; step < kChanges; ++step) {
      SCOPED_TRACE(fmt::format("seed {} step {}", seed, step));
      for (const std::string& name : names_in(world)) planners.try_emplace(name, name);
      for (auto& [name, planner] : planners) {
        // A planner that slept meets several changes at once.
        if (random() % 4 == 0) continue;
        const NodePlan expected = plan_node(world, name);
        ASSERT_EQ(planner.update(world), expected) << name;
        ASSERT_EQ(hash_of(planner.plan()), expected.hash);
      }
      change(world, random);
    }
  }
}

TEST(NodePlanner, PlansOnlyThePairsThatAChangeConcerns) {
  World world = nodes(40);
  add(world, policy("mesh", {crds::Traffic::kNodeToNode, crds::Traffic::kPodToPod}));
  NodePlanner planner("node7");
  planner.update(world);
  EXPECT_EQ(planner.pairs_planned(), 39U);
  planner.update(world);
  EXPECT_EQ(planner.pairs_planned(), 0U);
  add(world, node(41));
  planner.update(world);
  EXPECT_EQ(planner.pairs_planned(), 1U);
  world.endpoints.erase(world.endpoints.begin());
  planner.update(world);
  EXPECT_EQ(planner.pairs_planned(), 0U);
  EXPECT_EQ(planner.plan(), plan_node(world, "node7"));
  world.api_servers.push_back({ip("10.10.0.3"), 6443});
  planner.update(world);
  EXPECT_EQ(planner.pairs_planned(), 0U);
  EXPECT_EQ(planner.plan(), plan_node(world, "node7"));
  world.policies[0] = std::make_shared<const crds::IPsecPolicy>(*world.policies[0]);
  planner.update(world);
  EXPECT_EQ(planner.pairs_planned(), 39U);
}

KeptRules::ByNode made_anew(const World& world) {
  KeptRules::ByNode all;
  for (NodeRules& rules : node_rules(world)) all.emplace(rules.node, std::move(rules.spec));
  return all;
}

TEST(KeptRules, AreThoseMadeAnewAndNameExactlyWhoIsConcerned) {
  for (std::uint32_t seed = 1; seed <= kWorlds; ++seed) {
    std::mt19937 random(seed);
    World world = random_world(seed);
    KeptRules kept;
    KeptRules::ByNode before;
    for (int step = 0; step < 4 * kChanges; ++step) {
      SCOPED_TRACE(fmt::format("seed {} step {}", seed, step));
      const std::vector<std::string> changed = kept.update(world);
      const KeptRules::ByNode expected = made_anew(world);
      ASSERT_EQ(kept.all(), expected);
      std::set<std::string> others;
      for (const auto& [name, spec] : expected) {
        const auto was = before.find(name);
        if (was == before.end() || was->second != spec) others.insert(name);
      }
      for (const auto& [name, spec] : before) {
        if (expected.count(name) == 0) others.insert(name);
      }
      ASSERT_THAT(changed, ::testing::ElementsAreArray(others));
      EXPECT_GE(kept.nodes_planned() + before.size(), changed.size());
      before = expected;
      for (std::size_t changes = random() % 3; changes > 0; --changes) change(world, random);
    }
  }
}

TEST(KeptRules, OneChangeTouchesOnlyWhatDependsOnIt) {
  World world = nodes(50);
  add(world, policy("mesh", {crds::Traffic::kNodeToNode}));
  auto storage = policy("storage", {crds::Traffic::kNodeToNode});
  storage.meta.generation = 1;
  storage.spec.node_selector = crds::LabelSelector{{{"role", "storage"}}, {}};
  add(world, storage);
  KeptRules kept;
  EXPECT_EQ(kept.update(world).size(), 50U);
  EXPECT_THAT(kept.update(world), IsEmpty());
  EXPECT_EQ(kept.nodes_planned(), 0U);
  add(world, node(51));
  EXPECT_THAT(kept.update(world), ElementsAre("node51"));
  EXPECT_EQ(kept.nodes_planned(), 1U);
  // A policy that selects nobody concerns nobody, until it does.
  storage.meta.generation = 2;
  world.policies[1] = std::make_shared<const crds::IPsecPolicy>(storage);
  EXPECT_THAT(kept.update(world), IsEmpty());
  EXPECT_EQ(kept.nodes_planned(), 0U);
  auto labelled = node(3);
  labelled.meta.labels["role"] = "storage";
  world.endpoints[2] = std::make_shared<const crds::NodeEndpoint>(labelled);
  EXPECT_THAT(kept.update(world), ElementsAre("node3"));
  storage.meta.generation = 3;
  world.policies[1] = std::make_shared<const crds::IPsecPolicy>(storage);
  EXPECT_THAT(kept.update(world), ElementsAre("node3"));
  EXPECT_EQ(kept.nodes_planned(), 1U);
  ASSERT_NE(kept.find("node3"), nullptr);
  EXPECT_EQ(kept.find("node3")->policies.size(), 2U);
  world.endpoints.erase(world.endpoints.begin() + 2);
  EXPECT_THAT(kept.update(world), ElementsAre("node3"));
  EXPECT_EQ(kept.find("node3"), nullptr);
}

}  // namespace
}  // namespace espalier::plan
