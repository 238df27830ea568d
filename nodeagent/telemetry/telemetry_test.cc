#include <atomic>
#include <semaphore>
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

TEST(SnapshotCell, FreshIsNullWhenTheLoopIsSilent) {
  SnapshotCell cell;
  cell.publish(snapshot_of("old"));
  int requests = 0;
  cell.set_requester([&] { ++requests; });
  EXPECT_EQ(cell.fresh(Duration::zero()), nullptr);
  EXPECT_EQ(cell.fresh(Duration::zero()), nullptr);
  EXPECT_EQ(requests, 1) << "one request stands until the loop answers it";
  cell.publish(snapshot_of("late"));
  EXPECT_EQ(cell.fresh(Duration::zero()), nullptr) << "an answer to an older question";
  EXPECT_EQ(requests, 2);
}

TEST(SnapshotCell, KeepsNothingOnDemand) {
  SnapshotCell cell;
  std::weak_ptr<const Snapshot> published;
  cell.set_requester([&] {
    const auto snapshot = snapshot_of("new");
    published = snapshot;
    cell.publish(snapshot);
  });
  auto held = cell.fresh(std::chrono::hours(1));
  EXPECT_EQ(held->node, "new");
  held.reset();
  EXPECT_TRUE(published.expired());
}

TEST(SnapshotCell, EveryCallerGetsAnAnswer) {
  SnapshotCell cell;
  std::counting_semaphore<> requests(0);
  std::atomic<bool> done = false;
  std::thread loop([&] {
    for (requests.acquire(); !done; requests.acquire()) cell.publish(snapshot_of("new"));
  });
  cell.set_requester([&] { requests.release(); });
  std::vector<std::thread> callers;
  std::atomic<int> answered = 0;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      for (int n = 0; n < 50; ++n) {
        if (cell.fresh(std::chrono::hours(1)) != nullptr) ++answered;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  done = true;
  requests.release();
  loop.join();
  EXPECT_EQ(answered.load(), 200);
}

TEST(SnapshotCell, ManyReadersOneWriter) {
  SnapshotCell cell;
  cell.publish(snapshot_of("served"));
  std::atomic<int> seen = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&] {
      for (int n = 0; n < 100; ++n) seen += cell.read()->node == "served" ? 1 : 0;
    });
  }
  for (int n = 0; n < 100; ++n) cell.publish(snapshot_of("served"));
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(seen.load(), 400);
}

TEST(TrafficLedger, GrowsAcrossARekey) {
  TrafficLedger ledger;
  ledger.observe("pods", 1, {100, 1}, {200, 2}, {1, 0});
  ledger.observe("pods", 1, {150, 2}, {200, 2}, {3, 1});
  ledger.observe("pods", 2, {10, 1}, {0, 0});  // the new SA, beside the old one
  ledger.observe("pods", 1, {160, 3}, {200, 2}, {3, 1});
  ledger.retire(1);
  ledger.observe("pods", 2, {20, 2}, {5, 1}, {0, 4});
  ASSERT_EQ(ledger.totals().size(), 1U);
  EXPECT_EQ(ledger.totals()[0].in, (Traffic{180, 5}));
  EXPECT_EQ(ledger.totals()[0].out, (Traffic{205, 3}));
  EXPECT_EQ(ledger.totals()[0].drops, (Drops{3, 5}));
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
