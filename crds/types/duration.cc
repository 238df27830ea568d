#include "crds/types/duration.h"

#include <array>
#include <cstdint>
#include <limits>
#include <utility>

#include <fmt/format.h>

namespace espalier::crds {

namespace {

struct Unit {
  std::string_view name;
  std::int64_t nanoseconds;
};

// Longer names before their prefixes.
constexpr std::array<Unit, 8> kUnits = {{{"ms", 1'000'000},
                                         {"us", 1'000},
                                         {"\u00b5s", 1'000},
                                         {"\u03bcs", 1'000},
                                         {"ns", 1},
                                         {"h", 3'600'000'000'000},
                                         {"m", 60'000'000'000},
                                         {"s", 1'000'000'000}}};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// a * b + c without overflow, for values that are not negative.
std::optional<std::int64_t> times_plus(std::int64_t a, std::int64_t b, std::int64_t c) {
  std::int64_t product = 0;
  std::int64_t sum = 0;
  if (__builtin_mul_overflow(a, b, &product) || __builtin_add_overflow(product, c, &sum)) {
    return std::nullopt;
  }
  return sum;
}

// The fraction's value in nanoseconds of `unit`; digits beyond a nanosecond are dropped, as in Go.
std::int64_t fraction_of(std::string_view digits, std::int64_t unit) {
  std::int64_t value = 0;
  for (const char digit : digits) {
    unit /= 10;  // exact down to a few nanoseconds, then zero
    value += (digit - '0') * unit;
  }
  return value;
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  if (text == "0") return Duration{0};
  if (text.empty()) return std::nullopt;
  std::int64_t total = 0;
  while (!text.empty()) {
    std::int64_t whole = 0;
    std::size_t at = 0;
    for (; at < text.size() && is_digit(text[at]); ++at) {
      const auto next = times_plus(whole, 10, text[at] - '0');
      if (!next) return std::nullopt;
      whole = *next;
    }
    const std::size_t whole_digits = at;
    std::string_view fraction;
    if (at < text.size() && text[at] == '.') {
      const std::size_t begin = ++at;
      while (at < text.size() && is_digit(text[at])) ++at;
      fraction = text.substr(begin, at - begin);
    }
    if (whole_digits == 0 && fraction.empty()) return std::nullopt;
    text.remove_prefix(at);

    std::int64_t unit = 0;
    for (const Unit& candidate : kUnits) {
      if (text.substr(0, candidate.name.size()) != candidate.name) continue;
      unit = candidate.nanoseconds;
      text.remove_prefix(candidate.name.size());
      break;
    }
    if (unit == 0) return std::nullopt;
    const auto part = times_plus(whole, unit, fraction_of(fraction, unit));
    const auto sum = part ? times_plus(*part, 1, total) : std::nullopt;
    if (!sum) return std::nullopt;
    total = *sum;
  }
  return Duration{total};
}

std::string format_duration(Duration duration) {
  std::int64_t rest = duration.count();
  if (rest == 0) return "0s";
  std::string text;
  if (rest < 0) {
    if (rest == std::numeric_limits<std::int64_t>::min()) ++rest;
    text = "-";
    rest = -rest;
  }
  for (const auto& [name, unit] :
       std::array<std::pair<std::string_view, std::int64_t>, 6>{{{"h", 3'600'000'000'000},
                                                                 {"m", 60'000'000'000},
                                                                 {"s", 1'000'000'000},
                                                                 {"ms", 1'000'000},
                                                                 {"us", 1'000},
                                                                 {"ns", 1}}}) {
    if (rest >= unit) text += fmt::format("{}{}", rest / unit, name);
    rest %= unit;
  }
  return text;
}

}  // namespace espalier::crds
