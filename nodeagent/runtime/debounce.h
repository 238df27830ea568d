// Debounce: one action for a burst of events, soon after the burst is over, and no later than
// `longest` after its beginning, so that a file that never rests is read all the same.
#pragma once

#include <algorithm>

#include "base/time.h"

namespace espalier::runtime {

class Debounce {
 public:
  Debounce(Duration quiet, Duration longest) : quiet_(quiet), longest_(longest) {}

  void on_event(TimePoint now) {
    if (due_ == kNever) latest_ = now + longest_;
    due_ = std::min(now + quiet_, latest_);
  }
  // When the action is due; kNever without an event.
  [[nodiscard]] TimePoint due() const { return due_; }
  void on_action() { due_ = kNever; }

 private:
  Duration quiet_;
  Duration longest_;
  TimePoint due_ = kNever;
  TimePoint latest_ = kNever;
};

}  // namespace espalier::runtime
