// SnapshotCell: where the loop puts the newest Snapshot and everyone else finds it.
//
// Guarantees: publish() never waits for a reader; a reader keeps what it read for as long as it
// likes; any thread may call anything. refresh() lets the loop work on demand: no reader, no
// snapshots, no memory for them.
// Caveat: refresh() and fresh() block their caller, so the loop itself must never call it.
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

  // A null pointer gives the memory back; the next fresh() asks for a new one.
  void publish(Pointer snapshot);

  // The newest one; null before the first.
  [[nodiscard]] Pointer read() const;

  // Asks the loop for a snapshot and waits for the next publish, at most `patience`. False when
  // none came: the loop is busy or hangs. Callers at the same time share one request. Without a
  // requester it answers at once: whether there is a snapshot.
  [[nodiscard]] bool refresh(Duration patience);

  // The newest there is after a refresh(), successful or not; null if there never was one.
  [[nodiscard]] Pointer fresh(Duration patience);

  // What refresh() calls, on its caller's thread, so that the loop publishes soon; it must only
  // post.
  void set_requester(std::function<void()> requester);

 private:
  mutable std::mutex mutex_;
  std::condition_variable published_;
  Pointer newest_;
  std::uint64_t count_ = 0;
  bool requested_ = false;
  std::function<void()> requester_;
};

}  // namespace espalier::telemetry
