// WorkerPool: a few threads for public-key work, so that the loop never waits for it.
//
// An item's run() happens on a worker, its finish() on the loop. Items own what they need (a job,
// its secrets, a ticket) and are destroyed on the loop.
//
// Guarantees: submit() never blocks; at most `capacity` items wait or run; finish() is never called
// from within submit(), not in inline mode either; the destructor lets running items end, drops
// those that wait, and has joined every thread when it returns (NSS_Shutdown may follow).
// Assumptions: `post` hands a callback to the loop's thread; submit(), the destructor and the
// callbacks given to `post` belong to that thread.
// Caveat: results that were ready but not delivered when the pool is destroyed are dropped.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace espalier::runtime {

class WorkItem {
 public:
  WorkItem() = default;
  WorkItem(const WorkItem&) = delete;
  WorkItem& operator=(const WorkItem&) = delete;
  virtual ~WorkItem() = default;

  virtual void run() = 0;     // on a worker; touches nothing but the item and thread-safe things
  virtual void finish() = 0;  // on the loop
};

class WorkerPool {
 public:
  using Post = std::function<void(std::function<void()>)>;
  struct Options {
    unsigned threads = 0;        // 0: inline mode, run() on the submitting thread
    std::size_t capacity = 512;  // beyond it submit() says no
  };

  WorkerPool(const Options& options, Post post);
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;
  ~WorkerPool();

  // False when the pool is full: answer with a cookie, or try later. The item is then gone.
  [[nodiscard]] bool submit(std::unique_ptr<WorkItem> item);

  // Items that wait, run, or are done but not delivered.
  [[nodiscard]] std::size_t backlog() const;

 private:
  struct Shared;  // outlives the pool in callbacks that were posted and not yet run

  void work();
  static void deliver(const std::shared_ptr<Shared>& shared);
  static void complete(const std::shared_ptr<Shared>& shared, std::unique_ptr<WorkItem> item);

  std::size_t capacity_;
  std::shared_ptr<Shared> shared_;
  std::vector<std::thread> threads_;
};

}  // namespace espalier::runtime
