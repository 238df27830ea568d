#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "nodeagent/dataplane/nft/guard_layout.h"
#include "nodeagent/dataplane/nft/guard_ruleset.h"
#include "tests/source_dir.h"

namespace espalier::dataplane::nft {
namespace {

Prefix prefix(const char* text) {
  return Prefix::parse(text).value();
}

ClearTrafficRule rule(const char* local, const char* remote, ClearVerdict verdict,
                      std::uint8_t protocol = 0, std::uint16_t local_port = 0,
                      std::uint16_t remote_port = 0) {
  return {{prefix(local), prefix(remote), protocol, local_port, remote_port}, verdict};
}

ClearTrafficRules mesh() {
  ClearTrafficRules rules;
  rules.rules = {
      rule("0.0.0.0/0", "10.0.0.53/32", ClearVerdict::kPass, 17, 0, 53),
      rule("::/0", "::/0", ClearVerdict::kPass, 58, 128, 0),
      rule("10.0.0.1/32", "10.0.0.1/32", ClearVerdict::kPass),
      rule("10.0.0.1/32", "10.0.0.2/32", ClearVerdict::kBlock),
      rule("10.0.0.1/32", "10.0.0.3/32", ClearVerdict::kBlock),
      rule("10.244.1.0/24", "10.244.2.0/24", ClearVerdict::kBlock),
      rule("fd00::1/128", "fd00::2/128", ClearVerdict::kBlock),
      rule("10.0.0.1/32", "10.0.0.0/24", ClearVerdict::kCount),
  };
  return rules;
}

std::string golden(const std::string& name) {
  std::ifstream file(source_dir() + "/nodeagent/dataplane/nft/golden/" + name);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST(GuardLayout, RunsOfOneVerdictAreOneTier) {
  const auto layout = lay_out(mesh());
  ASSERT_TRUE(layout);
  ASSERT_EQ(layout->tiers.size(), 3U);
  EXPECT_EQ(layout->tiers[0].verdict, ClearVerdict::kPass);
  EXPECT_EQ(layout->tiers[0].singles.size(), 2U);
  EXPECT_EQ(layout->tiers[0].v4.size(), 1U);
  EXPECT_EQ(layout->tiers[1].v4.size(), 3U);
  EXPECT_EQ(layout->tiers[1].v6.size(), 1U);
  EXPECT_EQ(layout->tiers[2].verdict, ClearVerdict::kCount);
}

TEST(GuardLayout, WhatPassesLastNeedsNoRule) {
  ClearTrafficRules rules;
  rules.rules = {rule("10.0.0.1/32", "10.0.0.2/32", ClearVerdict::kBlock),
                 rule("10.0.0.1/32", "10.0.0.3/32", ClearVerdict::kPass)};
  EXPECT_EQ(lay_out(rules)->tiers.size(), 1U);
}

TEST(GuardLayout, SetsHoldNoPairTwiceAndNoneThatCrossesAnother) {
  ClearTrafficRules rules;
  const auto block = ClearVerdict::kBlock;
  rules.rules = {
      rule("10.1.0.0/16", "10.2.0.0/16", block), rule("10.1.0.0/16", "10.2.3.0/24", block),
      rule("10.1.7.0/24", "10.2.9.0/24", block),  // held by the first
      rule("10.1.7.0/24", "10.0.0.0/8", block),   // crosses it
      rule("10.1.7.0/24", "10.9.0.0/16", block),  // held by the one before
      rule("10.1.8.0/24", "10.3.0.0/16", block), rule("10.1.0.0/16", "0.0.0.0/0", block, 6),
      rule("10.5.0.0/16", "0.0.0.0/0", block),   rule("10.1.0.0/16", "10.2.0.0/16", block),
  };
  const auto layout = lay_out(rules);
  ASSERT_TRUE(layout);
  const auto& tier = layout->tiers.at(0);
  const std::vector<PrefixPair> pairs{{prefix("10.1.0.0/16"), prefix("10.2.0.0/16")},
                                      {prefix("10.1.8.0/24"), prefix("10.3.0.0/16")}};
  EXPECT_EQ(tier.v4, pairs);
  const std::vector<Selector> singles{{prefix("10.1.0.0/16"), prefix("0.0.0.0/0"), 6},
                                      {prefix("10.1.7.0/24"), prefix("10.0.0.0/8")},
                                      {prefix("10.5.0.0/16"), prefix("0.0.0.0/0")}};
  EXPECT_EQ(tier.singles, singles);
}

TEST(GuardLayout, MixedFamiliesAreRefused) {
  ClearTrafficRules rules;
  rules.rules = {rule("10.0.0.1/32", "fd00::1/128", ClearVerdict::kBlock)};
  const auto layout = lay_out(rules);
  ASSERT_FALSE(layout);
  EXPECT_EQ(layout.error().code, Code::kInvalid);
  EXPECT_EQ(layout.error().where, "clear-traffic rule 0");
}

TEST(GuardRuleset, TableIsTheGoldenOne) {
  const auto text = render_table(*lay_out(mesh()), {{Direction::kOut, IpFamily::kV6, 1, 2, 3, 4}});
  EXPECT_EQ(text, golden("mesh.nft"));
}

// node1, whose policy web requires ESP for some pods and exempts a port, and policy db prefers it.
ClearTrafficRules some_pods() {
  ClearTrafficRules rules;
  rules.rules = {
      rule("10.244.1.0/24", "10.244.2.0/24", ClearVerdict::kPass, 6, 0, 9100),
      rule("10.244.1.0/24", "10.244.2.0/24", ClearVerdict::kBlock),
      rule("fd00:1::/64", "fd00:2::/64", ClearVerdict::kBlock),
      rule("10.0.0.1/32", "10.0.0.2/32", ClearVerdict::kCount),
      rule("10.244.1.0/24", "10.244.0.0/16", ClearVerdict::kBlock),
  };
  for (std::size_t i = 0; i < 3; ++i) rules.rules[i].group = 0;
  rules.rules[3].group = 1;
  rules.groups = {{{0, true},
                   "web",
                   std::vector{*IpAddress::parse("10.244.1.7"), *IpAddress::parse("fd00:2::9")}},
                  {{1, false}, "db", std::vector{*IpAddress::parse("10.244.2.8")}}};
  return rules;
}

TEST(GuardLayout, EachGroupHasItsOwnTiersAndReach) {
  const auto layout = lay_out(some_pods());
  ASSERT_TRUE(layout);
  ASSERT_EQ(layout->tiers.size(), 4U);
  EXPECT_EQ(layout->tiers[1].group, 0);
  EXPECT_EQ(layout->tiers[2].group, 1);
  EXPECT_EQ(layout->tiers[3].group, std::nullopt);
  ASSERT_EQ(layout->pods.size(), 2U);
  EXPECT_EQ(layout->pods[0].remotes_v4, std::vector{prefix("10.244.2.0/24")});
  EXPECT_EQ(layout->pods[0].remotes_v6, std::vector{prefix("fd00:2::/64")});
  EXPECT_EQ(layout->pods[0].pods_v6, std::vector{*IpAddress::parse("fd00:2::9")});
  EXPECT_EQ(layout->pods[1].remotes_v4, std::vector{prefix("10.0.0.2/32")});

  auto missing = some_pods();
  missing.groups.pop_back();
  const auto refused = lay_out(missing);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().where, "clear-traffic rule 3");
}

TEST(GuardRuleset, TableForSomePodsIsTheGoldenOne) {
  EXPECT_EQ(render_table(*lay_out(some_pods()), {}), golden("pods.nft"));
}

TEST(GuardRuleset, APodThatMovesIsOneElementOfASet) {
  auto rules = some_pods();
  rules.groups[0].pods->front() = *IpAddress::parse("10.244.1.8");
  rules.groups[1].pods->clear();
  const auto before = lay_out(some_pods());
  const auto after = lay_out(rules);
  ASSERT_TRUE(same_shape(*before, *after));
  EXPECT_EQ(render_changes(*before, *after),
            "delete element inet espalier pods0_v4 { 10.244.1.7 }\n"
            "delete element inet espalier pods1_v4 { 10.244.2.8 }\n"
            "add element inet espalier pods0_v4 { 10.244.1.8 }\n");
}

TEST(GuardRuleset, WhereNobodyKnowsThePodsNothingIsMarked) {
  auto rules = some_pods();
  rules.groups[0].pods.reset();
  const auto unknown = lay_out(rules);
  EXPECT_FALSE(same_shape(*unknown, *lay_out(some_pods())));
  const auto text = render_table(*unknown, {});
  EXPECT_EQ(text.find("mark_pods0"), std::string::npos);
  EXPECT_NE(text.find("@t1_v4 meta mark & 0x100 == 0 counter name blocked_out_v4 drop"),
            std::string::npos)
      << "so the group's rules are for all";
  EXPECT_NE(text.find("chain mark_pods1"), std::string::npos);
}

TEST(GuardRuleset, OneMoreNodeIsOneMoreElement) {
  const auto before = lay_out(mesh());
  auto rules = mesh();
  rules.rules.insert(rules.rules.begin() + 4,
                     rule("10.0.0.1/32", "10.0.0.4/32", ClearVerdict::kBlock));
  rules.rules.erase(rules.rules.begin() + 3);  // and node 2 left
  const auto after = lay_out(rules);
  ASSERT_TRUE(before && after);
  ASSERT_TRUE(same_shape(*before, *after));
  EXPECT_EQ(render_changes(*before, *after),
            "delete element inet espalier t1_v4 { 10.0.0.1/32 . 10.0.0.2/32 }\n"
            "add element inet espalier t1_v4 { 10.0.0.1/32 . 10.0.0.4/32 }\n");
  EXPECT_EQ(render_changes(*after, *after), "");
  rules.rules.front().outbound.destination_port = 54;
  EXPECT_FALSE(same_shape(*after, *lay_out(rules)));
}

TEST(GuardRuleset, CountsAreReadBack) {
  std::string listed = "table inet espalier {\n";
  std::uint64_t next = 1;
  std::vector<ClearTrafficCount> expected;
  for (const auto* const direction : {"in", "out"}) {
    for (const auto* const family : {"v4", "v6"}) {
      for (const auto* const what : {"passed", "blocked"}) {
        listed += std::string("\tcounter ") + what + "_" + direction + "_" + family +
                  " {\n\t\tpackets " + std::to_string(next) + " bytes " +
                  std::to_string(next * 100) + "\n\t}\n";
        ++next;
      }
    }
  }
  const auto counts = parse_counts(listed + "}\n");
  ASSERT_TRUE(counts);
  EXPECT_EQ((*counts)[0], (ClearTrafficCount{Direction::kIn, IpFamily::kV4, 2, 200, 1, 100}));
  EXPECT_EQ((*counts)[3], (ClearTrafficCount{Direction::kOut, IpFamily::kV6, 8, 800, 7, 700}));
  EXPECT_FALSE(parse_counts("table inet espalier {\n}\n"));
  EXPECT_FALSE(parse_counts(listed.substr(0, listed.size() - 12)));
}

}  // namespace
}  // namespace espalier::dataplane::nft
