// SnapshotCell: where the loop puts the newest Snapshot and everyone else finds it.
//
// Two ways of use. Without a requester the loop publishes when it likes, and read() gives the
// newest. With one (set_requester) the loop works on demand: fresh() asks for a snapshot and waits
// for it, and the cell keeps nothing: no reader, no snapshots, no memory for them.
//
// Guarantees: publish() never waits for a reader; a reader keeps what it read for as long as it
// likes; any thread may call anything.
// Caveat: fresh() blocks its caller, so the loop itself must never call it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

#include "base/time.h"
#include "nodeagent/telemetry/snapshot.h"

namespace espalier::telemetry {

class SnapshotCell {
 public:
  using Pointer = std::shared_ptr<const Snapshot>;

  void publish(Pointer snapshot);

  // The newest that is kept; null before the first, and with a requester.
  [[nodiscard]] Pointer read() const;

  // Asks the loop for a snapshot and waits for the next publish, at most `patience`. Null when none
  // came: the loop is busy or hangs. Callers at the same time share one request. Without a
  // requester this is read().
  [[nodiscard]] Pointer fresh(Duration patience);

  // What fresh() calls, on its caller's thread, so that the loop publishes soon; it must only
  // post.
  void set_requester(std::function<void()> requester);

 private:
  mutable std::mutex mutex_;
  std::condition_variable published_;
  Pointer newest_;
  std::uint64_t count_ = 0;
  std::size_t waiting_ = 0;
  bool requested_ = false;
  std::function<void()> requester_;
};

}  // namespace espalier::telemetry
