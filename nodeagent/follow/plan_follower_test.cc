#include "nodeagent/follow/plan_follower.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nodeagent/follow/world_testing.h"
#include "operator/plan/planner.h"

namespace espalier::follow {
namespace {

using ::testing::HasSubstr;

// The policy of this name in another state.
void change(plan::World& world, std::size_t at, std::int64_t generation, int priority) {
  crds::IPsecPolicy changed = *world.policies[at];
  changed.meta.generation = generation;
  changed.spec.priority = priority;
  world.policies[at] = std::make_shared<const crds::IPsecPolicy>(std::move(changed));
}

PlanFollower follower() {
  return PlanFollower("node1", plan::known_features());
}

TEST(PlanFollower, PlansWhatItsNodePolicyNames) {
  plan::World world = testing::cluster();
  PlanFollower node1 = follower();
  EXPECT_TRUE(node1.hear(testing::heard(world, "node1")));
  EXPECT_EQ(node1.verdict().following, Following::kFollows);
  EXPECT_EQ(node1.plan(), plan::plan_node(world, "node1"));
  // A policy that the operator has not decided about yet holds nowhere.
  crds::IPsecPolicy more = plan::testing::policy("more", {crds::Traffic::kPodToPod});
  Heard next = testing::heard(world, "node1");
  plan::testing::add(next.world, more);
  (void)node1.hear(next);
  EXPECT_EQ(node1.plan(), plan::plan_node(world, "node1"));
}

TEST(PlanFollower, FollowsTheNodesThemselves) {
  plan::World world = testing::cluster();
  PlanFollower node1 = follower();
  const auto policy = testing::node_policy(world, "node1");
  ASSERT_TRUE(node1.hear({policy, world, {}}));
  EXPECT_FALSE(node1.hear({policy, world, {}})) << "nothing is another";
  plan::testing::add(world, plan::testing::node(4));
  EXPECT_TRUE(node1.hear({policy, world, {}})) << "the NodePolicy stays as it is";
  EXPECT_EQ(node1.plan(), plan::plan_node(world, "node1"));
}

TEST(PlanFollower, KeepsItsPlanUntilEverythingIsThere) {
  const plan::World world = testing::cluster();
  PlanFollower node1 = follower();
  ASSERT_TRUE(node1.hear(testing::heard(world, "node1")));
  const plan::NodePlan before = node1.plan();

  plan::World changed = world;
  change(changed, 0, 2, 150);
  // The NodePolicy comes before the policy that it names ...
  Heard early{testing::node_policy(changed, "node1", 2), world, {}};
  EXPECT_FALSE(node1.hear(early));
  EXPECT_EQ(node1.verdict().following, Following::kWaits);
  EXPECT_EQ(node1.verdict().generation, 2);
  EXPECT_THAT(node1.verdict().message, HasSubstr("IPsecPolicy mesh"));
  EXPECT_THAT(node1.verdict().message, HasSubstr("generation 1, the NodePolicy names 2"));
  EXPECT_EQ(node1.plan(), before);
  // ... or after it.
  Heard late{testing::node_policy(world, "node1"), changed, {}};
  EXPECT_FALSE(node1.hear(late));
  EXPECT_EQ(node1.plan(), before);
  EXPECT_EQ(node1.followed()->meta.generation, 1);

  EXPECT_TRUE(node1.hear({testing::node_policy(changed, "node1", 2), changed, {}}));
  EXPECT_EQ(node1.plan(), plan::plan_node(changed, "node1"));
  EXPECT_EQ(node1.followed()->meta.generation, 2);
}

TEST(PlanFollower, KeepsItsPlanWhenItsObjectsGo) {
  const plan::World world = testing::cluster();
  PlanFollower node1 = follower();
  EXPECT_FALSE(node1.hear({nullptr, world, {}}));
  EXPECT_EQ(node1.verdict().reason, "NoNodePolicy");
  EXPECT_EQ(node1.followed(), nullptr);
  ASSERT_TRUE(node1.hear(testing::heard(world, "node1")));
  const plan::NodePlan before = node1.plan();
  EXPECT_FALSE(node1.hear({nullptr, world, {}}));
  EXPECT_EQ(node1.plan(), before);
  plan::World orphan = world;
  orphan.endpoints.erase(orphan.endpoints.begin());
  EXPECT_FALSE(node1.hear({testing::node_policy(world, "node1"), orphan, {}}));
  EXPECT_EQ(node1.verdict().reason, "NoNodeEndpoint");
  EXPECT_EQ(node1.plan(), before);
}

TEST(PlanFollower, RefusesWhatItCannotDo) {
  plan::World world = testing::cluster();
  PlanFollower node1("node1", {"OnDemand"});
  ASSERT_TRUE(node1.hear(testing::heard(world, "node1")));
  const plan::NodePlan before = node1.plan();
  plan::testing::add(world, testing::tunnel());
  EXPECT_FALSE(node1.hear(testing::heard(world, "node1")));
  EXPECT_EQ(node1.verdict().following, Following::kRefuses);
  EXPECT_EQ(node1.verdict().reason, "FeaturesMissing");
  EXPECT_THAT(node1.verdict().message, HasSubstr("Tunnels"));
  EXPECT_EQ(node1.plan(), before);
}

TEST(PlanFollower, RefusesWhatItDoesNotUnderstand) {
  const plan::World world = testing::cluster();
  PlanFollower node1 = follower();
  Heard newer = testing::heard(world, "node1");
  newer.world.policies.clear();
  newer.refused["IPsecPolicy mesh"] = "spec.magic: is not known";
  EXPECT_FALSE(node1.hear(newer));
  EXPECT_EQ(node1.verdict().following, Following::kRefuses);
  EXPECT_THAT(node1.verdict().message, HasSubstr("IPsecPolicy mesh: spec.magic"));
  newer.refused = {{"IPsecPolicy other", "spec.magic: is not known"}};
  EXPECT_FALSE(node1.hear(newer));
  EXPECT_EQ(node1.verdict().following, Following::kWaits) << "another's trouble is not ours";
  newer = {nullptr, world, {{"NodePolicy node1", "spec.hash: 32 digits"}}};
  EXPECT_FALSE(node1.hear(newer));
  EXPECT_EQ(node1.verdict().following, Following::kRefuses);
}

}  // namespace
}  // namespace espalier::follow
