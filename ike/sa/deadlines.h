// Deadlines: when each IKE SA next wants to be woken, earliest first.
//
// Guarantees: one entry per IKE SA; set() and pop_due() are O(log n); equal times come out by id,
// so a run is deterministic.
#pragma once

#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "base/time.h"
#include "ike/output.h"

namespace espalier::ike {

class Deadlines {
 public:
  void set(IkeSaId id, TimePoint at) {
    const auto known = times_.find(id);
    if (known != times_.end()) {
      if (known->second == at) return;
      queue_.erase({known->second, id});
      times_.erase(known);
    }
    if (at == kNever) return;
    times_.emplace(id, at);
    queue_.emplace(at, id);
  }

  [[nodiscard]] TimePoint next() const { return queue_.empty() ? kNever : queue_.begin()->first; }

  // The id of one entry that is due, taken out; nullopt when none is.
  [[nodiscard]] std::optional<IkeSaId> pop_due(TimePoint now) {
    if (queue_.empty() || queue_.begin()->first > now) return std::nullopt;
    const IkeSaId id = queue_.begin()->second;
    queue_.erase(queue_.begin());
    times_.erase(id);
    return id;
  }

 private:
  std::set<std::pair<TimePoint, IkeSaId>> queue_;
  std::unordered_map<IkeSaId, TimePoint> times_;
};

}  // namespace espalier::ike
