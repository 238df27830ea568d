// DueSet: when each of many things next wants to be woken, earliest first.
//
// Guarantees: one entry per key; set() and pop_due() are O(log n); equal times come out by key, so
// a run can be repeated.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/time.h"

namespace espalier::tunnel {

template <typename Key>
class DueSet {
 public:
  // kNever takes the entry out.
  void set(const Key& key, TimePoint at) {
    const auto known = times_.find(key);
    if (known != times_.end()) {
      if (known->second == at) return;
      queue_.erase({known->second, key});
      times_.erase(known);
    }
    if (at == kNever) return;
    times_.emplace(key, at);
    queue_.emplace(at, key);
  }

  [[nodiscard]] TimePoint next() const { return queue_.empty() ? kNever : queue_.begin()->first; }

  // One key that is due, taken out; nullopt when none is.
  [[nodiscard]] std::optional<Key> pop_due(TimePoint now) {
    if (queue_.empty() || queue_.begin()->first > now) return std::nullopt;
    const Key key = queue_.begin()->second;
    queue_.erase(queue_.begin());
    times_.erase(key);
    return key;
  }

 private:
  std::set<std::pair<TimePoint, Key>> queue_;
  std::map<Key, TimePoint> times_;
};

}  // namespace espalier::tunnel
