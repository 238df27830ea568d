// Plans that change, people who command, others who meddle, peers who are refused.

#include "nodeagent/tunnel/testing/cluster_fixture.h"

namespace espalier::tunnel::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using telemetry::ConnectionState;

TEST_F(ClusterTest, ARemovedConnectionGoesAndTheOthersAreNotTouched) {
  nodes(3);
  establish();
  SimulatedNode& node = cluster.node(0);
  const auto kept = node.status("node2/v4").children.front().spi_in;
  plan::NodePlan plan = cluster.mesh(node);
  std::erase_if(plan.connections, [](const auto& one) { return one.name == "node3/v4"; });
  node.apply(plan);
  cluster.run_for(seconds(1));
  EXPECT_EQ(node.snapshot().connections.size(), 1U);
  EXPECT_EQ(node.status("node2/v4").children.front().spi_in, kept);
  EXPECT_EQ(node.status("node2/v4").children.size(), 1U);
  EXPECT_EQ(cluster.node(2).count_events("ChildDown connection=node1/v4 peer=node1"), 1U);
  const auto standing = node.kernel.dump_policies();
  for (const auto& state : *standing) {
    EXPECT_NE(state.policy.selector.destination, Prefix::host(cluster.node(2).address()));
  }
}

TEST_F(ClusterTest, AnEqualPlanChangesNothing) {
  nodes(2);
  establish();
  SimulatedNode& node = cluster.node(0);
  const auto calls = node.kernel.calls();
  const auto events = node.events.size();
  node.apply(cluster.mesh(node));
  cluster.run_for(seconds(1));
  EXPECT_EQ(node.kernel.calls(), calls);
  EXPECT_EQ(node.events.size(), events + 1);  // PlanApplied
}

TEST_F(ClusterTest, AnotherEspProposalIsRekeyedToWithoutLoss) {
  nodes(2);
  establish();
  cluster.traffic_interval = milliseconds(1);
  cluster.run_for(milliseconds(100));
  for (std::size_t i = 0; i < 2; ++i) {
    plan::NodePlan plan = cluster.mesh(cluster.node(i));
    plan.connections.front().children.front().esp_proposals = {"aes128gcm16", "aes256gcm16"};
    cluster.node(i).apply(plan);
    cluster.run_for(seconds(1));
  }
  cluster.run_for(seconds(10));
  calm();
  cluster.run_for(seconds(20));
  const auto status = cluster.node(0).status("node2/v4");
  ASSERT_EQ(status.children.size(), 1U);
  EXPECT_EQ(status.children.front().esp_suite, "aes128gcm16");
  EXPECT_EQ(status.counters.handshakes, 1U);
  expect_nothing_lost();
}

TEST_F(ClusterTest, ANewCertificateIsProvenBesideTheOldWithoutLoss) {
  nodes(2);
  cluster.crypto_time = milliseconds(3);
  establish();
  cluster.traffic_interval = milliseconds(1);
  cluster.run_for(milliseconds(100));
  SimulatedNode& node = cluster.node(1);
  node.set_credentials("CA");
  node.apply(cluster.mesh(node));
  cluster.run_for(seconds(8));
  calm();
  cluster.run_for(seconds(30));
  expect_nothing_lost();
  EXPECT_EQ(node.status("node1/v4").counters.handshakes, 2U);
  EXPECT_EQ(node.sas(), 2U);
  EXPECT_EQ(cluster.node(0).sas(), 2U);
}

TEST_F(ClusterTest, AChildThatComesBlocksFirstAndOneThatGoesIsClosed) {
  nodes(2);
  establish(false);
  cluster.traffic_interval = milliseconds(20);
  cluster.pod_traffic = true;
  for (std::size_t i = 0; i < 2; ++i) cluster.node(i).apply(cluster.mesh(cluster.node(i), true));
  cluster.clear_tallies();
  cluster.run_for(seconds(10));
  EXPECT_EQ(cluster.total().clear, 0U);
  EXPECT_TRUE(cluster.all_established());
  EXPECT_EQ(cluster.node(0).sas(), 4U);
  for (std::size_t i = 0; i < 2; ++i) cluster.node(i).apply(cluster.mesh(cluster.node(i), false));
  cluster.run_for(seconds(10));
  EXPECT_EQ(cluster.node(0).sas(), 2U);
  EXPECT_TRUE(cluster.all_established());
}

