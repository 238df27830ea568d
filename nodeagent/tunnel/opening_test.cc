// Nodes that somebody opens by hand, with an agent and without one.

#include "nodeagent/tunnel/release.h"
#include "nodeagent/tunnel/removal.h"
#include "nodeagent/tunnel/testing/cluster_fixture.h"

namespace espalier::tunnel::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class OpeningTest : public ClusterTest {
 protected:
  // Packets from the first node to the second within a second.
  Tally traffic() {
    cluster.clear_tallies();
    cluster.traffic_interval = milliseconds(100);
    cluster.pod_traffic = true;
    cluster.run_for(seconds(1));
    cluster.traffic_interval = Duration::zero();
    cluster.run_for(milliseconds(100));
    return cluster.tally(cluster.node(0), cluster.node(1));
  }
  plan::NodePlan plan_of(std::size_t index) { return cluster.mesh(cluster.node(index), true); }
  const Releases all_{{"", false, "", WallTime{}, {}}};
};

TEST_F(OpeningTest, AReleasedNodePassesInClearWhereNoSaStands) {
  nodes(2);
  cluster.node(0).boot(plan_of(0));
  cluster.run_for(seconds(5));
  Tally blocked = traffic();
  EXPECT_GT(blocked.sent, 0U);
  EXPECT_EQ(blocked.delivered, 0U) << text_of(blocked);

  cluster.node(0).apply(opened(plan_of(0), all_));
  cluster.run_for(seconds(1));
  Tally open = traffic();
  EXPECT_EQ(open.clear, open.sent) << text_of(open);
  EXPECT_FALSE(cluster.node(0).status("node2/v4").blocking);

  cluster.node(0).kill();
  cluster.node(0).boot(opened(plan_of(0), all_));
  cluster.run_for(seconds(1));
  open = traffic();
  EXPECT_EQ(open.clear, open.sent) << "after a restart: " << text_of(open);

  cluster.node(0).apply(plan_of(0));
  cluster.run_for(seconds(1));
  blocked = traffic();
  EXPECT_EQ(blocked.delivered, 0U) << text_of(blocked);
}

TEST_F(OpeningTest, APairThatWorksGoesOnByEspAndLosesNothing) {
  nodes(2);
  establish(true);
  busy();
  cluster.run_for(milliseconds(100));
  cluster.node(0).apply(opened(plan_of(0), all_));
  cluster.run_for(seconds(1));
  cluster.node(0).apply(plan_of(0));
  cluster.run_for(seconds(1));
  expect_nothing_lost();
  EXPECT_EQ(cluster.node(0).status("node2/v4").counters.handshakes, 1U);
}

TEST_F(OpeningTest, ReleasedInClearBothEndsSpeakWithoutSas) {
  nodes(2);
  establish(true);
  for (std::size_t i = 0; i < 2; ++i) cluster.node(i).apply(opened(plan_of(i), all_));
  ASSERT_TRUE(cluster.node(0).controller().down(cluster.now(), "node2/v4").has_value());
  cluster.run_for(seconds(2));
  const Tally open = traffic();
  EXPECT_EQ(open.clear, open.sent) << text_of(open);
  EXPECT_EQ(cluster.node(0).sas(), 0U);
}

TEST_F(OpeningTest, WithoutAnAgentWhatIsOursGoesAndNothingElse) {
  nodes(2);
  establish(true);
  SimulatedNode& node = cluster.node(0);
  node.kill();
  dataplane::Policy foreign;
  foreign.selector = {*Prefix::parse("192.0.2.0/24"), *Prefix::parse("198.51.100.0/24"), 0, 0, 0};
  foreign.priority = 7;
  ASSERT_TRUE(node.kernel.KernelIpsec::apply(dataplane::SetPolicy{foreign}));

  const auto removed = remove_ours(node.kernel, node.guard, node.journal);
  ASSERT_TRUE(removed) << removed.error().to_string();
  EXPECT_THAT(removed->troubles, ::testing::IsEmpty());
  EXPECT_GT(removed->policies, 0U);
  EXPECT_EQ(removed->sas, 4U);
  const auto left = node.kernel.dump_policies();
  ASSERT_EQ(left->size(), 1U);
  EXPECT_EQ(left->front().policy.selector, foreign.selector);
  EXPECT_EQ(node.sas(), 0U);
  const Tally open = traffic();
  EXPECT_EQ(open.clear, open.sent) << "the other end decides for itself: " << text_of(open);
}

TEST_F(OpeningTest, AJournalThatIsBrokenKeepsNothingFromGoing) {
  nodes(1);
  cluster.node(0).boot(plan_of(0));
  cluster.run_for(seconds(1));
  cluster.node(0).kill();
  const auto removed = remove_ours(cluster.node(0).kernel, cluster.node(0).guard, "not a journal");
  ASSERT_TRUE(removed);
  ASSERT_EQ(removed->troubles.size(), 1U);
  EXPECT_EQ(removed->troubles[0].where, "journal:1");
  EXPECT_THAT(*cluster.node(0).kernel.dump_policies(), ::testing::IsEmpty());
}

}  // namespace
}  // namespace espalier::tunnel::testing
