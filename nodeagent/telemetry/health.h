// What a snapshot says about the agent's health: ready or why not, and the checks of `verify`.
#pragma once

#include <string>
#include <vector>

#include "base/time.h"
#include "nodeagent/telemetry/snapshot.h"

namespace espalier::telemetry {

// Why the node is not ready, one sentence each; empty: ready. A peer that is down does not make
// this node unready: what the plan asks for then is a block, and the block stands.
[[nodiscard]] std::vector<std::string> not_ready(const Snapshot& snapshot);

enum class Verdict : std::uint8_t { kOk, kWarn, kFail };
[[nodiscard]] std::string_view name_of(Verdict verdict);  // "ok", "warn", "fail"

struct Check {
  std::string name;  // stable, kebab-case: "kernel-esp"
  Verdict verdict = Verdict::kOk;
  std::string finding;     // what is
  std::string what_to_do;  // empty when ok
};

// Everything that must hold for traffic to be protected, most basic first. Pure: `now` decides
// about certificates only.
[[nodiscard]] std::vector<Check> verify(const Snapshot& snapshot, WallTime now);

// The worst of them; kOk for none.
[[nodiscard]] Verdict worst(const std::vector<Check>& checks);

}  // namespace espalier::telemetry