TEST_F(ClusterTest, AWrongIssuerIsToldByWhoRefusesWithWhatToDo) {
  nodes(2);
  cluster.node(1).set_credentials("Other");
  cluster.boot_all();
  cluster.traffic_interval = milliseconds(100);
  cluster.run_for(seconds(5));
  const auto refuser = cluster.node(0).status("node2/v4");
  ASSERT_TRUE(refuser.last_failure);
  EXPECT_EQ(refuser.last_failure->reason, "UntrustedIssuer");
  EXPECT_EQ(refuser.last_failure->side, telemetry::Side::kLocal);
  EXPECT_THAT(refuser.last_failure->what_to_do, ::testing::HasSubstr("node2"));
  const auto refused = cluster.node(1).status("node1/v4");
  ASSERT_TRUE(refused.last_failure);
  EXPECT_EQ(refused.last_failure->side, telemetry::Side::kPeer);
  EXPECT_EQ(refused.last_failure->reason, "AuthenticationFailed");
  EXPECT_EQ(cluster.node(0).sas(), 0U);
  EXPECT_EQ(cluster.total().clear, 0U);
}

TEST_F(ClusterTest, AMissingSecretBlocksThatConnectionUntilItComes) {
  nodes(2);
  SimulatedNode& node = cluster.node(0);
  const auto whole = node.credentials;
  node.credentials = std::make_shared<Credentials>();
  cluster.boot_all();
  cluster.run_for(seconds(2));
  auto status = node.status("node2/v4");
  EXPECT_EQ(status.state, ConnectionState::kBlocked);
  ASSERT_TRUE(status.last_failure);
  EXPECT_EQ(status.last_failure->reason, "CredentialsMissing");
  EXPECT_THAT(status.last_failure->sentence, ::testing::HasSubstr("espalier-node"));
  EXPECT_TRUE(status.blocking);
  node.credentials = whole;
  node.apply(cluster.mesh(node));
  EXPECT_TRUE(cluster.run_until([&] { return cluster.all_established(); }, seconds(70)));
}

TEST_F(ClusterTest, ASecretThatGoesMissingLeavesTheSasAndSaysThatTheyAreOutdated) {
  nodes(2);
  cluster.boot_all();
  ASSERT_TRUE(cluster.run_until([&] { return cluster.all_established(); }, seconds(10)));
  SimulatedNode& node = cluster.node(0);
  const auto whole = node.credentials;
  node.credentials = std::make_shared<Credentials>();
  node.apply(cluster.mesh(node));
  cluster.run_for(seconds(2));
  auto status = node.status("node2/v4");
  EXPECT_EQ(status.state, ConnectionState::kOutdated);
  ASSERT_TRUE(status.last_failure);
  EXPECT_EQ(status.last_failure->reason, "CredentialsMissing");
  EXPECT_EQ(node.sas(), 2U);
  node.credentials = whole;
  node.apply(cluster.mesh(node));
  cluster.run_for(seconds(2));
  EXPECT_EQ(node.status("node2/v4").state, ConnectionState::kEstablished);
}

TEST_F(ClusterTest, BothEndsBeginAndOnePairRemains) {
  nodes(3);
  cluster.crypto_time = milliseconds(2);
  for (std::size_t i = 0; i < 3; ++i) {
    plan::NodePlan plan = cluster.mesh(cluster.node(i), true);
    for (auto& connection : plan.connections) connection.initiate = plan::Initiate::kInitiator;
    cluster.node(i).boot(plan);
  }
  cluster.traffic_interval = milliseconds(100);
  cluster.pod_traffic = true;
  EXPECT_TRUE(cluster.run_until([&] { return cluster.all_established(); }, seconds(5)));
  cluster.clear_tallies();
  busy();
  cluster.run_for(seconds(3));
  calm();
  cluster.run_for(seconds(30));
  expect_nothing_lost();
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(cluster.node(i).sas(), 8U);
}

TEST_F(ClusterTest, WhatOthersBreakIsSetRight) {
  nodes(2);
  establish();
  SimulatedNode& node = cluster.node(0);
  const auto before = *node.kernel.dump_policies();
  std::vector<dataplane::Step> steps;
  for (const auto& state : before) {
    steps.emplace_back(dataplane::DeletePolicy{id_of(state.policy)});
  }
  (void)node.kernel.meddle(steps);
  cluster.run_for(milliseconds(10));
  EXPECT_EQ(node.kernel.dump_policies()->size(), before.size());
  node.kernel.flush_policies();
  node.kernel.lose_events();
  cluster.run_for(seconds(2));
  EXPECT_EQ(node.kernel.dump_policies()->size(), before.size());
  EXPECT_GE(node.snapshot().kernel.repairs, before.size());

  steps.clear();
  const auto sas = node.kernel.dump_sas();
  for (const auto& state : *sas) steps.emplace_back(dataplane::DeleteSa{id_of(state.sa)});
  (void)node.kernel.meddle(steps);
  cluster.run_for(seconds(5));
  EXPECT_TRUE(cluster.all_established());
  cluster.clear_tallies();
  cluster.traffic_interval = milliseconds(50);
  cluster.run_for(seconds(1));
  expect_nothing_lost();
}

