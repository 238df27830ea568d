// A thousand clients of one API server that is away for an hour, by a virtual clock.
#include <iostream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kube/informer.h"
#include "kube/testing/fake_api_server.h"
#include "kube/testing/manual_executor.h"
#include "kube/testing/network_path.h"

namespace espalier::kube {
namespace {

using namespace std::chrono_literals;
using testing::NetworkPath;
using testing::peak_within;

constexpr std::size_t kClients = 1000;
constexpr Duration kLongestWait = 30s;  // of the back-off

class Fleet {
 public:
  explicit Fleet(std::uint64_t seed) {
    for (int i = 0; i < 5; ++i) put(fmt::format("node{}", i));
    Jitter seeds(seed);
    for (std::size_t i = 0; i < kClients; ++i) {
      informers_.push_back(
          std::make_unique<Informer>(path_, executor_, WatchSpec{nodes(), {}, {}}, seeds.next()));
      informers_.back()->start();
    }
    executor_.advance(1min);
    (void)path_.take_asked();
  }

  void put(const std::string& name) { server_.put(nodes(), {{"metadata", {{"name", name}}}}); }

  // An hour in which nobody reaches the server, and things change.
  void away(Duration time, bool forgets) {
    path_.cut();
    executor_.advance(time);
    put("new");
    server_.remove(nodes(), {"", "node3"});
    if (forgets) server_.compact();
  }
  void back() {
    path_.mend();
    executor_.advance(2min);
  }

  [[nodiscard]] std::size_t that_know_all() const {
    std::size_t count = 0;
    for (const auto& informer : informers_) {
      const auto store = informer->store();
      if (store->size() == 5 && store->find("new") && !store->find("node3")) ++count;
    }
    return count;
  }

  // When what was asked, since the last time it was looked at.
  struct Times {
    std::vector<TimePoint> all;
    std::vector<TimePoint> sets;
    std::size_t arrived = 0;
  };
  Times times() {
    Times times;
    for (const auto& asked : path_.take_asked()) {
      times.all.push_back(asked.at);
      if (asked.what == NetworkPath::Ask::kSet) times.sets.push_back(asked.at);
      if (asked.arrived) ++times.arrived;
    }
    return times;
  }
  // Without the first rush, in which everybody notices.
  static std::vector<TimePoint> after(const std::vector<TimePoint>& times, Duration since) {
    std::vector<TimePoint> later;
    for (const TimePoint time : times) {
      if (time >= times.front() + since) later.push_back(time);
    }
    return later;
  }

 private:
  testing::FakeApiServer server_;
  testing::ManualExecutor executor_;
  NetworkPath path_{server_, executor_};
  std::vector<std::unique_ptr<Informer>> informers_;
};

// Everybody waits for 3 to 30 s, 16.5 s on average: 61 of them in a second.
constexpr std::size_t kBearable = 100;

TEST(FleetTest, AnHourAwayAndEverybodyGoesOnWhereItWas) {
  for (const std::uint64_t seed : {1U}) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Fleet fleet(seed);
    fleet.away(1h, false);
    const auto away = fleet.times();
    EXPECT_EQ(away.arrived, 0U);
    const std::size_t knocking = peak_within(Fleet::after(away.all, 1min), 1s);
    EXPECT_LT(knocking, kBearable);
    EXPECT_GT(away.all.size(), kClients * (1h / kLongestWait)) << "nobody gave up";

    fleet.back();
    EXPECT_EQ(fleet.that_know_all(), kClients);
    const auto back = fleet.times();
    EXPECT_EQ(back.sets.size(), 0U) << "a watch goes on; nothing is listed";
    EXPECT_EQ(back.all.size(), kClients);
    EXPECT_LT(peak_within(back.all, 1s), kBearable);
    std::cout << fmt::format("seed {}: away, at most {} requests a second; back, {}\n", seed,
                             knocking, peak_within(back.all, 1s));
  }
}

TEST(FleetTest, AnHourAwayAndTheServerHasForgottenEverybodysPlace) {
  for (const std::uint64_t seed : {3U}) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Fleet fleet(seed);
    fleet.away(1h, true);
    (void)fleet.times();
    fleet.back();
    EXPECT_EQ(fleet.that_know_all(), kClients);
    const auto back = fleet.times();
    EXPECT_EQ(back.sets.size(), kClients) << "one list each";
    EXPECT_EQ(back.all.size(), 2 * kClients) << "and the watch that was refused";
    EXPECT_LT(peak_within(back.sets, 1s), kBearable);
    EXPECT_LT(peak_within(back.all, 1s), kBearable);
    std::cout << fmt::format("seed {}: back, at most {} requests and {} lists a second\n", seed,
                             peak_within(back.all, 1s), peak_within(back.sets, 1s));
  }
}

// A restart: nobody has waited for long yet when the server answers again, and with 410.
TEST(FleetTest, ShortlyAwayAndForgottenIsNoStormEither) {
  for (const std::uint64_t seed : {5U}) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Fleet fleet(seed);
    fleet.away(5s, true);
    (void)fleet.times();
    fleet.back();
    EXPECT_EQ(fleet.that_know_all(), kClients);
    const auto back = fleet.times();
    EXPECT_EQ(back.sets.size(), kClients);
    EXPECT_LT(peak_within(back.sets, 1s), 4 * kBearable);
    std::cout << fmt::format("seed {}: back after 5 s, at most {} requests and {} lists a second\n",
                             seed, peak_within(back.all, 1s), peak_within(back.sets, 1s));
  }
}

}  // namespace
}  // namespace espalier::kube
