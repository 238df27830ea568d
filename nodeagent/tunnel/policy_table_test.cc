#include "nodeagent/tunnel/policy_table.h"

#include <gtest/gtest.h>

#include "nodeagent/dataplane/ownership.h"

namespace espalier::tunnel {
namespace {

using dataplane::Direction;

plan::Selector pair(const std::string& local, const std::string& remote) {
  plan::Selector selector;
  selector.local = *Prefix::parse(local);
  selector.remote = *Prefix::parse(remote);
  return selector;
}

std::vector<WantedPolicy> node_pair(const std::string& remote, std::uint32_t reqid) {
  plan::ChildPlan child;
  child.rules = {{pair("10.0.0.1/32", remote + "/32"), 500}};
  ChildForm form;
  form.reqid = reqid;
  form.local = IpAddress::parse("10.0.0.1");
  form.remote = IpAddress::parse(remote);
  return policies_of(child, child.rules, form, {});
}

std::vector<WantedPolicy> exemption() {
  return policies_of(plan::BypassRule{pair("0.0.0.0/0", "10.0.0.53/32"), 1, "exemption"}, {});
}

// Carries steps out as a kernel would that takes everything, and gives indices as wished.
std::vector<std::string> carry_out(PolicyTable& table, const std::vector<dataplane::Step>& steps) {
  std::vector<std::string> done;
  for (const auto& step : steps) {
    if (const auto* set = std::get_if<dataplane::SetPolicy>(&step)) {
      done.push_back("set " + id_of(set->policy).to_string());
    } else {
      done.push_back("delete " + std::get<dataplane::DeletePolicy>(step).policy.to_string());
    }
    table.note(step, {});
  }
  return done;
}

std::vector<std::string> settle(PolicyTable& table) {
  auto done = carry_out(table, table.steps_to_set().steps);
  for (auto& text : carry_out(table, table.steps_to_remove())) done.push_back(std::move(text));
  return done;
}

using Lines = std::vector<std::string>;
constexpr std::uint32_t kReqid = dataplane::kReqidFirst + 3;

TEST(PolicyTable, ExemptionsFirstThenInboundThenOutboundAndOutInReverse) {
  PolicyTable table;
  table.want("node2", node_pair("10.0.0.2", kReqid));
  table.want("", exemption());
  EXPECT_EQ(
      settle(table),
      (Lines{"set policy out 0.0.0.0/0 -> 10.0.0.53/32", "set policy in 10.0.0.53/32 -> 0.0.0.0/0",
             "set policy fwd 10.0.0.53/32 -> 0.0.0.0/0", "set policy in 10.0.0.2/32 -> 10.0.0.1/32",
             "set policy fwd 10.0.0.2/32 -> 10.0.0.1/32",
             "set policy out 10.0.0.1/32 -> 10.0.0.2/32"}));
  EXPECT_TRUE(table.stands("node2"));
  EXPECT_EQ(table.clear_policies().size(), 3U);
  EXPECT_TRUE(settle(table).empty());

  table.want("", {});
  table.want("node2", {});
  const auto gone = settle(table);
  ASSERT_EQ(gone.size(), 6U);
  EXPECT_EQ(gone.front(), "delete policy out 10.0.0.1/32 -> 10.0.0.2/32");
  EXPECT_EQ(gone.back(), "delete policy fwd 10.0.0.53/32 -> 0.0.0.0/0");
  EXPECT_EQ(table.count(Direction::kIn).expected, 0U);
}

TEST(PolicyTable, AdoptsWhatStandsRepairsWhatDiffersRemovesWhatIsStale) {
  PolicyTable before;
  before.want("node2", node_pair("10.0.0.2", kReqid));
  before.want("node3", node_pair("10.0.0.3", kReqid + 1));
  std::vector<dataplane::PolicyState> dump;
  for (const auto& step : before.steps_to_set().steps) {
    dump.push_back({std::get<dataplane::SetPolicy>(step).policy, {}});
  }
  dump[0].policy.priority += 1;  // somebody tampered with one of them

  PolicyTable after;
  after.want("node2", node_pair("10.0.0.2", kReqid));
  after.observe(dump, {});
  const auto done = settle(after);
  ASSERT_EQ(done.size(), 4U);
  EXPECT_EQ(done[0].substr(0, 3), "set");
  for (std::size_t i = 1; i < done.size(); ++i) {
    EXPECT_EQ(done[i].substr(0, 6), "delete");
    EXPECT_NE(done[i].find("10.0.0.3"), std::string::npos);
  }
}

TEST(PolicyTable, AForeignPolicyIsNeverReplaced) {
  dataplane::PolicyState foreign;
  foreign.policy = node_pair("10.0.0.2", 16389).back().policy;
  foreign.policy.index = 81;
  PolicyTable table;
  table.observe(std::vector{foreign}, {});
  table.want("node2", node_pair("10.0.0.2", kReqid));
  EXPECT_EQ(settle(table), (Lines{"set policy in 10.0.0.2/32 -> 10.0.0.1/32",
                                  "set policy fwd 10.0.0.2/32 -> 10.0.0.1/32"}));
  ASSERT_EQ(table.troubles().size(), 1U);
  EXPECT_EQ(table.troubles()[0].group, "node2");
  EXPECT_FALSE(table.stands("node2"));

  // Its owner takes it away: now ours may stand.
  EXPECT_TRUE(table.on_event(dataplane::PolicyDeleted{id_of(foreign.policy), 81}));
  EXPECT_EQ(settle(table), (Lines{"set policy out 10.0.0.1/32 -> 10.0.0.2/32"}));
  EXPECT_TRUE(table.troubles().empty());
}

TEST(PolicyTable, AClearPolicyWithoutOurIndexIsOursByTheJournalOnly) {
  std::vector<dataplane::PolicyState> dump;
  for (auto& wanted : exemption()) {
    wanted.policy.index = 8 + static_cast<std::uint32_t>(wanted.policy.direction);
    dump.push_back({wanted.policy, {}});
  }
  PolicyTable stranger;
  stranger.observe(dump, {});
  EXPECT_TRUE(settle(stranger).empty());

  PolicyTable table;
  table.observe(dump, {id_of(dump[0].policy)});
  EXPECT_EQ(settle(table).size(), 1U);
}

TEST(PolicyTable, DriftIsRepairedAndCounted) {
  PolicyTable table;
  table.want("node2", node_pair("10.0.0.2", kReqid));
  const auto first = table.steps_to_set();
  EXPECT_EQ(first.repairs, 0U);
  carry_out(table, first.steps);
  const auto out = node_pair("10.0.0.2", kReqid).back().policy;
  EXPECT_TRUE(table.on_event(dataplane::PolicyDeleted{id_of(out), 0}));
  EXPECT_EQ(table.count(Direction::kOut).present, 0U);
  const auto steps = table.steps_to_set();
  EXPECT_EQ(steps.repairs, 1U);
  carry_out(table, steps.steps);

  dataplane::Policy changed = out;
  changed.transform.reset();
  EXPECT_TRUE(table.on_event(dataplane::PolicySet{changed}));
  EXPECT_EQ(table.steps_to_set().repairs, 1U);
  EXPECT_FALSE(table.on_event(dataplane::PolicySet{out}));
}

TEST(PolicyTable, WhatTheKernelRefusesIsToldAndTriedAgainWhenAsked) {
  PolicyTable table;
  table.want("node2", node_pair("10.0.0.2", kReqid));
  for (const auto& step : table.steps_to_set().steps) {
    table.note(step, fail(Code::kKernel, "policy", "EINVAL"));
  }
  EXPECT_EQ(table.troubles().size(), 3U);
  EXPECT_TRUE(table.steps_to_set().steps.empty());
  table.retry_refused();
  EXPECT_EQ(settle(table).size(), 3U);
  EXPECT_TRUE(table.troubles().empty());
}

TEST(PolicyTable, OfTwoThatWantTheSameTheFirstHasItAndTheOtherInherits) {
  PolicyTable table;
  table.want("old", node_pair("10.0.0.2", kReqid));
  table.want("new", node_pair("10.0.0.2", kReqid + 1));
  EXPECT_EQ(settle(table).size(), 3U);
  EXPECT_EQ(table.troubles().size(), 3U);
  table.want("old", {});
  EXPECT_EQ(settle(table).size(), 3U);  // replaced in place, nothing deleted
  EXPECT_TRUE(table.stands("new"));
  EXPECT_TRUE(table.troubles().empty());
}

TEST(PolicyTable, EachPolicyAsksForAnIndexOfItsOwnInOurBand) {
  PolicyTable table;
  table.want("node2", node_pair("10.0.0.2", kReqid));
  table.want("node3", node_pair("10.0.0.3", kReqid + 1));
  std::set<std::uint32_t> indices;
  for (const auto& step : table.steps_to_set().steps) {
    const auto& policy = std::get<dataplane::SetPolicy>(step).policy;
    EXPECT_TRUE(dataplane::owns_index(policy.index));
    EXPECT_EQ(policy.index & 7U, static_cast<std::uint32_t>(policy.direction));
    EXPECT_TRUE(indices.insert(policy.index).second);
  }
}

}  // namespace
}  // namespace espalier::tunnel