TEST_F(ClusterTest, DownRefusesThePeerAndKeepsTheBlockUntilUp) {
  nodes(2);
  establish();
  SimulatedNode& node = cluster.node(0);
  ASSERT_TRUE(node.controller().down(cluster.now(), "node2/v4"));
  EXPECT_FALSE(node.controller().down(cluster.now(), "nobody"));
  cluster.run_for(seconds(1));  // the Delete arrives
  cluster.traffic_interval = milliseconds(100);
  cluster.run_for(seconds(20));
  EXPECT_EQ(cluster.total().clear, 0U);
  EXPECT_EQ(cluster.total().delivered, 0U);
  EXPECT_EQ(node.status("node2/v4").state, ConnectionState::kDown);
  EXPECT_EQ(node.sas(), 0U);
  ASSERT_TRUE(node.controller().up(cluster.now(), "node2/v4"));
  EXPECT_TRUE(cluster.run_until([&] { return node.sas() == 2; }, seconds(2)));
}

TEST_F(ClusterTest, OnDemandWaitsForAPacketAndClosesWhenIdle) {
  nodes(2);
  for (std::size_t i = 0; i < 2; ++i) {
    plan::NodePlan plan = cluster.mesh(cluster.node(i));
    auto& child = plan.connections.front().children.front();
    child.establish = plan::Establish::kOnDemand;
    child.idle_timeout = minutes(1);
    cluster.node(i).boot(plan);
  }
  cluster.run_for(seconds(30));
  SimulatedNode& node = cluster.node(1);
  EXPECT_EQ(node.status("node1/v4").state, ConnectionState::kTrapped);
  EXPECT_EQ(node.sas(), 0U);
  cluster.send_packet(node, cluster.node(0), false);
  cluster.run_for(seconds(1));
  EXPECT_EQ(node.status("node1/v4").state, ConnectionState::kEstablished);
  cluster.send_packet(node, cluster.node(0), false);
  cluster.run_for(minutes(3));
  EXPECT_EQ(node.status("node1/v4").state, ConnectionState::kTrapped);
  EXPECT_EQ(node.sas(), 0U);
  EXPECT_EQ(cluster.node(0).sas(), 0U);
  const Tally& tally = cluster.tally(node, cluster.node(0));
  EXPECT_EQ(tally.clear, 0U);
  EXPECT_EQ(tally.delivered, 1U);  // the first one asked
  cluster.send_packet(node, cluster.node(0), false);
  cluster.run_for(seconds(1));
  EXPECT_EQ(node.sas(), 2U);
}

TEST_F(ClusterTest, PreferredPassesClearUntilAnSaStandsAndAgainWhenThePeerIsGone) {
  nodes(2);
  const auto preferred = [&](SimulatedNode& node) {
    plan::NodePlan plan = cluster.mesh(node, true);
    for (auto& child : plan.connections.front().children) {
      child.enforcement = plan::Enforcement::kPreferred;
      child.on_negotiation = plan::OnNegotiation::kPass;
      child.on_failure = plan::OnFailure::kPass;
    }
    return plan;
  };
  cluster.traffic_interval = milliseconds(100);
  cluster.pod_traffic = true;
  cluster.node(0).boot(preferred(cluster.node(0)));
  cluster.run_for(seconds(40));
  cluster.traffic_interval = Duration::zero();
  cluster.run_for(seconds(1));  // what is under way arrives
  EXPECT_EQ(cluster.total().delivered, cluster.total().sent) << text_of(cluster.total());
  EXPECT_EQ(cluster.total().clear, cluster.total().sent);

  cluster.traffic_interval = milliseconds(100);
  cluster.node(1).boot(preferred(cluster.node(1)));
  EXPECT_TRUE(cluster.run_until([&] { return cluster.all_established(); }, seconds(90)));
  cluster.run_for(seconds(5));
  cluster.clear_tallies();
  cluster.run_for(seconds(5));
  EXPECT_EQ(cluster.total().clear, 0U);
  EXPECT_GT(cluster.total().delivered, 100U);

  SimulatedNode& gone = cluster.node(1);
  gone.kill();
  gone.kernel.flush_sas();
  gone.kernel.flush_policies();
  ASSERT_TRUE(gone.guard.remove());
  cluster.run_for(minutes(1));
  cluster.clear_tallies();
  cluster.run_for(seconds(5));
  EXPECT_EQ(cluster.tally(cluster.node(0), gone).delivered,
            cluster.tally(cluster.node(0), gone).sent);
}

TEST_F(ClusterTest, ManyPeersAtOnceCostFewSystemCalls) {
  nodes(40);
  cluster.boot_all();
  EXPECT_TRUE(cluster.run_until([&] { return cluster.node(0).sas() == 78; }, seconds(5)));
  // 39 handshakes: an SPI, an inbound and an outbound SA each, and the policies of all.
  EXPECT_LT(cluster.node(0).kernel.calls(), 140U);
}

}  // namespace
}  // namespace espalier::tunnel::testing
