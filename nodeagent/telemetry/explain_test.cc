#include "nodeagent/telemetry/explain.h"

#include <gmock/gmock.h>

#include "nodeagent/telemetry/sample.h"

namespace espalier::telemetry {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> sentences(const Snapshot& snapshot, std::string_view query) {
  std::vector<std::string> out;
  for (const Explanation& each : explain(snapshot, query)) {
    out.push_back((each.wins ? "" : "shadowed: ") + each.sentence);
  }
  return out;
}

TEST(Explain, FindsWhatCoversAnAddress) {
  const Snapshot snapshot = sample_snapshot();
  EXPECT_THAT(
      sentences(snapshot, "10.244.2.7"),
      ElementsAre("10.244.1.0/24 to 10.244.2.0/24 is encrypted by child pods of node2/v4."));
  EXPECT_THAT(
      sentences(snapshot, "10.0.0.53"),
      ElementsAre("0.0.0.0/0 to 10.0.0.53/32 (UDP port 53) passes in clear: exemption outer-dns."));
  EXPECT_THAT(sentences(snapshot, "192.0.2.2"),
              ElementsAre("10.10.0.11/32 to 192.0.2.2/32 starts child db of edge/db with its first "
                          "packet."));
  EXPECT_THAT(sentences(snapshot, "203.0.113.9"), IsEmpty());
}

TEST(Explain, SaysForWhichPodsARuleIs) {
  Snapshot snapshot = sample_snapshot();
  CoverageRule* rule = nullptr;
  for (CoverageRule& each : snapshot.coverage) {
    if (each.child == "pods") rule = &each;
  }
  ASSERT_NE(rule, nullptr);
  CoverageRule rest = *rule;
  rest.enforcement = Enforcement::kBypass;
  rest.connection.clear();
  rule->pods = "web";
  snapshot.coverage.push_back(rest);
  EXPECT_THAT(
      sentences(snapshot, "10.244.2.7"),
      ElementsAre("10.244.1.0/24 to 10.244.2.0/24 for pods of IPsecPolicy web, all until it "
                  "is known which these are, is encrypted by child pods of node2/v4.",
                  "shadowed: 10.244.1.0/24 to 10.244.2.0/24 passes in clear."));
  snapshot.selected_pods = std::make_shared<const SelectedPods>(
      SelectedPods{{"web", {*IpAddress::parse("10.244.2.7")}}});
  EXPECT_THAT(
      sentences(snapshot, "10.244.2.7"),
      ElementsAre("10.244.1.0/24 to 10.244.2.0/24 for the pods that IPsecPolicy web selects, "
                  "among them 10.244.2.7, is encrypted by child pods of node2/v4.",
                  "shadowed: 10.244.1.0/24 to 10.244.2.0/24 passes in clear."));
  EXPECT_THAT(
      sentences(snapshot, "10.244.2.8"),
      ElementsAre("10.244.1.0/24 to 10.244.2.0/24 for the pods that IPsecPolicy web selects, "
                  "not 10.244.2.8 itself, is encrypted by child pods of node2/v4.",
                  "10.244.1.0/24 to 10.244.2.0/24 passes in clear."));
}

TEST(Explain, SaysWhyABlockedFlowIsBlocked) {
  EXPECT_THAT(
      sentences(sample_snapshot(), "10.10.0.13"),
      ElementsAre("10.10.0.11/32 to 10.10.0.13/32 is blocked until child nodes of node3/v4 stands; "
                  "the connection is Waiting (The certificate of node3.nodes.example.com is issued "
                  "by CN=Other CA, which this node does not trust.)."));
}

TEST(Explain, SaysThatPreferredPasses) {
  Snapshot snapshot = sample_snapshot();
  snapshot.coverage[3].enforcement = Enforcement::kPreferred;
  snapshot.connections[1].blocking = false;
  EXPECT_THAT(sentences(snapshot, "10.10.0.13"),
              ElementsAre("10.10.0.11/32 to 10.10.0.13/32 passes in clear until child nodes of "
                          "node3/v4 stands."));
}

TEST(Explain, SaysThatWhatIsReleasedPasses) {
  Snapshot snapshot = sample_snapshot();
  snapshot.coverage[3].released = true;
  snapshot.connections[1].released = true;
  EXPECT_THAT(sentences(snapshot, "10.10.0.13"),
              ElementsAre("10.10.0.11/32 to 10.10.0.13/32 passes in clear: somebody released it "
                          "by hand."));
}

TEST(Explain, FindsByEveryName) {
  const Snapshot snapshot = sample_snapshot();
  EXPECT_EQ(explain(snapshot, "node2/v4").size(), 2U);
  EXPECT_EQ(explain(snapshot, "node2").size(), 2U) << "the peer";
  EXPECT_EQ(explain(snapshot, "pods").size(), 1U) << "the child";
  EXPECT_EQ(explain(snapshot, "IPsecPolicy/cluster").size(), 4U);
  EXPECT_EQ(explain(snapshot, "cluster").size(), 4U);
  EXPECT_EQ(explain(snapshot, "edge/db").size(), 1U);
  EXPECT_THAT(explain(snapshot, "luster"), IsEmpty()) << "only whole names";
  EXPECT_THAT(explain(snapshot, ""), IsEmpty());
}

TEST(Explain, AnEarlierRuleShadowsALaterOne) {
  Snapshot snapshot;
  CoverageRule narrow;
  narrow.remote = *Prefix::parse("10.0.0.1/32");
  narrow.local = *Prefix::parse("0.0.0.0/0");
  narrow.protocol = 6;
  CoverageRule wide = narrow;
  wide.protocol = 0;
  wide.remote = *Prefix::parse("10.0.0.0/8");
  CoverageRule last = wide;
  last.local = *Prefix::parse("192.168.0.0/16");
  snapshot.coverage = {narrow, wide, last};
  std::vector<bool> wins;
  for (const Explanation& each : explain(snapshot, "10.0.0.1")) wins.push_back(each.wins);
  EXPECT_THAT(wins, ElementsAre(true, true, false)) << "TCP first, the rest by the second rule";
}

}  // namespace
}  // namespace espalier::telemetry
