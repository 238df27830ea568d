#include "cli/table/yaml.h"

#include <algorithm>
#include <string_view>

namespace espalier::cli {
namespace {

using nlohmann::ordered_json;

// Only what no YAML reader can take for a number, a boolean, null, a date or syntax: letters first,
// then letters, digits and a few marks, and no word of YAML 1.1.
bool is_plain(std::string_view text) {
  constexpr std::string_view kWords[] = {"true", "false", "yes", "no",  "on", "off",
                                         "null", "y",     "n",   "inf", "nan"};
  if (text.empty()) return false;
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto fine = [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '/';
  };
  if (!letter(text.front()) || !std::all_of(text.begin(), text.end(), fine)) return false;
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return std::find(std::begin(kWords), std::end(kWords), lower) == std::end(kWords);
}

std::string scalar(const ordered_json& value) {
  if (value.is_string() && is_plain(value.get_ref<const std::string&>())) {
    return value.get<std::string>();
  }
  // JSON's scalars, "[]" and "{}" are YAML's too.
  return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

bool is_block(const ordered_json& value) {
  return value.is_structured() && !value.empty();
}

void write(std::string& out, const ordered_json& value, std::size_t indent);

void write_after_key(std::string& out, const ordered_json& value, std::size_t indent) {
  if (is_block(value)) {
    out += "\n";
    write(out, value, indent);
  } else {
    out += " " + scalar(value) + "\n";
  }
}

void write(std::string& out, const ordered_json& value, std::size_t indent) {
  const std::string blanks(indent, ' ');
  if (value.is_object()) {
    for (const auto& [key, member] : value.items()) {
      out += blanks + scalar(key) + ":";
      write_after_key(out, member, indent + (member.is_array() ? 0 : 2));
    }
    return;
  }
  for (const ordered_json& element : value) {
    if (!is_block(element)) {
      out += blanks + "- " + scalar(element) + "\n";
      continue;
    }
    // The element's own first indent gives way to the dash.
    std::string inner;
    write(inner, element, indent + 2);
    inner[indent] = '-';
    out += inner;
  }
}

}  // namespace

std::string yaml_text(const ordered_json& value) {
  if (!is_block(value)) return scalar(value) + "\n";
  std::string out;
  write(out, value, 0);
  return out;
}

}  // namespace espalier::cli
