#include "operator/run/operator_log.h"

#include <nlohmann/json.hpp>

namespace espalier::operator_run {
namespace {

using Ordered = nlohmann::ordered_json;

std::string json_text(std::string_view text) {
  return Ordered(text).dump(-1, ' ', false, Ordered::error_handler_t::replace);
}

bool plain(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte == 0x7f || c == '"' || c == '=') return false;
  }
  return true;
}

}  // namespace

void OperatorLog::write(std::string_view level, std::string_view message, Fields fields) {
  std::string line;
  if (format_ == LogFormat::kJson) {
    line = "{\"time\":" + json_text(clock_()) + ",\"level\":" + json_text(level) +
           ",\"message\":" + json_text(message);
    for (const auto& [key, value] : fields) line += "," + json_text(key) + ":" + json_text(value);
    line += "}\n";
  } else {
    line = clock_() + " " + std::string(level) + " " + std::string(message);
    for (const auto& [key, value] : fields)
      line += " " + std::string(key) + "=" + (plain(value) ? value : json_text(value));
    line += "\n";
  }
  const std::lock_guard lock(mutex_);
  sink_(line);
}

}  // namespace espalier::operator_run
