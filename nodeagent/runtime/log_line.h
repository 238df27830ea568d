// How an event becomes one line, as text (`key=value`) or as JSON.
//
// Guarantees: one line whatever the fields hold: control characters are escaped, bytes that are no
// UTF-8 replaced in JSON and escaped in text. The time is not in it: that is the sink's.
#pragma once

#include <string>

#include "nodeagent/telemetry/event.h"

namespace espalier::runtime {

// `ConnectionUp connection=node2/v4 reason="two words"`
[[nodiscard]] std::string text_line(const telemetry::Event& event);

// `"event":"ConnectionUp","connection":"node2/v4"`, the inside of an object.
[[nodiscard]] std::string json_members(const telemetry::Event& event);

}  // namespace espalier::runtime
