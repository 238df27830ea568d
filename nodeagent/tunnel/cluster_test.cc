// Nodes that keep each other's traffic encrypted: what is lost, what leaks, and what is said about
// it.
#include "nodeagent/tunnel/testing/cluster.h"

#include <cstdlib>
#include <iostream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier::tunnel::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using telemetry::ConnectionState;

std::string text_of(const Tally& tally) {
  std::string text = "sent " + std::to_string(tally.sent) + " delivered " +
                     std::to_string(tally.delivered) + " clear " + std::to_string(tally.clear);
  for (const auto& [why, count] : tally.lost) text += " " + why + " " + std::to_string(count);
  return text;
}

class ClusterTest : public ::testing::Test {
 protected:
  // ESPALIER_TRACE=1 prints what happens.
  void nodes(int count) {
    if (std::getenv("ESPALIER_TRACE") != nullptr) {
      cluster.trace = [](const std::string& line) { std::cout << line << "\n"; };
    }
    for (int i = 1; i <= count; ++i) cluster.add("node" + std::to_string(i));
  }
  void establish(bool pods = false) {
    cluster.boot_all(pods);
    ASSERT_TRUE(cluster.run_until([&] { return cluster.all_established(); }, seconds(20)));
    cluster.run_for(seconds(5));  // SAs of a crossing are gone
    cluster.clear_tallies();
  }
  // Packets close enough that no gap escapes them, and packets that just keep things going.
  void busy() {
    cluster.traffic_interval = milliseconds(1);
    cluster.pod_traffic = true;
  }
  void calm() {
    cluster.run_for(seconds(1));
    cluster.traffic_interval = milliseconds(200);
  }
  void expect_nothing_lost() {
    cluster.traffic_interval = Duration::zero();
    cluster.run_for(seconds(1));
    const Tally total = cluster.total();
    EXPECT_GT(total.sent, 0U);
    EXPECT_EQ(total.delivered, total.sent) << text_of(total);
    EXPECT_EQ(total.clear, 0U);
  }

  Cluster cluster;
};

TEST_F(ClusterTest, ThreeNodesEncryptAndNothingLeavesInClearBefore) {
  nodes(3);
  cluster.traffic_interval = milliseconds(10);
  cluster.pod_traffic = true;
  cluster.boot_all(true);
  EXPECT_TRUE(cluster.run_until([&] { return cluster.all_established(); }, seconds(20)));
  EXPECT_EQ(cluster.total().clear, 0U);
  cluster.clear_tallies();
  cluster.run_for(seconds(2));
  expect_nothing_lost();
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(cluster.node(i).sas(), 8U);
}

TEST_F(ClusterTest, OneEndBeginsAndTheOtherDoesNot) {
  nodes(2);
  cluster.boot_all();
  cluster.run_for(seconds(10));
  EXPECT_EQ(cluster.node(0).count_events("ConnectionStarted"), 1U);
  EXPECT_EQ(cluster.node(1).count_events("ConnectionStarted"), 0U);
  EXPECT_EQ(cluster.node(0).status("node2/v4").counters.handshakes, 1U);
}

TEST_F(ClusterTest, RekeysLoseNothing) {
  nodes(2);
  cluster.child_lifetime = minutes(1);
  cluster.ike_lifetime = minutes(4);
  establish(true);
  cluster.traffic_interval = milliseconds(5);
  cluster.pod_traffic = true;
  cluster.run_for(minutes(10));
  const auto status = cluster.node(0).status("node2/v4");
  EXPECT_GE(status.counters.child_rekeys, 8U);
  EXPECT_GE(status.counters.ike_rekeys + cluster.node(1).status("node1/v4").counters.ike_rekeys,
            1U);
  expect_nothing_lost();
  EXPECT_EQ(cluster.node(0).sas(), 4U);
}

TEST_F(ClusterTest, RequiredBlocksWhileThePeersAgentIsNotThere) {
  nodes(2);
  cluster.traffic_interval = milliseconds(100);
  cluster.node(0).boot(cluster.mesh(cluster.node(0)));
  cluster.run_for(minutes(2));
  const auto waits = [&] {
    return cluster.node(0).status("node2/v4").state == ConnectionState::kWaiting;
  };
  EXPECT_TRUE(cluster.run_until(waits, seconds(15)));
  const Tally& out = cluster.tally(cluster.node(0), cluster.node(1));
  EXPECT_GT(out.sent, 1000U);
  EXPECT_EQ(out.clear, 0U);
  EXPECT_EQ(out.delivered, 0U);
  // The other node has no agent: it sends in clear, and that is refused here.
  const Tally& in = cluster.tally(cluster.node(1), cluster.node(0));
  EXPECT_GT(in.clear, 1000U);
  EXPECT_EQ(in.delivered, 0U);

  const auto status = cluster.node(0).status("node2/v4");
  EXPECT_EQ(status.state, ConnectionState::kWaiting);
  EXPECT_TRUE(status.blocking);
  ASSERT_TRUE(status.last_failure);
  EXPECT_EQ(status.last_failure->reason, "Timeout");
  EXPECT_EQ(status.last_failure->side, telemetry::Side::kNobody);
  EXPECT_FALSE(status.last_failure->what_to_do.empty());
  ASSERT_TRUE(status.retry_at);
}

TEST_F(ClusterTest, AKilledAgentsTrafficGoesOnAndItsSuccessorTakesOverWithoutLoss) {
  nodes(2);
  establish(true);
  busy();
  cluster.run_for(seconds(1));
  SimulatedNode& victim = cluster.node(1);  // the one that would not begin
  victim.kill();
  cluster.run_for(seconds(3));
  victim.boot(cluster.mesh(victim, true));
  EXPECT_EQ(victim.count_events("SasAdopted"), 1U);
  EXPECT_EQ(victim.status("node1/v4").children.front().state, telemetry::ChildState::kAdopted);
  EXPECT_TRUE(cluster.run_until([&] { return cluster.all_established(); }, seconds(1)));
  calm();
  cluster.run_for(minutes(2));
  expect_nothing_lost();
  EXPECT_EQ(victim.sas(), 4U);
  EXPECT_EQ(cluster.node(0).sas(), 4U);
}

TEST_F(ClusterTest, BothAgentsKilledAtOnceAndNothingIsLost) {
  nodes(2);
  establish(true);
  busy();
  cluster.run_for(seconds(1));
  cluster.node(0).kill();
  cluster.node(1).kill();
  cluster.run_for(seconds(2));
  cluster.boot_all(true);
  EXPECT_TRUE(cluster.run_until([&] { return cluster.all_established(); }, seconds(2)));
  calm();
  cluster.run_for(minutes(2));
  expect_nothing_lost();
  EXPECT_EQ(cluster.node(0).sas(), 4U);
  EXPECT_EQ(cluster.node(1).sas(), 4U);
}

}  // namespace
}  // namespace espalier::tunnel::testing
