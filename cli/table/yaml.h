// JSON values as YAML text, in block style.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace espalier::cli {

// Keeps the order of members. Strings that YAML could read as anything else are quoted, so that
// what is read back is what was given. Ends with a newline.
[[nodiscard]] std::string yaml_text(const nlohmann::ordered_json& value);

}  // namespace espalier::cli
