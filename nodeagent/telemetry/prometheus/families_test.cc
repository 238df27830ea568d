#include "nodeagent/telemetry/prometheus/families.h"

#include <fstream>
#include <set>
#include <sstream>

#include <gmock/gmock.h>
#include <prometheus/text_serializer.h>

#include "nodeagent/telemetry/sample.h"
#include "tests/source_dir.h"

namespace espalier::telemetry {
namespace {

using ::testing::AnyOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

std::string text_of(Families& families, const Snapshot& snapshot) {
  std::ostringstream text;
  const prometheus::TextSerializer serializer;
  families.for_each(snapshot, [&](const prometheus::MetricFamily& family) {
    serializer.Serialize(text, {family});
  });
  return text.str();
}

TEST(Metrics, TheWholeTextPerPeer) {
  Families families(PeerSeries::kOn);
  std::istringstream made(text_of(families, sample_snapshot()));
  std::ifstream wanted(espalier::source_dir() +
                       "/nodeagent/telemetry/prometheus/per_peer.golden.txt");
  std::string made_line;
  std::string wanted_line;
  while (std::getline(wanted, wanted_line)) {
    ASSERT_TRUE(std::getline(made, made_line)) << "missing: " << wanted_line;
    ASSERT_EQ(made_line, wanted_line);
  }
  EXPECT_FALSE(std::getline(made, made_line)) << "too much: " << made_line;
}

TEST(Metrics, NamesAndTypesFollowPrometheus) {
  Families families(PeerSeries::kOn);
  std::set<std::string> names;
  families.for_each(sample_snapshot(), [&](const prometheus::MetricFamily& family) {
    EXPECT_TRUE(names.insert(family.name).second) << family.name << " twice";
    EXPECT_THAT(family.name, MatchesRegex("(ipsec|process)_[a-z_]+"));
    EXPECT_FALSE(family.help.empty()) << family.name;
    const bool counter = family.type == prometheus::MetricType::Counter;
    if (counter) {
      EXPECT_THAT(family.name, EndsWith("_total"));
    } else {
      EXPECT_THAT(family.name, Not(EndsWith("_total")));
    }
  });
}

TEST(Metrics, NoPeerIsNamedWhenSeriesPerPeerAreOff) {
  Families families(PeerSeries::kOff);
  const std::string text = text_of(families, sample_snapshot());
  EXPECT_THAT(text, Not(HasSubstr("node2")));
  EXPECT_THAT(text,
              HasSubstr("ipsec_traffic_bytes_total{child=\"nodes\",direction=\"out\"} 4000000\n"));
  EXPECT_THAT(text, HasSubstr("ipsec_handshakes_total{result=\"failed\"} 4\n"));
}

TEST(Metrics, LabelsAreEscaped) {
  Families families(PeerSeries::kOn);
  Snapshot snapshot = sample_snapshot();
  snapshot.connections[0].peer = "a\"b\\c\nd";
  EXPECT_THAT(text_of(families, snapshot), HasSubstr("peer=\"a\\\"b\\\\c\\nd\""));
}

TEST(ConnectionSums, NeverFall) {
  ConnectionSums sums;
  Snapshot snapshot;
  ConnectionStatus one;
  one.name = "one";
  one.counters.handshakes = 5;
  one.totals = {{"nodes", {100, 10}, {50, 5}, {1, 2}}};
  ConnectionStatus two = one;
  two.name = "two";
  snapshot.connections = {one, two};
  EXPECT_EQ(sums.take(snapshot).in.at("nodes"), (Traffic{200, 20}));
  snapshot.connections = {two};  // one left the cluster
  EXPECT_EQ(sums.take(snapshot).in.at("nodes"), (Traffic{200, 20}));
  one.totals = {{"nodes", {7, 1}, {}, {0, 1}}};  // and came back
  one.counters.handshakes = 1;
  snapshot.connections = {one, two};
  EXPECT_EQ(sums.take(snapshot).in.at("nodes"), (Traffic{207, 21}));
  EXPECT_EQ(sums.take(snapshot).counters.handshakes, 11U);
  EXPECT_EQ(sums.take(snapshot).drops.at("nodes"), (Drops{2, 5}));
}

}  // namespace
}  // namespace espalier::telemetry
