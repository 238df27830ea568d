// What of an agent's events people are told about their node's NodePolicy, as Kubernetes Events.
//
// Guarantees: pure. What is in the way, and what was released by hand: what goes well (SAs that a
// plan makes, rekeys) is left to statuses, logs and metrics, or a cluster that starts would tell of
// every pair.
// Caveat: notes hold names, addresses and what a peer said of itself; no secret, as no event has
// any.
#pragma once

#include <optional>

#include "kube/event_recorder.h"
#include "nodeagent/telemetry/event.h"

namespace espalier::follow {

// nullopt: not for people. The reason is the event's name, the note its meaning and fields.
[[nodiscard]] std::optional<kube::Happening> happening_of(const telemetry::Event& event,
                                                          kube::Json regarding);

}  // namespace espalier::follow
