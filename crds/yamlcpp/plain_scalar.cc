#include "crds/yamlcpp/plain_scalar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>

namespace espalier::crds {

namespace {

std::optional<bool> boolean(std::string_view text) {
  // Lower case, capitalised or upper case; "tRue" is text.
  constexpr std::array<std::string_view, 4> kTrue = {"true", "yes", "on", "y"};
  constexpr std::array<std::string_view, 4> kFalse = {"false", "no", "off", "n"};
  const auto spells = [&](std::string_view word) {
    if (text.size() != word.size()) return false;
    bool lower = true;
    bool upper = true;
    bool capitalised = true;
    for (std::size_t i = 0; i < word.size(); ++i) {
      const char big = static_cast<char>(word[i] - 'a' + 'A');
      lower = lower && text[i] == word[i];
      upper = upper && text[i] == big;
      capitalised = capitalised && text[i] == (i == 0 ? big : word[i]);
    }
    return lower || upper || capitalised;
  };
  if (std::any_of(kTrue.begin(), kTrue.end(), spells)) return true;
  if (std::any_of(kFalse.begin(), kFalse.end(), spells)) return false;
  return std::nullopt;
}

std::optional<Json> whole(std::string_view digits, int base, bool negative) {
  if (digits.empty()) return std::nullopt;
  std::uint64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value, base);
  if (stop != end || error == std::errc::invalid_argument) return std::nullopt;
  if (error == std::errc::result_out_of_range) return Json(negative ? -1e30 : 1e30);
  if (!negative) return Json(value);
  if (value > std::uint64_t{INT64_MAX}) return Json(-1e30);
  return Json(-static_cast<std::int64_t>(value));
}

std::optional<Json> number(std::string_view text) {
  std::string_view rest = text;
  const bool negative = !rest.empty() && rest[0] == '-';
  if (negative || (!rest.empty() && rest[0] == '+')) rest.remove_prefix(1);
  if (rest.empty() || (rest[0] != '.' && (rest[0] < '0' || rest[0] > '9'))) return std::nullopt;
  if (rest.size() > 2 && rest[0] == '0') {
    if (rest[1] == 'x') return whole(rest.substr(2), 16, negative);
    if (rest[1] == 'o') return whole(rest.substr(2), 8, negative);
    if (rest[1] == 'b') return whole(rest.substr(2), 2, negative);
  }
  if (rest.size() > 1 && rest[0] == '0') {
    if (auto octal = whole(rest, 8, negative)) return octal;
  }
  if (auto decimal = whole(rest, 10, negative)) return decimal;
  double value = 0;
  const char* end = rest.data() + rest.size();
  const auto [stop, error] = std::from_chars(rest.data(), end, value);
  if (stop != end || error == std::errc::invalid_argument) return std::nullopt;
  if (error == std::errc::result_out_of_range) value = 1e300;
  return Json(negative ? -value : value);
}

}  // namespace

Json plain_scalar(std::string_view text) {
  if (const auto flag = boolean(text)) return *flag;
  if (auto value = number(text)) return std::move(*value);
  return Json(std::string(text));
}

}  // namespace espalier::crds
