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

SnapshotCell::Pointer SnapshotCell::fresh(Duration patience) {
  Pointer answer;
  std::unique_lock lock(mutex_);
  if (!requester_) return newest_;
  const std::uint64_t seen = count_;
  ++waiting_;
  if (!std::exchange(requested_, true)) {
    const auto requester = requester_;
    lock.unlock();
    requester();
    lock.lock();
  }
  if (published_.wait_for(lock, patience, [&] { return count_ != seen; })) answer = newest_;
  if (--waiting_ == 0) newest_.reset();  // `answer` holds it, or nobody does
  return answer;
}

void SnapshotCell::set_requester(std::function<void()> requester) {
  const std::lock_guard lock(mutex_);
  requester_ = std::move(requester);
}

}  // namespace espalier::telemetry
