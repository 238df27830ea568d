// WorkQueue: which keys are to be worked on, and when.
//
// Guarantees: a key waits at most once; one that is added while it is worked on is worked on again
// afterwards, exactly once, and never by two workers at a time. Among those that are due, higher
// priority first, then in the order in which they became due. A key that fails comes back after 5
// ms, doubled each time up to 1000 s, until it succeeds. Pure: time is an argument; not thread-safe
// (run/controller.h adds the lock and the workers).
// Caveat: add() of a waiting key keeps the earlier time and the higher priority. Key needs `<`.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/time.h"

namespace espalier::kube {

enum class Priority : std::uint8_t {
  kLow,     // the initial list, resyncs
  kNormal,  // somebody changed something
  kHigh,    // a person waits, or security depends on it
};

struct QueueBounds {
  Duration first_retry = std::chrono::milliseconds(5);
  Duration max_retry = std::chrono::seconds(1000);
};

// What client-go calls workqueue_*.
struct QueueCounts {
  std::uint64_t adds = 0;     // that made a key wait which did not
  std::uint64_t retries = 0;  // after a failure
  std::size_t depth = 0;      // waiting, due or delayed
  std::size_t working = 0;
};

template <typename Key>
class WorkQueue {
 public:
  explicit WorkQueue(QueueBounds bounds = {}) : bounds_(bounds) {}

  void add(TimePoint now, const Key& key, Priority priority = Priority::kNormal) {
    add_at(now, key, priority);
  }

  // Due at `when`; earlier if it waits for something earlier already.
  void add_at(TimePoint when, const Key& key, Priority priority = Priority::kNormal) {
    const auto at = items_.try_emplace(key).first;
    Item& item = at->second;
    if (item.working) {
      item.due = item.again ? std::min(item.due, when) : when;
      item.priority = item.again ? std::max(item.priority, priority) : priority;
      if (!item.again) ++counts_.adds;
      item.again = true;
      return;
    }
    if (!item.waiting) ++counts_.adds;
    wait(at, item.waiting ? std::min(item.due, when) : when,
         item.waiting ? std::max(item.priority, priority) : priority);
  }

  // The next key that is due, for one worker; it calls done() or failed() when it has finished.
  [[nodiscard]] std::optional<Key> take(TimePoint now) {
    while (!delayed_.empty() && delayed_.begin()->when <= now) {
      const At at = delayed_.begin()->at;
      delayed_.erase(delayed_.begin());
      at->second.ready = true;
      at->second.order = ++order_;  // of becoming due, not of being added
      ready_.insert({at->second.priority, at->second.order, at});
    }
    if (ready_.empty()) return std::nullopt;
    const At at = ready_.begin()->at;
    ready_.erase(ready_.begin());
    Item& item = at->second;
    item.waiting = item.ready = false;
    item.working = true;
    last_waited_ = now - item.due;
    ++working_;
    return at->first;
  }

  // How long the key that take() gave last had been due.
  [[nodiscard]] Duration last_waited() const { return last_waited_; }

  // Worked well: forgets its failures. With `again_at`, it comes back then (a periodic check).
  void done(TimePoint now, const Key& key, std::optional<TimePoint> again_at = std::nullopt) {
    const auto at = items_.find(key);
    if (at == items_.end() || !at->second.working) return;
    at->second.failures = 0;
    if (again_at) add_at(*again_at, key, Priority::kLow);
    finish(now, at);
  }

  // Comes back after its back-off; with `not_before`, not before that (Retry-After). The priority
  // it had stays.
  void failed(TimePoint now, const Key& key, TimePoint not_before = TimePoint::min()) {
    const auto at = items_.find(key);
    if (at == items_.end() || !at->second.working) return;
    Item& item = at->second;
    Duration delay = bounds_.first_retry;
    for (unsigned i = 0; i < item.failures && delay < bounds_.max_retry; ++i) delay *= 2;
    ++item.failures;
    ++counts_.retries;
    TimePoint when = std::max(now + std::min(delay, bounds_.max_retry), not_before);
    // What was added meanwhile may be the cure, but does not beat the server's Retry-After.
    if (item.again) when = std::max(std::min(when, item.due), not_before);
    item.again = true;
    item.due = when;
    finish(now, at);
  }

  // When take() has something; kNever if nothing waits.
  [[nodiscard]] TimePoint next_due() const {
    if (!ready_.empty()) return TimePoint::min();
    return delayed_.empty() ? kNever : delayed_.begin()->when;
  }
  // Waiting, or to be worked on again after the work under way.
  [[nodiscard]] bool waits(const Key& key) const {
    const auto at = items_.find(key);
    return at != items_.end() && (at->second.waiting || at->second.again);
  }
  // In a row.
  [[nodiscard]] unsigned failures(const Key& key) const {
    const auto at = items_.find(key);
    return at == items_.end() ? 0 : at->second.failures;
  }
  [[nodiscard]] QueueCounts counts() const {
    QueueCounts counts = counts_;
    counts.depth = ready_.size() + delayed_.size();
    counts.working = working_;
    return counts;
  }

 private:
  struct Item {
    bool waiting = false;
    bool ready = false;  // waiting, and in ready_
    bool working = false;
    bool again = false;  // added while it is worked on
    TimePoint due = {};
    Priority priority = Priority::kLow;
    std::uint64_t order = 0;
    unsigned failures = 0;
  };
  using Items = std::map<Key, Item>;
  using At = typename Items::iterator;
  struct Delayed {
    TimePoint when;
    std::uint64_t order;
    At at;
    bool operator<(const Delayed& other) const {
      return when != other.when ? when < other.when : order < other.order;
    }
  };
  struct Ready {
    Priority priority;
    std::uint64_t order;
    At at;
    bool operator<(const Ready& other) const {
      return priority != other.priority ? priority > other.priority : order < other.order;
    }
  };

  void wait(At at, TimePoint when, Priority priority) {
    Item& item = at->second;
    if (item.ready) {
      if (priority == item.priority) return;
      ready_.erase({item.priority, item.order, at});
      item.priority = priority;
      ready_.insert({item.priority, item.order, at});
      return;
    }
    if (item.waiting) {
      delayed_.erase({item.due, item.order, at});
    } else {
      item.order = ++order_;
    }
    item.waiting = true;
    item.due = when;
    item.priority = priority;
    delayed_.insert({when, item.order, at});
  }

  void finish(TimePoint now, At at) {
    Item& item = at->second;
    item.working = false;
    --working_;
    if (item.again) {
      item.again = false;
      wait(at, std::max(item.due, now), item.priority);
    } else {
      items_.erase(at);
    }
  }

  QueueBounds bounds_;
  Duration last_waited_{};
  Items items_;
  std::set<Delayed> delayed_;
  std::set<Ready> ready_;
  QueueCounts counts_;
  std::size_t working_ = 0;
  std::uint64_t order_ = 0;
};

}  // namespace espalier::kube
