// Informer: a store that follows one collection of the API server, and tells of changes.
//
// Guarantees: everything it calls, it calls on its executor's thread, one at a time and in order;
// the store has changed before a handler hears of it. A handler that joins late is told all that is
// there. After stop() no handler is called any more; destroying it stops it.
// Assumptions: all functions but store(), synced() and counts() are called on the executor's thread
// (or before or after it runs); transport and executor outlive the informer; what a stream still
// brings after that is dropped. It is started once.
// Caveat: on_synced is told once; a later relist shows as changes only.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kube/executor.h"
#include "kube/store.h"
#include "kube/transport.h"
#include "kube/watcher.h"

namespace espalier::kube {

class Informer {
 public:
  using ChangeHandler = std::function<void(const Change&)>;
  using SyncedHandler = std::function<void()>;
  using ProblemHandler = std::function<void(const ApiError&)>;

  // `seed` spreads the waits of many informers and many processes.
  Informer(Transport& transport, Executor& executor, WatchSpec spec, std::uint64_t seed,
           Indexes indexes = {}, WatchLimits limits = {});
  Informer(const Informer&) = delete;
  Informer& operator=(const Informer&) = delete;
  ~Informer();

  [[nodiscard]] std::shared_ptr<const Store> store() const;
  [[nodiscard]] bool synced() const { return store()->synced(); }
  [[nodiscard]] const Resource& resource() const;

  void on_change(ChangeHandler handler);
  void on_synced(SyncedHandler handler);
  void on_problem(ProblemHandler handler);

  void start();
  void stop();

  // What went on since the start, for metrics. From any thread; a moment old.
  [[nodiscard]] Watcher::Counts counts() const;

 private:
  class Follower;
  std::shared_ptr<Follower> follower_;
};

}  // namespace espalier::kube
