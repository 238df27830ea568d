#include "base/base64.h"

#include <cstdint>
#include <string>
#include <utility>

namespace espalier {
namespace {

int value_of(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  if (c == '/') return 63;
  return -1;
}

bool space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

tl::unexpected<Error> bad(std::string why) {
  return fail(Code::kInvalid, {}, std::move(why));
}

}  // namespace

Result<SecretBytes> decode_base64(std::string_view text) {
  SecretBytes out(text.size() / 4 * 3 + 3);
  std::size_t length = 0;
  std::uint32_t bits = 0;
  int digits = 0;
  int padding = 0;
  for (const char c : text) {
    if (space(c)) continue;
    if (c == '=') {
      ++padding;
      continue;
    }
    const int value = value_of(c);
    if (value < 0 || padding != 0) return bad("holds what is no base64");
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    if (++digits == 4) {
      for (const int shift : {16, 8, 0}) {
        out.writable()[length++] = static_cast<std::uint8_t>(bits >> shift);
      }
      digits = 0;
      bits = 0;
    }
  }
  // A last group of two or three digits gives one or two octets and has its padding; its spare bits
  // are zero.
  if (digits == 1 || (digits == 0 && padding != 0) || (digits != 0 && padding != 4 - digits)) {
    return bad("ends in the middle of base64");
  }
  if (digits != 0) {
    const int spare = digits == 2 ? 4 : 2;
    if ((bits & ((1U << spare) - 1)) != 0) return bad("holds what is no base64");
    bits >>= spare;
    if (digits == 3) out.writable()[length++] = static_cast<std::uint8_t>(bits >> 8);
    out.writable()[length++] = static_cast<std::uint8_t>(bits);
  }
  return out.slice(0, length);
}

SecretBytes encode_base64(ByteView data) {
  static constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  SecretBytes out((data.size() + 2) / 3 * 4);
  std::size_t length = 0;
  for (std::size_t at = 0; at < data.size(); at += 3) {
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      bits = bits << 8 | (at + i < data.size() ? data[at + i] : 0U);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      const bool padding = at + i > data.size();
      const char digit = padding ? '=' : kAlphabet[bits >> (18 - 6 * i) & 0x3f];
      out.writable()[length++] = static_cast<std::uint8_t>(digit);
    }
  }
  return out;
}

}  // namespace espalier
