#include "kube/work_queue.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kube/backoff.h"

namespace espalier::kube {
namespace {

using namespace std::chrono_literals;
using Queue = WorkQueue<std::string>;

constexpr TimePoint kStart{1h};

TEST(WorkQueue, AKeyWaitsOnce) {
  Queue queue;
  queue.add(kStart, "a");
  queue.add(kStart, "b");
  queue.add(kStart, "a");
  EXPECT_EQ(queue.counts().depth, 2U);
  EXPECT_EQ(queue.take(kStart), "a");
  EXPECT_EQ(queue.take(kStart), "b");
  EXPECT_EQ(queue.take(kStart), std::nullopt);
  EXPECT_EQ(queue.counts().adds, 2U);
}

TEST(WorkQueue, TellsHowLongAKeyHadBeenDue) {
  Queue queue;
  queue.add(kStart, "a");
  queue.add_at(kStart + 5s, "later");
  EXPECT_EQ(queue.take(kStart + 2s), "a");
  EXPECT_EQ(queue.last_waited(), 2s);
  EXPECT_EQ(queue.take(kStart + 6s), "later");
  EXPECT_EQ(queue.last_waited(), 1s) << "from when it was due, not from when it was added";
  queue.add(kStart + 7s, "a");  // while it is worked on
  queue.done(kStart + 9s, "a");
  EXPECT_EQ(queue.take(kStart + 9s), "a");
  EXPECT_EQ(queue.last_waited(), 0s) << "nobody could take it before";
}

TEST(WorkQueue, AddedDuringTheWorkIsWorkedOnOnceMore) {
  Queue queue;
  queue.add(kStart, "a");
  EXPECT_EQ(queue.take(kStart), "a");
  queue.add(kStart, "a");
  queue.add(kStart, "a");
  EXPECT_TRUE(queue.waits("a"));
  EXPECT_EQ(queue.take(kStart), std::nullopt) << "never two workers on one key";
  queue.done(kStart, "a");
  EXPECT_EQ(queue.take(kStart), "a");
  queue.done(kStart, "a");
  EXPECT_EQ(queue.take(kStart), std::nullopt);
  EXPECT_FALSE(queue.waits("a"));
}

TEST(WorkQueue, FailuresDoubleTheWaitUpToTheCapAndSuccessForgets) {
  Queue queue;
  queue.add(kStart, "a");
  TimePoint now = kStart;
  std::vector<Duration> waits;
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(queue.take(now), "a");
    queue.failed(now, "a");
    waits.push_back(queue.next_due() - now);
    EXPECT_EQ(queue.take(queue.next_due() - 1ns), std::nullopt);
    now = queue.next_due();
  }
  EXPECT_EQ(waits[0], 5ms);
  EXPECT_EQ(waits[1], 10ms);
  EXPECT_EQ(waits[10], 5120ms);
  EXPECT_EQ(waits[19], 1000s);
  EXPECT_EQ(queue.failures("a"), 20U);
  ASSERT_EQ(queue.take(now), "a");
  queue.done(now, "a");
  queue.add(now, "a");
  ASSERT_EQ(queue.take(now), "a");
  queue.failed(now, "a");
  EXPECT_EQ(queue.next_due() - now, 5ms);
}

TEST(WorkQueue, ANewChangeCutsTheWaitShortButNotRetryAfter) {
  Queue queue;
  queue.add(kStart, "a");
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(queue.take(queue.next_due() == TimePoint::min() ? kStart : queue.next_due()));
    queue.failed(kStart, "a");
  }
  queue.add(kStart, "a");
  EXPECT_EQ(queue.take(kStart), "a");
  queue.add(kStart, "a");
  queue.failed(kStart, "a", kStart + 7s);
  EXPECT_EQ(queue.take(kStart + 6s), std::nullopt);
  EXPECT_EQ(queue.take(kStart + 7s), "a");
}

TEST(WorkQueue, HigherPriorityFirstThenInOrder) {
  Queue queue;
  queue.add(kStart, "resync1", Priority::kLow);
  queue.add(kStart, "resync2", Priority::kLow);
  queue.add(kStart, "change", Priority::kNormal);
  queue.add(kStart, "urgent", Priority::kHigh);
  queue.add(kStart, "resync2", Priority::kHigh);
  std::vector<std::string> order;
  while (auto key = queue.take(kStart)) order.push_back(*key);
  EXPECT_THAT(order, ::testing::ElementsAre("resync2", "urgent", "change", "resync1"));
}

TEST(WorkQueue, TheOrderIsThatOfBecomingDueNotOfBeingAdded) {
  Queue queue;
  queue.add_at(kStart + 1min, "periodic");
  queue.add_at(kStart + 30s, "earlier");
  queue.add(kStart, "now");
  queue.add(kStart + 1s, "periodic");  // brought forward
  EXPECT_EQ(queue.take(kStart + 40s), "now");
  EXPECT_EQ(queue.take(kStart + 40s), "periodic");
  EXPECT_EQ(queue.take(kStart + 40s), "earlier");
}

TEST(WorkQueue, APriorityIsRaisedAlsoWhenTheKeyIsDueAlready) {
  Queue queue;
  queue.add(kStart, "a", Priority::kLow);
  queue.add(kStart, "b", Priority::kLow);
  queue.add(kStart, "c", Priority::kLow);
  EXPECT_EQ(queue.take(kStart), "a");
  queue.add(kStart, "c", Priority::kHigh);
  EXPECT_EQ(queue.take(kStart), "c");
  EXPECT_EQ(queue.take(kStart), "b");
}

TEST(WorkQueue, TheEarlierTimeStands) {
  Queue queue;
  queue.add_at(kStart + 10s, "a");
  queue.add_at(kStart + 20s, "a");
  EXPECT_EQ(queue.next_due(), kStart + 10s);
  queue.add_at(kStart + 5s, "a");
  EXPECT_EQ(queue.next_due(), kStart + 5s);
  EXPECT_EQ(queue.counts().depth, 1U);
  EXPECT_EQ(queue.take(kStart + 5s), "a");
  queue.done(kStart + 5s, "a", kStart + 60s);
  EXPECT_EQ(queue.next_due(), kStart + 60s);
}

TEST(WorkQueue, WhatWasNotTakenCannotBeFinished) {
  Queue queue;
  queue.done(kStart, "a");
  queue.failed(kStart, "a");
  queue.add(kStart, "a");
  queue.done(kStart, "a");
  EXPECT_EQ(queue.take(kStart), "a");
  EXPECT_EQ(queue.counts().working, 1U);
}

TEST(Backoff, DoublesWithJitterUpToTheCapAndResets) {
  Backoff backoff({}, 7);
  Duration bound = 800ms;
  for (int i = 0; i < 12; ++i) {
    const Duration wait = backoff.failed(kStart, kNever);
    EXPECT_LE(wait, bound);
    EXPECT_GE(wait, bound / 10);
    bound = std::min<Duration>(bound * 2, 30s);
  }
  EXPECT_LE(backoff.failed(kStart + 2min, kStart), 800ms) << "it was well for two minutes";
  EXPECT_GE(Backoff({.base = 10s}, 1).failed(kStart, kNever), 1s);
}

TEST(Backoff, DifferentSeedsSpread) {
  Backoff a({}, 1);
  Backoff b({}, 2);
  EXPECT_NE(a.failed(kStart, kNever), b.failed(kStart, kNever));
}

}  // namespace
}  // namespace espalier::kube
