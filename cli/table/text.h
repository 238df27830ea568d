// Text for terminals: what is safe to print, how wide it is, how it is cut and wrapped.
//
// Guarantees: widths count characters (code points), not octets. printable() lets no control
// character through: names and reasons may come from a peer, and a terminal obeys what it reads.
// Caveat: combining and double-width characters count as one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace espalier::cli {

inline constexpr std::size_t kWidth = 100;  // what all output fits

// Control characters and octets that are no UTF-8 become '?'.
[[nodiscard]] std::string printable(std::string_view text);

[[nodiscard]] std::size_t width_of(std::string_view text);

// At most `width` characters; what was cut shows as a "…" at the end.
[[nodiscard]] std::string shortened(std::string_view text, std::size_t width);

// Lines of at most `width` characters, broken at blanks; the first starts with `first`, the others
// with blanks of the same width. A longer word stands on a line of its own. Ends with a newline.
[[nodiscard]] std::string wrapped(std::string_view first, std::string_view text,
                                  std::size_t width = kWidth);

}  // namespace espalier::cli
