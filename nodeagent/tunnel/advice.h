// Advice: what a person should do about a failure, and who said no.
#pragma once

#include <string>

#include "ike/output.h"
#include "nodeagent/telemetry/snapshot.h"

namespace espalier::tunnel {

// Which end refused. kNobody: silence, or the kernel or a computation got in the way.
[[nodiscard]] telemetry::Side side_of(ike::Side side, ike::Reason reason);

// One or two sentences in the imperative. `peer` is the peer's name for people; `by_us`: this node
// refused.
[[nodiscard]] std::string advice_for(ike::Reason reason, bool by_us, const std::string& peer);

}  // namespace espalier::tunnel
