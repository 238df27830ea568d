#include <thread>

#include <gmock/gmock.h>

#include "nodeagent/telemetry/snapshot_cell.h"
#include "nodeagent/telemetry/traffic_ledger.h"

namespace espalier::telemetry {
namespace {

std::shared_ptr<const Snapshot> snapshot_of(const std::string& node) {
  Snapshot snapshot;
  snapshot.node = node;
  return std::make_shared<const Snapshot>(std::move(snapshot));
}

TEST(SnapshotNames, AreTheApiWords) {
  EXPECT_EQ(name_of(ConnectionState::kWaiting), "Waiting");
  EXPECT_EQ(name_of(ChildState::kDraining), "Draining");
  EXPECT_EQ(name_of(Enforcement::kPreferred), "Preferred");
  EXPECT_EQ(name_of(Direction::kForward), "fwd");
  EXPECT_EQ(name_of(Side::kNobody), "Nobody");
  EXPECT_EQ(esp_spi_text(0xc0ffee), "0x00c0ffee");
  EXPECT_EQ(ike_spi_text(0x1122334455667788), "0x1122334455667788");
  EXPECT_EQ(esp_spi_text(0), "");
}

TEST(SnapshotCell, KeepsWhatAReaderHolds) {
  SnapshotCell cell;
  EXPECT_EQ(cell.read(), nullptr);
  cell.publish(snapshot_of("first"));
  const auto held = cell.read();
  cell.publish(snapshot_of("second"));
  EXPECT_EQ(held->node, "first");
  EXPECT_EQ(cell.read()->node, "second");
}

TEST(SnapshotCell, FreshWithoutARequesterIsRead) {
  SnapshotCell cell;
  cell.publish(snapshot_of("first"));
  EXPECT_EQ(cell.fresh(std::chrono::hours(1))->node, "first");
}

TEST(SnapshotCell, FreshAsksAndGetsTheNextOne) {
  SnapshotCell cell;
  cell.publish(snapshot_of("old"));
  int requests = 0;
  cell.set_requester([&] {
    ++requests;
    cell.publish(snapshot_of("new"));
  });
  EXPECT_EQ(cell.fresh(std::chrono::hours(1))->node, "new");
  EXPECT_EQ(requests, 1);
}

TEST(SnapshotCell, FreshGivesTheOldOneWhenTheLoopIsSilent) {
  SnapshotCell cell;
  cell.publish(snapshot_of("old"));
  int requests = 0;
  cell.set_requester([&] { ++requests; });
  EXPECT_EQ(cell.fresh(Duration::zero())->node, "old");
  EXPECT_EQ(cell.fresh(Duration::zero())->node, "old");
  EXPECT_EQ(requests, 1) << "one request stands until the loop answers it";
}

TEST(SnapshotCell, RefreshTellsWhetherTheLoopAnswered) {
  SnapshotCell cell;
  EXPECT_FALSE(cell.refresh(std::chrono::hours(1))) << "nobody to ask, nothing there";
  cell.publish(snapshot_of("old"));
  EXPECT_TRUE(cell.refresh(std::chrono::hours(1)));
  cell.set_requester([] {});
  EXPECT_FALSE(cell.refresh(Duration::zero()));
}

TEST(SnapshotCell, ManyReadersOneWriter) {
  SnapshotCell cell;
  std::thread loop;
  cell.set_requester([&] { loop = std::thread([&] { cell.publish(snapshot_of("served")); }); });
  std::vector<std::thread> readers;
  std::vector<std::string> seen(4);
  cell.publish(snapshot_of("served"));
  for (std::string& name : seen) {
    readers.emplace_back([&] {
      for (int i = 0; i < 100; ++i) name = cell.read()->node;
    });
  }
  EXPECT_EQ(cell.fresh(std::chrono::hours(1))->node, "served");
  for (std::thread& reader : readers) reader.join();
  loop.join();
  EXPECT_THAT(seen, ::testing::Each("served"));
}

TEST(TrafficLedger, GrowsAcrossARekey) {
  TrafficLedger ledger;
  ledger.observe("pods", 1, {100, 1}, {200, 2});
  ledger.observe("pods", 1, {150, 2}, {200, 2});
  ledger.observe("pods", 2, {10, 1}, {0, 0});  // the new SA, beside the old one
  ledger.observe("pods", 1, {160, 3}, {200, 2});
  ledger.retire(1);
  ledger.observe("pods", 2, {20, 2}, {5, 1});
  ASSERT_EQ(ledger.totals().size(), 1U);
  EXPECT_EQ(ledger.totals()[0].in, (Traffic{180, 5}));
  EXPECT_EQ(ledger.totals()[0].out, (Traffic{205, 3}));
}

TEST(TrafficLedger, TakesFallenCountersForANewSa) {
  TrafficLedger ledger;
  ledger.observe("pods", 1, {100, 4}, {});
  ledger.observe("pods", 1, {30, 1}, {});
  EXPECT_EQ(ledger.totals()[0].in, (Traffic{130, 5}));
}

TEST(DurationHistogram, BoundsAreInclusive) {
  DurationHistogram histogram;
  histogram.observe(std::chrono::milliseconds(1));
  histogram.observe(std::chrono::microseconds(1001));
  histogram.observe(std::chrono::minutes(1));
  EXPECT_EQ(histogram.counts()[0], 1U);
  EXPECT_EQ(histogram.counts()[1], 1U);
  EXPECT_EQ(histogram.counts().back(), 1U);
  EXPECT_EQ(histogram.count(), 3U);
  EXPECT_NEAR(histogram.sum_seconds(), 60.002001, 1e-9);
}

}  // namespace
}  // namespace espalier::telemetry
