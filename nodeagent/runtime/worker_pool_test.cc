#include "nodeagent/runtime/worker_pool.h"

#include <atomic>
#include <latch>
#include <set>

#include <gmock/gmock.h>

#include "nodeagent/runtime/loop.h"

namespace espalier::runtime {
namespace {

using ::testing::ElementsAre;

class Item : public WorkItem {
 public:
  Item(std::function<void()> run, std::function<void()> finish)
      : run_(std::move(run)), finish_(std::move(finish)) {}
  void run() override {
    if (run_) run_();
  }
  void finish() override {
    if (finish_) finish_();
  }

 private:
  std::function<void()> run_;
  std::function<void()> finish_;
};

std::unique_ptr<WorkItem> item(std::function<void()> run, std::function<void()> finish) {
  return std::make_unique<Item>(std::move(run), std::move(finish));
}

// A poster that keeps what was posted until the test asks.
struct Posted {
  std::vector<std::function<void()>> callbacks;
  WorkerPool::Post post() {
    return [this](std::function<void()> callback) { callbacks.push_back(std::move(callback)); };
  }
  void deliver() {
    const auto batch = std::move(callbacks);
    callbacks.clear();
    for (const auto& callback : batch) callback();
  }
};

TEST(WorkerPool, InlineModeRunsAtOnceAndFinishesLater) {
  Posted posted;
  WorkerPool pool({.threads = 0, .capacity = 8}, posted.post());
  std::vector<std::string> order;
  ASSERT_TRUE(
      pool.submit(item([&] { order.emplace_back("run"); }, [&] { order.emplace_back("finish"); })));
  order.emplace_back("submitted");
  EXPECT_EQ(pool.backlog(), 1U);
  posted.deliver();
  EXPECT_THAT(order, ElementsAre("run", "submitted", "finish"));
  EXPECT_EQ(pool.backlog(), 0U);
}

TEST(WorkerPool, PostsOnceForABatch) {
  Posted posted;
  WorkerPool pool({.threads = 0, .capacity = 8}, posted.post());
  int finished = 0;
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(pool.submit(item({}, [&] { ++finished; })));
  EXPECT_EQ(posted.callbacks.size(), 1U);
  posted.deliver();
  EXPECT_EQ(finished, 5);
}

TEST(WorkerPool, SaysNoWhenFullAndYesAfterDelivery) {
  Posted posted;
  WorkerPool pool({.threads = 0, .capacity = 2}, posted.post());
  ASSERT_TRUE(pool.submit(item({}, {})));
  ASSERT_TRUE(pool.submit(item({}, {})));
  EXPECT_FALSE(pool.submit(item({}, {})));
  posted.deliver();
  EXPECT_TRUE(pool.submit(item({}, {})));
}

TEST(WorkerPool, RunsOnWorkersAndFinishesOnTheLoop) {
  auto loop = Loop::create();
  ASSERT_TRUE(loop.has_value());
  Loop& the_loop = **loop;
  WorkerPool pool({.threads = 3, .capacity = 1000},
                  [&](std::function<void()> work) { the_loop.post(std::move(work)); });
  const auto loop_thread = std::this_thread::get_id();
  constexpr int kItems = 300;
  int finished = 0;  // plain: the loop's thread alone
  std::atomic<int> ran_elsewhere = 0;
  for (int i = 0; i < kItems; ++i) {
    ASSERT_TRUE(pool.submit(
        item([&] { ran_elsewhere += std::this_thread::get_id() != loop_thread ? 1 : 0; },
             [&] {
               EXPECT_EQ(std::this_thread::get_id(), loop_thread);
               if (++finished == kItems) the_loop.stop();
             })));
  }
  the_loop.run();
  EXPECT_EQ(finished, kItems);
  EXPECT_EQ(ran_elsewhere.load(), kItems);
  EXPECT_EQ(pool.backlog(), 0U);
}

TEST(WorkerPool, JoinsWhatRunsAndDropsWhatWaits) {
  std::latch started(1);
  std::latch go_on(1);
  std::atomic<bool> first_ended = false;
  int finished = 0;
  std::vector<std::function<void()>> posted;
  std::mutex posted_mutex;
  {
    WorkerPool pool({.threads = 1, .capacity = 8}, [&](std::function<void()> callback) {
      const std::lock_guard lock(posted_mutex);
      posted.push_back(std::move(callback));
    });
    ASSERT_TRUE(pool.submit(item(
        [&] {
          started.count_down();
          go_on.wait();
          first_ended = true;
        },
        [&] { ++finished; })));
    started.wait();
    go_on.count_down();
  }
  EXPECT_TRUE(first_ended);
  for (const auto& callback : posted) callback();  // comes too late: the pool is gone
  EXPECT_EQ(finished, 0);
}

}  // namespace
}  // namespace espalier::runtime
