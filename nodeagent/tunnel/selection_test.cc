// Pods selected by sets, between whole nodes: what the sets say decides, policies stay as they are.
#include "nodeagent/tunnel/testing/cluster_fixture.h"

namespace espalier::tunnel::testing {
namespace {

using std::chrono::seconds;

class SelectionTest : public ClusterTest {
 protected:
  // Two nodes whose policy web is for some pods only.
  void SetUp() override {
    nodes(2);
    for (std::size_t i = 0; i < 2; ++i) cluster.node(i).boot(plan_of(cluster.node(i)));
  }
  plan::NodePlan plan_of(const SimulatedNode& self) {
    plan::NodePlan plan = cluster.mesh(self, true);
    for (auto& connection : plan.connections) {
      connection.children.erase(connection.children.begin());  // "nodes"
      auto& child = connection.children.front();
      child.name = "pods/web";
      for (auto& rule : child.rules) rule.selector.pods = "web";
    }
    return plan;
  }
  [[nodiscard]] static IpAddress pod_of(const SimulatedNode& node) {
    return node.pods().address().next();
  }
  // Who web's pods are, by the agents' own hearing.
  void choose(std::optional<std::vector<IpAddress>> pods) {
    for (std::size_t i = 0; i < 2; ++i) choose(i, pods);
  }
  void choose(std::size_t node, std::optional<std::vector<IpAddress>> pods) {
    std::optional<plan::PodsOfPolicies> known;
    if (pods) known = {{"web", *pods}};
    cluster.node(node).controller().set_pods(cluster.now(), std::move(known));
    cluster.node(node).controller().pump(cluster.now());
  }
  void establish() {
    ASSERT_TRUE(cluster.run_until([&] { return cluster.all_established(); }, seconds(20)));
  }
  // One packet from node1's pod to node2's.
  Tally send() {
    cluster.clear_tallies();
    cluster.send_packet(cluster.node(0), cluster.node(1), true);
    cluster.run_for(seconds(1));
    return cluster.tally(cluster.node(0), cluster.node(1));
  }
};

TEST_F(SelectionTest, SetsDecideAndPoliciesStay) {
  establish();
  choose(std::vector<IpAddress>{});
  EXPECT_EQ(text_of(send()), "sent 1 delivered 1 clear 1");
  const auto before = cluster.node(0).kernel.dump_policies();
  for (const std::size_t node : {0U, 1U}) {
    choose(std::vector{pod_of(cluster.node(node))});
    EXPECT_EQ(text_of(send()), "sent 1 delivered 1 clear 0") << "either end is enough";
  }
  const auto after = cluster.node(0).kernel.dump_policies();
  ASSERT_TRUE(before && after);
  ASSERT_EQ(before->size(), after->size());
  for (std::size_t i = 0; i < before->size(); ++i)
    EXPECT_EQ((*before)[i].policy, (*after)[i].policy);
  choose(std::vector<IpAddress>{});
  EXPECT_EQ(text_of(send()), "sent 1 delivered 1 clear 1");
}

TEST_F(SelectionTest, UntilSomebodyKnowsThePodsAllAreTaken) {
  establish();
  EXPECT_EQ(text_of(send()), "sent 1 delivered 1 clear 0");
  cluster.node(1).kernel.flush_sas();
  cluster.node(0).kernel.flush_sas();
  cluster.linked = [](const auto&, const auto&) { return false; };
  EXPECT_EQ(send().clear, 0U);
}

TEST_F(SelectionTest, WithoutAnSaOnlyTheSelectedAreBlocked) {
  cluster.allow = [](const ike::Datagram&) { return false; };
  choose(std::vector{pod_of(cluster.node(1))});
  EXPECT_EQ(text_of(send()), "sent 1 delivered 0 clear 0 XfrmOutNoStates 1");
  choose(std::vector<IpAddress>{});
  EXPECT_EQ(text_of(send()), "sent 1 delivered 1 clear 1");
}

TEST_F(SelectionTest, AReceiverWhoseSetIsBehindTakesWhatCameByEsp) {
  establish();
  choose(0, std::vector{pod_of(cluster.node(0))});
  choose(1, std::vector<IpAddress>{});
  EXPECT_EQ(text_of(send()), "sent 1 delivered 1 clear 0");
}

TEST_F(SelectionTest, AReceiverStopsWhatASenderWhoseSetIsBehindSends) {
  establish();
  choose(0, std::vector<IpAddress>{});
  choose(1, std::vector{pod_of(cluster.node(0))});
  const Tally tally = send();
  EXPECT_EQ(tally.delivered, 0U) << text_of(tally);
}

TEST_F(SelectionTest, AnAgentThatComesBackFindsItsGroupsAndSas) {
  establish();
  choose(std::vector<IpAddress>{});
  SimulatedNode& node = cluster.node(1);
  const auto before = node.kernel.dump_policies();
  node.kill();
  node.boot(plan_of(node));
  EXPECT_EQ(node.count_events("SasAdopted"), 1U);
  EXPECT_EQ(node.guard.rules()->groups.at(0).pods, std::nullopt) << "it has not heard of any yet";
  EXPECT_EQ(text_of(send()), "sent 1 delivered 0 clear 1 XfrmInTmplMismatch 1")
      << "until it has, all is required";
  choose(1, std::vector<IpAddress>{});
  EXPECT_EQ(text_of(send()), "sent 1 delivered 1 clear 1");
  const auto after = node.kernel.dump_policies();
  ASSERT_EQ(before->size(), after->size());
  for (std::size_t i = 0; i < before->size(); ++i)
    EXPECT_EQ((*before)[i].policy, (*after)[i].policy);
}

TEST_F(SelectionTest, SasWriteWhatTheirGroupIsNow) {
  establish();
  const auto written = [&] {
    const auto dumped = cluster.node(0).kernel.dump_sas();
    for (const auto& state : *dumped) {
      if (!state.larval && state.sa.direction == dataplane::Direction::kIn)
        return state.sa.mark_written;
    }
    return std::optional<dataplane::Mark>();
  };
  EXPECT_EQ(written(), (dataplane::Mark{0xe00, 0x1f00}));
  plan::NodePlan preferred = plan_of(cluster.node(0));
  for (auto& connection : preferred.connections)
    connection.children.front().enforcement = plan::Enforcement::kPreferred;
  cluster.node(0).apply(preferred);
  EXPECT_EQ(written(), (dataplane::Mark{0x1e00, 0x1f00}));
}

}  // namespace
}  // namespace espalier::tunnel::testing
