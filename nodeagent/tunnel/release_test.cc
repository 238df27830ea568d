#include "nodeagent/tunnel/release.h"

#include <gmock/gmock.h>

namespace espalier::tunnel {
namespace {

using plan::Enforcement;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

plan::ChildPlan child(const std::string& name, const std::string& policy) {
  plan::ChildPlan made;
  made.name = name;
  made.owner = {"IPsecPolicy", "", policy};
  return made;
}

// node2 by policy cluster, node3 with its pods by policy web, and a Tunnel.
plan::NodePlan sample() {
  plan::NodePlan plan;
  plan.node = "node1";
  plan.hash = "5f1d0a6c";
  plan.connections.resize(3);
  auto& node2 = plan.connections[0];
  node2.name = "node2/v4";
  node2.peer = "node2";
  node2.owner = {"IPsecPolicy", "", "cluster"};
  node2.children = {child("nodes", "cluster")};
  auto& node3 = plan.connections[1];
  node3.name = "node3/v4";
  node3.peer = "node3";
  node3.owner = {"IPsecPolicy", "", "cluster"};
  node3.children = {child("nodes", "cluster"), child("pods", "web")};
  auto& branch = plan.connections[2];
  branch.name = "edge/branch";
  branch.peer = "edge/branch";
  branch.owner = {"Tunnel", "edge", "branch"};
  branch.children = {child("branch", "")};
  branch.children.front().owner = branch.owner;
  return plan;
}

telemetry::Release release(const std::string& name, bool in_clear = false) {
  return {name, in_clear, "a drill", WallTime(std::chrono::seconds(1'795'543'200)), {}};
}

std::vector<std::string> blocking(const plan::NodePlan& plan) {
  std::vector<std::string> names;
  for (const auto& connection : plan.connections) {
    for (const auto& one : connection.children) {
      const bool blocks = one.enforcement == Enforcement::kRequired ||
                          one.on_negotiation == plan::OnNegotiation::kHold ||
                          one.on_failure == plan::OnFailure::kDrop;
      if (blocks) names.push_back(connection.name + " " + one.name);
    }
  }
  return names;
}

TEST(Release, WithoutOneThePlanIsAsItWas) {
  EXPECT_EQ(opened(sample(), {}), sample());
}

TEST(Release, OfTheNodeOpensEverythingAndKeepsTheHash) {
  const Releases all{release("")};
  const plan::NodePlan open = opened(sample(), all);
  EXPECT_THAT(blocking(open), IsEmpty());
  EXPECT_EQ(open.hash, sample().hash);
  EXPECT_THAT(connections_of(all[0], sample()), ElementsAre("node2/v4", "node3/v4", "edge/branch"));
}

TEST(Release, OpensWhatHasItsNameAndNothingElse) {
  const auto left = [](const char* name) {
    const Releases releases{release(name)};
    return blocking(opened(sample(), releases));
  };
  EXPECT_THAT(left("node2/v4"),
              ElementsAre("node3/v4 nodes", "node3/v4 pods", "edge/branch branch"));
  EXPECT_THAT(left("node3"), ElementsAre("node2/v4 nodes", "edge/branch branch"));
  EXPECT_THAT(left("IPsecPolicy/web"),
              ElementsAre("node2/v4 nodes", "node3/v4 nodes", "edge/branch branch"));
  EXPECT_THAT(left("edge/branch"),
              ElementsAre("node2/v4 nodes", "node3/v4 nodes", "node3/v4 pods"));
  EXPECT_THAT(left("nobody"), ElementsAre("node2/v4 nodes", "node3/v4 nodes", "node3/v4 pods",
                                          "edge/branch branch"));
}

TEST(Release, TakesSasAwayOnlyWhereNobodyStillNeedsThem) {
  const plan::NodePlan plan = sample();
  const Releases web{release("web", true)};
  EXPECT_FALSE(is_in_clear(plan.connections[1], web)) << "the nodes' child is not released";
  const Releases both{release("web", true), release("cluster", true)};
  EXPECT_TRUE(is_in_clear(plan.connections[1], both));
  const Releases kept{release("node3")};
  EXPECT_FALSE(is_in_clear(plan.connections[1], kept)) << "not asked for";
}

TEST(Release, StatusSaysWhatIsReleasedAndWhatThePlanAsksFor) {
  telemetry::Snapshot snapshot;
  for (const char* name : {"node2/v4", "node3/v4"}) {
    telemetry::ConnectionStatus status;
    status.name = name;
    status.enforcement = telemetry::Enforcement::kPreferred;
    snapshot.connections.push_back(status);
    telemetry::CoverageRule rule;
    rule.connection = name;
    rule.child = "nodes";
    rule.enforcement = telemetry::Enforcement::kPreferred;
    snapshot.coverage.push_back(rule);
  }
  const Releases releases{release("node2")};
  tell_releases(snapshot, sample(), releases);
  EXPECT_TRUE(snapshot.connections[0].released);
  EXPECT_EQ(snapshot.connections[0].enforcement, telemetry::Enforcement::kRequired);
  EXPECT_TRUE(snapshot.coverage[0].released);
  EXPECT_FALSE(snapshot.connections[1].released);
  EXPECT_EQ(snapshot.connections[1].enforcement, telemetry::Enforcement::kPreferred);
  EXPECT_FALSE(snapshot.coverage[1].released);
  ASSERT_EQ(snapshot.releases.size(), 1U);
  EXPECT_THAT(snapshot.releases[0].connections, ElementsAre("node2/v4"));
}

TEST(Release, ComesBackAsItWasWritten) {
  Releases releases{release(""), release("Tunnel/edge/branch", true)};
  releases[1].why = "";
  const auto decoded = decode_releases(encode(releases));
  ASSERT_TRUE(decoded) << decoded.error().to_string();
  EXPECT_EQ(*decoded, releases);
  EXPECT_EQ(encode({}), "");
  EXPECT_THAT(*decode_releases(""), IsEmpty());
}

TEST(Release, ALineThatIsBrokenIsNamed) {
  const auto broken = [](const std::string& line) {
    const auto decoded = decode_releases("espalier-releases\t1\n" + line + "\n");
    return decoded ? std::string("taken") : decoded.error().where;
  };
  const std::string good = "release\t1795543200\tin-clear\tnode2\t";
  EXPECT_EQ(broken(good), "taken");
  EXPECT_EQ(broken(good + "\n" + good), "releases:3");
  EXPECT_EQ(broken("release\t1795543200\tin-clear\tnode2"), "releases:2");
  EXPECT_EQ(broken("release\t-1\tin-clear\tnode2\t"), "releases:2");
  EXPECT_EQ(broken("release\t1795543200\tperhaps\tnode2\t"), "releases:2");
  EXPECT_EQ(decode_releases("espalier-releases\t2\n").error().code, Code::kUnsupported);
  EXPECT_EQ(decode_releases("\x7f\x45\x4c\x46").error().code, Code::kInvalid);
}

}  // namespace
}  // namespace espalier::tunnel
