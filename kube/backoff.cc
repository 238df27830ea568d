#include "kube/backoff.h"

#include <algorithm>

namespace espalier::kube {

std::uint64_t Jitter::next() {
  state_ += 0x9E3779B97F4A7C15ULL;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31U);
}

Duration Jitter::between(Duration low, Duration high) {
  if (high <= low) return low;
  const auto span = static_cast<std::uint64_t>((high - low).count()) + 1;
  return low + Duration(static_cast<Duration::rep>(next() % span));
}

Duration Backoff::failed(TimePoint now, TimePoint well_since) {
  if (well_since != kNever && now - well_since >= bounds_.reset_after) failures_ = 0;
  Duration bound = bounds_.base;
  for (unsigned i = 0; i < failures_ && bound < bounds_.cap; ++i) bound *= 2;
  bound = std::min(bound, bounds_.cap);
  if (failures_ < 32) ++failures_;
  return jitter_.between(bound / 10, bound);
}

}  // namespace espalier::kube
