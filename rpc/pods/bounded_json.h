// Reads JSON that another program wrote, of bounded depth: what writes or copies a value recurses.
#pragma once

#include <string_view>

#include <nlohmann/json.hpp>

#include "base/result.h"

namespace espalier::pods {

inline constexpr int kDeepestJson = 64;

// Json: nlohmann::json, or ordered_json where the order of keys is to be kept. kInvalid: no JSON,
// or deeper than kDeepestJson.
template <typename Json>
[[nodiscard]] Result<Json> parse_bounded(std::string_view text) {
  bool too_deep = false;
  const auto bounded = [&too_deep](int depth, typename Json::parse_event_t event, Json&) {
    const bool opens =
        event == Json::parse_event_t::object_start || event == Json::parse_event_t::array_start;
    if (opens && depth >= kDeepestJson) too_deep = true;
    return !too_deep;
  };
  Json json = Json::parse(text.begin(), text.end(), bounded, false);
  if (too_deep) return fail(Code::kInvalid, "", "JSON that is nested too deeply");
  if (json.is_discarded()) return fail(Code::kInvalid, "", "is no JSON");
  return json;
}

}  // namespace espalier::pods
