// A snapshot with one of everything, for the tests of those who read snapshots.
#pragma once

#include "nodeagent/telemetry/snapshot.h"

namespace espalier::telemetry {

inline constexpr WallTime kSampleNow{std::chrono::seconds(1'795'550'400)};  // 2026-11-24T20:00:00Z

// node1 of three: node2 stands with two children, node3 failed because it distrusts this node's
// CA, and a tunnel on demand that waits for its first packet.
[[nodiscard]] Snapshot sample_snapshot();

}  // namespace espalier::telemetry
