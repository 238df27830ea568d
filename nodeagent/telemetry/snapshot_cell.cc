#include "nodeagent/telemetry/snapshot_cell.h"

#include <utility>

namespace espalier::telemetry {

void SnapshotCell::publish(Pointer snapshot) {
  {
    const std::lock_guard lock(mutex_);
    newest_.swap(snapshot);  // the old one is freed below, outside the lock
    ++count_;
    requested_ = false;
  }
  published_.notify_all();
}

SnapshotCell::Pointer SnapshotCell::read() const {
  const std::lock_guard lock(mutex_);
  return newest_;
}

bool SnapshotCell::refresh(Duration patience) {
  std::unique_lock lock(mutex_);
  if (!requester_) return newest_ != nullptr;
  const std::uint64_t seen = count_;
  if (!std::exchange(requested_, true)) {
    const auto requester = requester_;
    lock.unlock();
    requester();
    lock.lock();
  }
  return published_.wait_for(lock, patience, [&] { return count_ != seen; });
}

SnapshotCell::Pointer SnapshotCell::fresh(Duration patience) {
  [[maybe_unused]] const bool answered = refresh(patience);
  return read();
}

void SnapshotCell::set_requester(std::function<void()> requester) {
  const std::lock_guard lock(mutex_);
  requester_ = std::move(requester);
}

}  // namespace espalier::telemetry
