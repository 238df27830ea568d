// Nodes that keep each other's traffic encrypted: what is lost, what leaks, and what is said about
// it.
#include <cstdlib>
#include <iostream>

#include "nodeagent/tunnel/testing/cluster_fixture.h"

namespace espalier::tunnel::testing {

bool tracing() {
  return std::getenv("ESPALIER_TRACE") != nullptr;
}
void print(const std::string& line) {
  std::cout << line << std::endl;
}

namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using telemetry::ConnectionState;

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

}  // namespace
}  // namespace espalier::tunnel::testing
