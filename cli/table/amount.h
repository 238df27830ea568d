// Amounts as people read them.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace espalier::cli {

// "0 B", "999 B", "1.0 KiB", "23.4 MiB", "1.2 TiB": three to four significant digits.
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);

// "0s", "59s", "1m30s", "2h05m", "3d04h": the two largest units. A negative duration is "0s".
[[nodiscard]] std::string duration_text(std::chrono::seconds duration);

}  // namespace espalier::cli
