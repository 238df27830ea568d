// The controller's state as a telemetry::Snapshot.
//
// Guarantee: says what stands in engine and kernel, as last read, never what is merely wanted.
#pragma once

#include "base/time.h"
#include "nodeagent/telemetry/snapshot.h"

namespace espalier::tunnel {

struct Core;

// `wall` is the date at `now`.
[[nodiscard]] telemetry::Snapshot snapshot_of(const Core& core, TimePoint now, WallTime wall);

}  // namespace espalier::tunnel
