// A time as RFC 3339 has it, in UTC: as Kubernetes writes it, and people read it.
#pragma once

#include <string>

#include "base/time.h"

namespace espalier {

// "2026-11-24T18:00:00Z". `time` is in the years 0 to 9999.
[[nodiscard]] std::string time_text(WallTime time);

}  // namespace espalier
