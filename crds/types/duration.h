// Durations as Go and Kubernetes spell them: "90s", "8h", "1h30m", "1.5h", "250ms".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace espalier::crds {

// Units h, m, s, ms, us (also with either micro sign) and ns, each number with an optional
// fraction; no sign, no spaces. A bare "0" is zero. nullopt if malformed or longer than 290 years.
[[nodiscard]] std::optional<Duration> parse_duration(std::string_view text);

// "1h30m", "90s" as "1m30s", "0s"; parse_duration gives the same value back.
[[nodiscard]] std::string format_duration(Duration duration);

}  // namespace espalier::crds
