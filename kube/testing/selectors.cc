#include "kube/testing/selectors.h"

#include <algorithm>
#include <string>
#include <vector>

namespace espalier::kube::testing {
namespace {

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// At commas that stand outside parentheses.
std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  int depth = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] == '(') ++depth;
    if (i < text.size() && text[i] == ')') --depth;
    if (i == text.size() || (text[i] == ',' && depth == 0)) {
      if (const auto part = trim(text.substr(begin, i - begin)); !part.empty()) {
        parts.push_back(part);
      }
      begin = i + 1;
    }
  }
  return parts;
}

const Json* label(const Json& object, std::string_view key) {
  const Json* labels = find_field(object, "metadata.labels");
  if (labels == nullptr || !labels->is_object()) return nullptr;
  const auto at = labels->find(key);
  return at == labels->end() ? nullptr : &*at;
}

bool in_set(const Json* value, std::string_view set) {
  if (value == nullptr) return false;
  const auto open = set.find('(');
  const auto close = set.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos) return false;
  const auto words = split(set.substr(open + 1, close - open - 1));
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return *value == Json(std::string(word)); });
}

bool requirement_holds(const Json& object, std::string_view part) {
  if (part.front() == '!') return label(object, trim(part.substr(1))) == nullptr;
  if (const auto at = part.find(" notin "); at != std::string_view::npos) {
    return !in_set(label(object, trim(part.substr(0, at))), part.substr(at));
  }
  if (const auto at = part.find(" in "); at != std::string_view::npos) {
    return in_set(label(object, trim(part.substr(0, at))), part.substr(at));
  }
  if (const auto at = part.find("!="); at != std::string_view::npos) {
    const Json* value = label(object, trim(part.substr(0, at)));
    return value == nullptr || *value != Json(std::string(trim(part.substr(at + 2))));
  }
  if (const auto at = part.find('='); at != std::string_view::npos) {
    const auto want = part.substr(part.substr(at + 1, 1) == "=" ? at + 2 : at + 1);
    const Json* value = label(object, trim(part.substr(0, at)));
    return value != nullptr && *value == Json(std::string(trim(want)));
  }
  return label(object, part) != nullptr;
}

}  // namespace

bool labels_match(const Json& object, std::string_view selector) {
  const auto parts = split(selector);
  return std::all_of(parts.begin(), parts.end(),
                     [&](std::string_view part) { return requirement_holds(object, part); });
}

bool fields_match(const Json& object, std::string_view selector) {
  const auto parts = split(selector);
  return std::all_of(parts.begin(), parts.end(), [&](std::string_view part) {
    const auto at = part.find('=');
    if (at == std::string_view::npos || at == 0) return false;
    const bool negated = part[at - 1] == '!';
    const auto path = part.substr(0, negated ? at - 1 : at);
    auto want = part.substr(at + 1);
    if (!want.empty() && want.front() == '=') want.remove_prefix(1);
    return (field_text(object, path) == want) != negated;
  });
}

}  // namespace espalier::kube::testing
