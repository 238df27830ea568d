#include "nodeagent/tunnel/pod_groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nodeagent/tunnel/policy_set.h"

namespace espalier::tunnel {
namespace {

using dataplane::Mark;
using ::testing::ElementsAre;

plan::Selector pair(const std::string& pods, const char* local = "10.244.1.0/24",
                    const char* remote = "10.244.2.0/24") {
  plan::Selector selector;
  selector.local = *Prefix::parse(local);
  selector.remote = *Prefix::parse(remote);
  selector.pods = pods;
  return selector;
}

// A child for each policy's pods.
plan::NodePlan plan_for(const std::vector<std::string>& policies,
                        plan::Enforcement enforcement = plan::Enforcement::kRequired) {
  plan::NodePlan plan;
  plan.connections.emplace_back();
  for (const auto& policy : policies) {
    plan::ChildPlan child;
    child.name = "pods/" + policy;
    child.mode = plan::Mode::kTunnel;
    child.enforcement = enforcement;
    child.rules = {{pair(policy), 400}};
    plan.connections.back().children.push_back(child);
  }
  return plan;
}

TEST(PodGroups, APolicyKeepsItsNumber) {
  PodGroups groups;
  EXPECT_TRUE(groups.take(plan_for({"web", "db"})));
  const auto web = *groups.find("web");
  EXPECT_FALSE(groups.take(plan_for({"db", "web"})));
  EXPECT_TRUE(groups.take(plan_for({"api", "web"})));
  EXPECT_EQ(groups.find("web")->number, web.number);
  EXPECT_NE(groups.find("api")->number, web.number);
  EXPECT_EQ(groups.find("db"), nullptr);
  EXPECT_EQ(groups.find(""), nullptr);

  PodGroups restarted;
  EXPECT_TRUE(restarted.restore("web", 3));
  EXPECT_FALSE(restarted.restore("api", 3)) << "taken";
  EXPECT_FALSE(restarted.restore("api", dataplane::kPodGroups));
  EXPECT_TRUE(restarted.take(plan_for({"api", "web"})));
  EXPECT_EQ(restarted.find("web")->number, 3);
}

TEST(PodGroups, APolicyThatBecomesRequiredIsAChange) {
  PodGroups groups;
  groups.take(plan_for({"web"}, plan::Enforcement::kPreferred));
  EXPECT_FALSE(groups.find("web")->required);
  EXPECT_TRUE(groups.take(plan_for({"web"})));
  EXPECT_TRUE(groups.find("web")->required);
}

TEST(PodGroups, OnePolicyTooManyIsForEverybodyOrForNobody) {
  PodGroups groups;
  groups.take(plan_for({"a", "b", "c", "d", "e"}));
  EXPECT_THAT(groups.left_out(), ElementsAre("e"));
  const plan::ChildPlan required = plan_for({"e"}).connections[0].children[0];
  for (const auto& wanted : policies_of(required, required.rules, {}, groups))
    EXPECT_EQ(wanted.policy.mark, std::nullopt);
  const plan::ChildPlan preferred =
      plan_for({"e"}, plan::Enforcement::kPreferred).connections[0].children[0];
  EXPECT_TRUE(policies_of(preferred, preferred.rules, {}, groups).empty());
  EXPECT_TRUE(policies_of(plan::BypassRule{pair("e"), 400, "exemption"}, groups).empty());
}

TEST(PodGroups, RequiredTakesWhatNobodyLookedAtAndNothingElseDoes) {
  PodGroups groups;
  groups.take(plan_for({"web"}));
  const plan::ChildPlan child = plan_for({"web"}).connections[0].children[0];
  const auto policies = policies_of(child, child.rules, {}, groups);
  ASSERT_EQ(policies.size(), 3U);
  for (const auto& wanted : policies) EXPECT_EQ(wanted.policy.mark, (Mark{0, 0x100}));
  for (const auto& wanted : policies_of(plan::BypassRule{pair("web"), 400, "exemption"}, groups))
    EXPECT_EQ(wanted.policy.mark, (Mark{0x1000, 0x1100}));

  groups.take(plan_for({"web"}, plan::Enforcement::kPreferred));
  const plan::ChildPlan preferred =
      plan_for({"web"}, plan::Enforcement::kPreferred).connections[0].children[0];
  for (const auto& wanted : policies_of(preferred, preferred.rules, {}, groups))
    EXPECT_EQ(wanted.policy.mark, (Mark{0x1000, 0x1100}));
}

// What an SA writes meets its own group's policies and no other's, and no exemption of Required.
TEST(PodGroups, WhatAnSaBringsMeetsItsOwnPolicies) {
  const auto meets = [](std::uint32_t mark, const Mark& match) {
    return (mark & match.mask) == match.value;
  };
  for (std::uint8_t number = 0; number < dataplane::kPodGroups; ++number) {
    for (const bool unseen : {false, true}) {
      const auto written = dataplane::mark_to_write({number, unseen});
      EXPECT_EQ(written.mask, dataplane::kPodMarkField);
      for (std::uint8_t other = 0; other < dataplane::kPodGroups; ++other) {
        EXPECT_EQ(meets(written.value, dataplane::mark_to_match({other, true})), other == number);
        EXPECT_EQ(meets(written.value, dataplane::mark_to_match({other, false})),
                  other == number && !unseen);
      }
    }
  }
}

TEST(PodGroups, OverlappingGroupsAreOrderedByPolicyBeforeItsOwnParts) {
  PodGroups groups;
  groups.take(plan_for({"db", "web"}));
  const auto order = [&](const char* pods, plan::Precedence precedence) {
    return scope_of(pair(pods), precedence, true, groups).order;
  };
  constexpr plan::Precedence kExemption = 400;
  constexpr plan::Precedence kRule = 401;
  EXPECT_LT(order("db", kRule), order("web", kExemption)) << "of equal policies the name decides";
  EXPECT_LT(order("web", kExemption), order("web", kRule));
  EXPECT_LT(order("web", kRule), order("", kExemption)) << "what is for all comes last";
  EXPECT_LT(order("", kRule), order("db", kRule + 4)) << "but precedence comes first";
  EXPECT_LT(order("", (1U << 24U) - 1), 1U << 27U);
}

}  // namespace
}  // namespace espalier::tunnel
