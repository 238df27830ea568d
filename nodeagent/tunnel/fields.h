// Lines of fields, as the files of the state folder have them.
#pragma once

#include <charconv>
#include <optional>
#include <string_view>
#include <vector>

namespace espalier::tunnel {

// Never empty; the parts are views into `text`.
[[nodiscard]] inline std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

// nullopt unless the whole text is a number that T holds.
template <typename T>
[[nodiscard]] std::optional<T> number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace espalier::tunnel
