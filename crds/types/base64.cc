#include "crds/types/base64.h"

#include <array>
#include <cstdint>

namespace espalier::crds {

namespace {

constexpr std::uint8_t kBad = 0xff;

constexpr std::array<std::uint8_t, 256> make_digits() {
  std::array<std::uint8_t, 256> digits{};
  for (auto& digit : digits) digit = kBad;
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    digits[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return digits;
}

constexpr std::array<std::uint8_t, 256> kDigits = make_digits();

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

}  // namespace

std::optional<SecretBytes> decode_base64(std::string_view text) {
  SecretBytes room(text.size() / 4 * 3 + 3);
  std::size_t size = 0;
  std::uint32_t group = 0;
  int digits = 0;
  int padding = 0;
  for (const char c : text) {
    if (is_space(c)) continue;
    if (c == '=') {
      if (digits < 2 || digits + padding == 4) return std::nullopt;
      ++padding;
      continue;
    }
    const std::uint8_t digit = kDigits[static_cast<unsigned char>(c)];
    if (digit == kBad || padding > 0) return std::nullopt;
    group = group << 6 | digit;
    if (++digits < 4) continue;
    for (int shift = 16; shift >= 0; shift -= 8) {
      room.writable()[size++] = static_cast<std::uint8_t>(group >> shift);
    }
    group = 0;
    digits = 0;
  }
  if (digits == 0 && padding == 0) return room.slice(0, size);
  if (digits + padding != 4) return std::nullopt;
  const int bits = digits * 6;
  const int unused = bits % 8;
  if ((group & ((1U << unused) - 1U)) != 0) return std::nullopt;
  for (int shift = bits - 8; shift >= 0; shift -= 8) {
    room.writable()[size++] = static_cast<std::uint8_t>(group >> shift);
  }
  return room.slice(0, size);
}

}  // namespace espalier::crds
