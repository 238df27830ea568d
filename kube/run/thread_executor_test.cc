#include "kube/run/thread_executor.h"

#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/process/clock.h"
#include "kube/informer.h"
#include "kube/testing/fake_api_server.h"

namespace espalier::kube {
namespace {

using namespace std::chrono_literals;
constexpr auto kSoon = 20s;

TEST(ThreadExecutor, RunsTasksInOrderAndTimersInTheirs) {
  ThreadExecutor executor("test");
  std::vector<int> order;
  std::promise<void> done;
  const TimePoint now = executor.now();
  executor.at(now + 30ms, [&] {
    order.push_back(4);
    done.set_value();
  });
  executor.at(now + 20ms, [&] { order.push_back(3); });
  executor.cancel(executor.at(now + 10ms, [&] { order.push_back(-1); }));
  executor.post([&] { order.push_back(1); });
  executor.post([&] { order.push_back(2); });
  ASSERT_EQ(done.get_future().wait_for(kSoon), std::future_status::ready);
  executor.stop();
  EXPECT_THAT(order, ::testing::ElementsAre(1, 2, 3, 4));
}

TEST(ThreadExecutor, StopEndsAndDestroysWhatWaits) {
  ThreadExecutor executor("test");
  const auto held = std::make_shared<int>(0);
  executor.at(executor.now() + 1h, [held] {});
  EXPECT_TRUE(executor.run([&] { executor.post([held] {}); }));
  executor.stop();
  EXPECT_EQ(held.use_count(), 1);
  executor.post([held] {});
  EXPECT_EQ(executor.at(executor.now(), [held] {}), 0U);
  EXPECT_FALSE(executor.run([] {}));
  EXPECT_EQ(held.use_count(), 1);
}

TEST(ThreadExecutor, CarriesAnInformer) {
  testing::FakeApiServer server;
  ThreadExecutor executor("test");
  server.put(nodes(), {{"metadata", {{"name", "a"}}}});
  auto informer = std::make_unique<Informer>(server, executor, WatchSpec{nodes(), {}, {}}, 1);
  std::promise<void> synced;
  std::promise<std::string> added;
  ASSERT_TRUE(executor.run([&] {
    informer->on_synced([&] { synced.set_value(); });
    informer->on_change([&](const Change& change) {
      if (change.key().name == "b") added.set_value(change.key().name);
    });
    informer->start();
  }));
  ASSERT_EQ(synced.get_future().wait_for(kSoon), std::future_status::ready);
  server.put(nodes(), {{"metadata", {{"name", "b"}}}});
  ASSERT_EQ(added.get_future().wait_for(kSoon), std::future_status::ready);
  EXPECT_EQ(informer->store()->size(), 2U);
  executor.stop();
  informer.reset();
  server.put(nodes(), {{"metadata", {{"name", "c"}}}});
}

TEST(Clock, WallTimeIsWhatTheApiTakes) {
  EXPECT_THAT(process::wall_time_text(), ::testing::MatchesRegex("20..-..-..T..:..:..\\.......Z"));
}

}  // namespace
}  // namespace espalier::kube
