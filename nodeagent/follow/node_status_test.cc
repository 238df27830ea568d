#include "nodeagent/follow/node_status.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nodeagent/follow/world_testing.h"
#include "operator/plan/planner.h"
#include "operator/reconcile/status/node_reports.h"

namespace espalier::follow {
namespace {

using ::testing::HasSubstr;

constexpr const char* kNow = "2026-11-24T20:00:00Z";
constexpr const char* kLater = "2026-11-24T20:10:00Z";
const Verdict kFollowed{Following::kFollows, "Followed", "", 1};

class NodeStatus : public ::testing::Test {
 protected:
  explicit NodeStatus(plan::World world = testing::cluster()) {
    plan::testing::add(world, testing::tunnel());
    in_force_.node_policy = testing::node_policy(world, "node1");
    in_force_.plan = std::make_shared<plan::NodePlan>(plan::plan_node(world, "node1"));
    snapshot_.plan.hash = in_force_.plan->hash;
    snapshot_.plan.applied_hash = in_force_.plan->hash;
    snapshot_.plan.applied = true;
    for (const auto& connection : in_force_.plan->connections) {
      telemetry::ConnectionStatus status;
      status.name = connection.name;
      for (const auto& child : connection.children) {
        telemetry::ChildStatus one;
        one.name = child.name;
        one.state = telemetry::ChildState::kUp;
        status.children.push_back(std::move(one));
      }
      snapshot_.connections.push_back(std::move(status));
    }
  }

  telemetry::ConnectionStatus& connection(const std::string& name) {
    return *std::find_if(snapshot_.connections.begin(), snapshot_.connections.end(),
                         [&](const auto& each) { return each.name == name; });
  }
  crds::NodePolicyStatus status(const crds::NodePolicyStatus& standing = {}, const char* now = kNow,
                                const Verdict& verdict = kFollowed) {
    return node_policy_status(in_force_, verdict, snapshot_, standing, now);
  }
  static std::string told(const crds::NodePolicyStatus& status, const char* type) {
    const crds::Condition* one = crds::find(status.conditions, type);
    if (one == nullptr) return "none";
    const char* words[] = {"Unknown", "True", "False"};
    return std::string(words[static_cast<int>(one->status)]) + " " + one->reason + ": " +
           one->message;
  }

