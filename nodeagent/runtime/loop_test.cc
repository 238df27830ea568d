#include "nodeagent/runtime/loop.h"

#include <csignal>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/process/clock.h"

namespace espalier::runtime {
namespace {

using ::testing::ElementsAre;

std::unique_ptr<Loop> make_loop() {
  auto loop = Loop::create();
  EXPECT_TRUE(loop.has_value());
  return std::move(*loop);
}

void ring(int fd) {
  const std::uint64_t one = 1;
  ASSERT_EQ(write(fd, &one, sizeof one), 8);
}

TEST(Loop, RunsPostedWorkInOrderAndStops) {
  const auto loop = make_loop();
  std::vector<int> seen;
  loop->post([&] { seen.push_back(1); });
  loop->post([&] {
    seen.push_back(2);
    loop->post([&] { seen.push_back(3); });
    loop->post([&] { loop->stop(); });
  });
  loop->run();
  EXPECT_THAT(seen, ElementsAre(1, 2, 3));
}

TEST(Loop, RunsAgainAfterAStop) {
  const auto loop = make_loop();
  int runs = 0;
  for (int i = 0; i < 2; ++i) {
    loop->post([&] { ++runs; });
    loop->stop();
    loop->run();
  }
  EXPECT_EQ(runs, 2);
}

TEST(Loop, TakesWorkFromManyThreads) {
  const auto loop = make_loop();
  constexpr int kThreads = 4;
  constexpr int kEach = 500;
  int count = 0;  // plain: only the loop's thread touches it
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        loop->post([&] {
          if (++count == kThreads * kEach) loop->stop();
        });
      }
    });
  }
  loop->run();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(count, kThreads * kEach);
}

TEST(Loop, FiresDeadlinesByTimeAndOnce) {
  const auto loop = make_loop();
  std::vector<std::string> fired;
  const auto late = loop->add_deadline([&] {
    fired.emplace_back("late");
    loop->stop();
  });
  const auto early = loop->add_deadline([&] { fired.emplace_back("early"); });
  const auto never = loop->add_deadline([&] { fired.emplace_back("never"); });
  const TimePoint now = process::monotonic_now();
  loop->set_deadline(late, now + std::chrono::milliseconds(3));
  loop->set_deadline(early, now + std::chrono::milliseconds(1));
  loop->set_deadline(never, now + std::chrono::milliseconds(1));
  loop->set_deadline(never, kNever);
  loop->run();
  EXPECT_THAT(fired, ElementsAre("early", "late"));
}

TEST(Loop, FiresADeadlineOfThePast) {
  const auto loop = make_loop();
  const auto id = loop->add_deadline([&] { loop->stop(); });
  loop->set_deadline(id, TimePoint{});
  loop->run();  // returns
  EXPECT_GT(process::monotonic_now(), TimePoint{});
}

TEST(Loop, ADeadlineThatMovedLaterDoesNotFireEarly) {
  const auto loop = make_loop();
  TimePoint fired{};
  const auto id = loop->add_deadline([&] {
    fired = process::monotonic_now();
    loop->stop();
  });
  const TimePoint early = process::monotonic_now() + std::chrono::milliseconds(1);
  const TimePoint late = early + std::chrono::milliseconds(4);
  loop->set_deadline(id, early);
  loop->post([&] { loop->set_deadline(id, late); });
  loop->run();
  EXPECT_GE(fired, late);
}

TEST(Loop, ReusesTheIdOfARemovedDeadline) {
  const auto loop = make_loop();
  bool removed_fired = false;
  const auto first = loop->add_deadline([&] { removed_fired = true; });
  loop->set_deadline(first, TimePoint{});
  loop->remove_deadline(first);
  const auto second = loop->add_deadline([&] { loop->stop(); });
  EXPECT_EQ(first, second);
  loop->set_deadline(second, TimePoint{});
  loop->run();
  EXPECT_FALSE(removed_fired);
}

TEST(Loop, ARemovedDescriptorIsNotCalledInTheSameRound) {
  const auto loop = make_loop();
  const process::Fd a(eventfd(0, EFD_NONBLOCK));
  const process::Fd b(eventfd(0, EFD_NONBLOCK));
  int calls = 0;
  const auto remove_both = [&](std::uint32_t) {
    ++calls;
    loop->remove(a.get());
    loop->remove(b.get());
    loop->stop();
  };
  ASSERT_TRUE(loop->add(a.get(), EPOLLIN, remove_both));
  ASSERT_TRUE(loop->add(b.get(), EPOLLIN, remove_both));
  ring(a.get());
  ring(b.get());
  loop->run();
  EXPECT_EQ(calls, 1);
}

TEST(Loop, ADescriptorIsWatchedOnceAndCanBeChanged) {
  const auto loop = make_loop();
  const process::Fd fd(eventfd(0, EFD_NONBLOCK));
  std::uint32_t seen = 0;
  ASSERT_TRUE(loop->add(fd.get(), EPOLLIN, [&](std::uint32_t events) {
    seen = events;
    loop->stop();
  }));
  EXPECT_EQ(loop->add(fd.get(), EPOLLIN, [](std::uint32_t) {}).error().code, Code::kExists);
  EXPECT_EQ(loop->change(999, EPOLLIN).error().code, Code::kNotFound);
  ASSERT_TRUE(loop->change(fd.get(), EPOLLOUT));
  loop->run();
  EXPECT_EQ(seen, static_cast<std::uint32_t>(EPOLLOUT));
}

TEST(Loop, SettlesOncePerRound) {
  const auto loop = make_loop();
  std::vector<std::string> order;
  loop->set_settle([&] { order.emplace_back("settle"); });
  loop->post([&] { order.emplace_back("one"); });
  loop->post([&] { order.emplace_back("two"); });
  loop->stop();
  loop->run();
  EXPECT_THAT(order, ElementsAre("settle", "one", "two", "settle"));
}

TEST(Loop, DeliversSignals) {
  const auto loop = make_loop();
  int got = 0;
  ASSERT_TRUE(loop->on_signals({SIGUSR1, SIGTERM}, [&](int signal) {
    got = signal;
    loop->stop();
  }));
  loop->post([] { raise(SIGTERM); });
  loop->run();
  EXPECT_EQ(got, SIGTERM);
}

}  // namespace
}  // namespace espalier::runtime
