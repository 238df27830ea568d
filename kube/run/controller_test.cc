#include "kube/run/controller.h"

#include <atomic>
#include <condition_variable>
#include <future>
#include <map>
#include <mutex>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier::kube {
namespace {

using namespace std::chrono_literals;
constexpr auto kSoon = 20s;

ApiError error(ErrorKind kind) {
  ApiError it;
  it.kind = kind;
  return it;
}

TEST(Controller, WorksOnEveryKeyAndNeverOnOneTwiceAtATime) {
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, int> running;
  std::map<std::string, int> worked;
  int most = 0;
  Controller<std::string> controller([&](const std::string& key) {
    std::unique_lock lock(mutex);
    most = std::max(most, ++running[key]);
    lock.unlock();
    std::this_thread::yield();
    lock.lock();
    --running[key];
    ++worked[key];
    changed.notify_all();
    return reconciled();
  });
  for (int i = 0; i < 50; ++i) controller.add("key-" + std::to_string(i % 10));
  controller.start(4);
  for (int i = 0; i < 200; ++i) controller.add("key-" + std::to_string(i % 10));
  {
    std::unique_lock lock(mutex);
    ASSERT_TRUE(changed.wait_for(lock, kSoon, [&] { return worked.size() == 10; }));
  }
  controller.stop();
  EXPECT_EQ(most, 1);
}

TEST(Controller, WhatFailsComesBackAndWhatIsInvalidWaits) {
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, int> tries;
  Controller<std::string> controller([&](const std::string& key) -> Reconciled {
    const std::lock_guard lock(mutex);
    const int now = ++tries[key];
    changed.notify_all();
    if (key == "invalid") return tl::unexpected(error(ErrorKind::kInvalid));
    if (now < 4) return tl::unexpected(error(ErrorKind::kTransient));
    return reconciled();
  });
  controller.add("invalid");
  controller.add("flaky");
  controller.start(2);
  {
    std::unique_lock lock(mutex);
    ASSERT_TRUE(changed.wait_for(lock, kSoon, [&] { return tries["flaky"] == 4; }));
  }
  controller.stop();
  EXPECT_EQ(tries["invalid"], 1);
  EXPECT_EQ(controller.counts().retries, 3U);
  EXPECT_EQ(controller.counts().depth, 0U);
}

TEST(Controller, TellsHowLongItsWorkersAreAtIt) {
  std::promise<void> begun;
  std::promise<void> may_end;
  Controller<std::string> controller([&](const std::string&) {
    begun.set_value();
    may_end.get_future().wait();
    return reconciled();
  });
  controller.add("a");
  EXPECT_EQ(controller.running().longest, Duration{});
  controller.start(2);
  begun.get_future().wait();
  while (controller.running().longest == Duration{}) std::this_thread::yield();
  const Running running = controller.running();
  EXPECT_EQ(running.unfinished, running.longest) << "one of the two works";
  may_end.set_value();
  controller.stop();
  EXPECT_EQ(controller.running().unfinished, Duration{});
}

TEST(Finish, PutsTheKeyWhereTheErrorSays) {
  constexpr TimePoint kStart{1h};
  WorkQueue<std::string> queue;
  const auto due_after = [&](const Reconciled& result) {
    queue.add(kStart, "a");
    EXPECT_EQ(queue.take(kStart), "a");
    finish(queue, kStart, std::string("a"), result);
    const TimePoint due = queue.next_due();
    while (const auto key = queue.take(kStart + 1h)) queue.done(kStart, *key);
    return due;
  };
  EXPECT_EQ(due_after(reconciled()), kNever);
  EXPECT_EQ(due_after(reconcile_again(10min)), kStart + 10min);
  EXPECT_EQ(due_after(tl::unexpected(error(ErrorKind::kInvalid))), kNever);
  EXPECT_EQ(due_after(tl::unexpected(error(ErrorKind::kConflict))), kStart + 5ms);
  EXPECT_EQ(due_after(tl::unexpected(error(ErrorKind::kForbidden))), kStart + 1min);
  ApiError busy = error(ErrorKind::kTransient);
  busy.retry_after = 7s;
  EXPECT_EQ(due_after(tl::unexpected(busy)), kStart + 7s);
}

}  // namespace
}  // namespace espalier::kube