  InForce in_force_;
  telemetry::Snapshot snapshot_;
};

TEST_F(NodeStatus, CountsWhatStands) {
  const auto all = status();
  EXPECT_EQ(all.applied_hash, in_force_.node_policy->spec.hash);
  EXPECT_EQ(all.peers, (crds::Count{2, 2})) << "peers, not connections of two families";
  ASSERT_EQ(all.policies.size(), 1U);
  EXPECT_EQ(all.policies[0], (crds::PolicyOnNode{"mesh", 1, 2, 2, {}}));
  ASSERT_EQ(all.tunnels.size(), 1U);
  EXPECT_TRUE(all.tunnels[0].established);
  EXPECT_EQ(all.tunnels[0].generation, 3);
  EXPECT_EQ(all.tunnels_ready, 1);
  EXPECT_THAT(told(all, "Programmed"), HasSubstr("True Programmed"));
  EXPECT_THAT(told(all, "Ready"), HasSubstr("True Ready"));
}

TEST_F(NodeStatus, APeerIsReadyWhenAllOfItStands) {
  for (const auto state : {telemetry::ChildState::kDown, telemetry::ChildState::kDraining}) {
    connection("node2/v6").children[0].state = state;
    const auto one = status();
    EXPECT_EQ(one.peers, (crds::Count{2, 1}));
    EXPECT_EQ(one.policies[0].ready, 1);
    EXPECT_THAT(told(one, "Programmed"), HasSubstr("True"));
    EXPECT_THAT(told(one, "Ready"), HasSubstr("False PeersMissing: 1 of 2 peers"));
  }
  connection("node2/v6").children.clear();
  EXPECT_EQ(status().peers, (crds::Count{2, 1}));
  for (const auto state : {telemetry::ChildState::kTrap, telemetry::ChildState::kAdopted}) {
    telemetry::ChildStatus child;
    child.name = "nodes";
    child.state = state;
    connection("node2/v6").children = {child};
    EXPECT_EQ(status().peers, (crds::Count{2, 2}));
  }
}

TEST_F(NodeStatus, APeerWhoseSasAreOfAnOlderPlanIsNotReady) {
  auto& outdated = connection("node2/v6");
  outdated.state = telemetry::ConnectionState::kOutdated;
  outdated.last_failure = telemetry::Failure{
      {}, telemetry::Side::kLocal, "CredentialsMissing", "there is no Secret x", "Add it."};
  const auto one = status();
  EXPECT_EQ(one.peers, (crds::Count{2, 1}));
  EXPECT_EQ(one.policies[0].ready, 1);
  EXPECT_THAT(told(one, "Ready"),
              HasSubstr("False PeersMissing: 1 of 2 peers and 1 of 1 Tunnels stand; node2/v6: "
                        "CredentialsMissing: there is no Secret x. Add it."));
}

TEST_F(NodeStatus, ANodeThatWasOpenedByHandIsNotReady) {
  snapshot_.releases = {{"", false, "a drill", {}, {}}, {"node2", true, "", {}, {}}};
  EXPECT_THAT(told(status(), "Programmed"), HasSubstr("True Programmed"));
  EXPECT_THAT(told(status(), "Ready"), HasSubstr("False Released"));
  EXPECT_THAT(told(status(), "Ready"), HasSubstr("the whole node, node2"));
}

TEST_F(NodeStatus, ATunnelSaysWhyItIsDown) {
  auto& branch = connection("edge/branch");
  branch.children[0].state = telemetry::ChildState::kDown;
  branch.last_failure = telemetry::Failure{
      {}, telemetry::Side::kPeer, "BadPsk", "The peer refused the key.", "Compare both."};
  const auto down = status();
  EXPECT_FALSE(down.tunnels[0].established);
  EXPECT_EQ(down.tunnels[0].reason, "BadPsk");
  EXPECT_EQ(down.tunnels[0].message, "The peer refused the key. Compare both.");
  EXPECT_EQ(down.tunnels_ready, 0);
  EXPECT_THAT(told(down, "Ready"), HasSubstr("False TunnelsDown"));
}

TEST_F(NodeStatus, NothingIsInForceBeforeTheKernelHasIt) {
  snapshot_.plan.applied = false;
  const auto pending = status();
  EXPECT_EQ(pending.applied_hash, "");
  EXPECT_TRUE(pending.policies.empty());
  EXPECT_THAT(told(pending, "Programmed"), HasSubstr("Unknown Pending"));
  EXPECT_THAT(told(pending, "Ready"), HasSubstr("False Pending"));
  snapshot_.plan.problems = {{"", 0, "connection node2/v4", "ENOSPC"}, {"", 0, "x", "y"}};
  const auto refused = status();
  EXPECT_THAT(told(refused, "Programmed"),
              HasSubstr("False KernelRefused: connection node2/v4: ENOSPC; and 1 more"));
  // What was in force stays said until the next one is.
  snapshot_.plan.applied = true;
  const auto before = status();
  snapshot_.plan.applied_hash = "another";
  EXPECT_EQ(status(before).applied_hash, before.applied_hash);
  EXPECT_EQ(status(before).policies, before.policies);
}

TEST_F(NodeStatus, SaysWhatIsNotFollowed) {
  const auto before = status();
  const auto refused =
      status(before, kLater, {Following::kRefuses, "FeaturesMissing", "cannot do: Magic", 2});
  EXPECT_THAT(told(refused, "Programmed"), HasSubstr("False FeaturesMissing: cannot do: Magic"));
  EXPECT_EQ(crds::find(refused.conditions, "Programmed")->observed_generation, 2);
  EXPECT_EQ(refused.applied_hash, before.applied_hash) << "the last plan is in force";
  const auto waits = status(before, kLater, {Following::kWaits, "Waiting", "for x", 2});
  EXPECT_THAT(told(waits, "Programmed"), HasSubstr("Unknown Waiting: for x"));
}

TEST_F(NodeStatus, WhatStaysIsEqual) {
  const auto first = status();
  EXPECT_EQ(status(first, kLater), first);
  connection("node3/v4").children[0].state = telemetry::ChildState::kDown;
  const auto second = status(first, kLater);
  EXPECT_EQ(crds::find(second.conditions, "Programmed")->last_transition_time, kNow);
  EXPECT_EQ(crds::find(second.conditions, "Ready")->last_transition_time, kLater);
}

// The operator's sums are made of exactly this.
TEST_F(NodeStatus, TheOperatorCountsIt) {
  reconcile::NodeReports reports;
  (void)reports.put(*in_force_.node_policy, status());
  auto count = reports.count("mesh", "p-mesh", 1);
  EXPECT_EQ(count.in_force, 1);
  EXPECT_EQ(count.complete, 1);
  EXPECT_TRUE(reports.report({"edge", "branch"}, "node1")->established);
  connection("node2/v4").children[0].state = telemetry::ChildState::kDown;
  (void)reports.put(*in_force_.node_policy, status());
  count = reports.count("mesh", "p-mesh", 1);
  EXPECT_EQ(count.in_force, 1);
  EXPECT_EQ(count.complete, 0);
  crds::NodePolicy newer = *in_force_.node_policy;
  newer.meta.generation = 2;
  newer.spec.hash = std::string(32, 'f');
  newer.spec.policies[0].generation = 2;
  (void)reports.put(newer, status({}, kNow, {Following::kRefuses, "NotUnderstood", "Magic", 2}));
  EXPECT_EQ(reports.count("mesh", "p-mesh", 2).first_failure->words, "Magic");
}

TEST(NodeEndpointStatus, SaysWhatTheNodeIs) {
  telemetry::Snapshot snapshot;
  snapshot.version = "1.2";
  snapshot.kernel.release = "6.12";
  snapshot.kernel.esp = true;
  const CertificateFacts issued{true, "Issued", "", "0a", "2027-01-01T00:00:00Z"};
  const auto made = node_endpoint_status(snapshot, {"OnDemand"}, issued, 4, {}, kNow);
  EXPECT_EQ(made.agent_version, "1.2");
  EXPECT_EQ(made.kernel_version, "6.12");
  EXPECT_EQ(made.features, std::vector<std::string>{"OnDemand"});
  EXPECT_EQ(made.certificate, (crds::CertificateStatus{"0a", "2027-01-01T00:00:00Z"}));
  for (const char* type : {"CertificateReady", "KernelReady", "Ready"}) {
    EXPECT_EQ(crds::find(made.conditions, type)->status, crds::ConditionStatus::kTrue) << type;
    EXPECT_EQ(crds::find(made.conditions, type)->observed_generation, 4);
  }
  EXPECT_EQ(node_endpoint_status(snapshot, {"OnDemand"}, issued, 4, made, kLater), made);

  const CertificateFacts waiting{false, "Waiting", "no answer", "", ""};
  const auto without = node_endpoint_status(snapshot, {}, waiting, 4, made, kLater);
  EXPECT_EQ(without.certificate, std::nullopt);
  EXPECT_EQ(crds::find(without.conditions, "Ready")->reason, "Waiting");
  snapshot.kernel.esp = false;
  snapshot.kernel.esp_error = "EPROTONOSUPPORT";
  const auto bare = node_endpoint_status(snapshot, {}, issued, 4, made, kLater);
  EXPECT_EQ(crds::find(bare.conditions, "Ready")->message, "EPROTONOSUPPORT");
  EXPECT_EQ(crds::find(bare.conditions, "CertificateReady")->status, crds::ConditionStatus::kTrue);
}

}  // namespace
}  // namespace espalier::follow
