// Byte strings that are not secret, and the few operations everyone needs on them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace espalier {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

[[nodiscard]] inline Bytes to_bytes(ByteView view) {
  return {view.begin(), view.end()};
}
[[nodiscard]] inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
[[nodiscard]] inline std::string to_text(ByteView view) {
  return {view.begin(), view.end()};
}
inline void append(Bytes& to, ByteView from) {
  to.insert(to.end(), from.begin(), from.end());
}

// Byte-wise equality; for anything derived from a secret use ct_equal instead.
[[nodiscard]] bool equal(ByteView a, ByteView b);

// Equality in time that depends on the lengths only.
[[nodiscard]] bool ct_equal(ByteView a, ByteView b);

// Lower-case hexadecimal without separators, and back (also upper case; no "0x", no spaces; nullopt
// if malformed).
[[nodiscard]] std::string to_hex(ByteView view);
[[nodiscard]] std::optional<Bytes> from_hex(std::string_view hex);

}  // namespace espalier
