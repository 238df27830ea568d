// What a reconciler answers, and what becomes of its key.
//
// A reconciler is a function of a key: it reads the stores, decides, writes, and says how it went.
// It is called again whenever something may have changed, so it must come to the same end however
// often that is.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include "base/time.h"
#include "kube/api_error.h"
#include "kube/work_queue.h"

namespace espalier::kube {

// Done well; with `after`, to be looked at again then.
struct Again {
  std::optional<Duration> after;
};
using Reconciled = ApiResult<Again>;

// Done: nothing more until something changes. Again: after a while.
[[nodiscard]] inline Reconciled reconciled() {
  return Again{};
}
[[nodiscard]] inline Reconciled reconcile_again(Duration after) {
  return Again{after};
}

// RBAC is mended by people, not within seconds.
inline constexpr Duration kForbiddenRetry = std::chrono::minutes(1);

// Puts the key where its result calls for: Invalid waits for a change of the input; everything else
// comes back with back-off, not before the server's Retry-After.
template <typename Key>
void finish(WorkQueue<Key>& queue, TimePoint now, const Key& key, const Reconciled& result) {
  if (result) {
    queue.done(now, key,
               result->after ? std::optional<TimePoint>(now + *result->after) : std::nullopt);
    return;
  }
  const ApiError& error = result.error();
  if (error.kind == ErrorKind::kInvalid) {
    queue.done(now, key);
    return;
  }
  TimePoint not_before = TimePoint::min();
  if (error.kind == ErrorKind::kForbidden) not_before = now + kForbiddenRetry;
  if (error.retry_after) not_before = std::max(not_before, now + *error.retry_after);
  queue.failed(now, key, not_before);
}

}  // namespace espalier::kube
