// Encryption turned on and off under traffic, one node after the other: nothing is lost.
#include <array>

#include "nodeagent/tunnel/testing/cluster_fixture.h"

namespace espalier::tunnel::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

enum class Policy : std::uint8_t { kNone, kPreferred, kRequired };

// Which node turns first.
class TurningTest : public ClusterTest, public ::testing::WithParamInterface<std::size_t> {
 protected:
  void SetUp() override {
    nodes(2);
    cluster.crypto_time = milliseconds(100);  // an end that is slow to believe the other
    for (std::size_t i = 0; i < 2; ++i) cluster.node(i).boot(plan(i, Policy::kNone));
    busy();
    cluster.run_for(seconds(1));
    cluster.clear_tallies();
    for (std::size_t i = 0; i < 2; ++i)
      policies_[i] = cluster.node(i).kernel.dump_policies()->size();
  }
  plan::NodePlan plan(std::size_t node, Policy policy) {
    plan::NodePlan plan = cluster.mesh(cluster.node(node), true);
    if (policy == Policy::kNone) plan.connections.clear();
    for (auto& connection : plan.connections) {
      for (auto& child : connection.children) {
        child.enforcement = policy == Policy::kRequired ? plan::Enforcement::kRequired
                                                        : plan::Enforcement::kPreferred;
        if (policy == Policy::kRequired) continue;
        child.on_negotiation = plan::OnNegotiation::kPass;
        child.on_failure = plan::OnFailure::kPass;
      }
    }
    return plan;
  }
  void turn(Policy policy) {
    for (const std::size_t node : {GetParam(), 1 - GetParam()}) {
      cluster.node(node).apply(plan(node, policy));
      cluster.run_for(seconds(3));
    }
    cluster.run_for(seconds(5));
  }
  void expect_all_arrived() {
    const Tally total = cluster.total();
    EXPECT_GT(total.sent, 0U);
    EXPECT_EQ(total.lost_total(), 0U) << text_of(total);
    cluster.clear_tallies();
  }

  std::array<std::size_t, 2> policies_{};  // without any policy of a user's: the plan's exemptions
};

TEST_P(TurningTest, NoPolicyToPreferred) {
  turn(Policy::kPreferred);
  expect_all_arrived();
  cluster.run_for(seconds(1));
  EXPECT_EQ(cluster.total().clear, 0U);
}

// A node that is busy needs seconds to believe the other, which has its SAs by then.
TEST_P(TurningTest, NoPolicyToPreferredWhereOneEndIsBusy) {
  const auto one_has_sas = [&] {
    return cluster.node(0).count_events("ChildUp") + cluster.node(1).count_events("ChildUp") > 0;
  };
  for (const std::size_t node : {GetParam(), 1 - GetParam()})
    cluster.node(node).apply(plan(node, Policy::kPreferred));
  EXPECT_TRUE(cluster.run_until(one_has_sas, seconds(10)));
  cluster.crypto_time = seconds(9);
  cluster.run_for(seconds(30));
  cluster.crypto_time = milliseconds(100);
  cluster.run_for(seconds(60));
  expect_all_arrived();
  cluster.run_for(seconds(1));
  EXPECT_EQ(cluster.total().clear, 0U);
}

TEST_P(TurningTest, PreferredToRequiredAndBack) {
  turn(Policy::kPreferred);
  cluster.clear_tallies();
  turn(Policy::kRequired);
  turn(Policy::kPreferred);
  EXPECT_EQ(cluster.total().clear, 0U);
  expect_all_arrived();
}

TEST_P(TurningTest, PreferredToNoPolicy) {
  turn(Policy::kPreferred);
  cluster.clear_tallies();
  turn(Policy::kNone);
  expect_all_arrived();
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(cluster.node(i).sas(), 0U);
    EXPECT_EQ(cluster.node(i).kernel.dump_policies()->size(), policies_[i]);
    cluster.node(i).controller().stop(cluster.now(), true);
    EXPECT_THAT(*cluster.node(i).kernel.dump_policies(), ::testing::IsEmpty());
    EXPECT_EQ(cluster.node(i).guard.counts().error().code, Code::kNotFound);
  }
}

INSTANTIATE_TEST_SUITE_P(First, TurningTest, ::testing::Values(0U, 1U));

}  // namespace
}  // namespace espalier::tunnel::testing
