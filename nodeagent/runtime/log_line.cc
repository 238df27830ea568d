#include "nodeagent/runtime/log_line.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace espalier::runtime {
namespace {

bool is_plain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte > 0x20 && byte < 0x7f && c != '"' && c != '=' && c != '\\';
}

std::string quoted(const std::string& value) {
  if (!value.empty() && std::all_of(value.begin(), value.end(), is_plain)) return value;
  std::string out = "\"";
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string json_text(std::string_view value) {
  return nlohmann::json(value).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

std::string text_line(const telemetry::Event& event) {
  std::string line(telemetry::name_of(event.id));
  for (const auto& field : event.fields) {
    line += ' ';
    line += field.key;
    line += '=';
    line += quoted(field.value);
  }
  return line;
}

std::string json_members(const telemetry::Event& event) {
  std::string line = "\"event\":" + json_text(telemetry::name_of(event.id));
  for (const auto& field : event.fields) {
    line += "," + json_text(field.key) + ":" + json_text(field.value);
  }
  return line;
}

}  // namespace espalier::runtime
