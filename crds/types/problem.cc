#include "crds/types/problem.h"

#include <algorithm>

#include <fmt/format.h>

namespace espalier::crds {

std::string Origin::to_string() const {
  if (at.line == 0) return file;
  if (file.empty()) return fmt::format("line {}", at.line);
  return fmt::format("{}:{}:{}", file, at.line, at.column);
}

std::string Problem::to_string() const {
  std::string text;
  for (const std::string& part : {origin.to_string(), object, field}) {
    if (!part.empty()) text += part + ": ";
  }
  return text + detail;
}

void sort_by_place(Problems& problems) {
  std::stable_sort(problems.begin(), problems.end(),
                   [](const Problem& a, const Problem& b) { return a.origin < b.origin; });
}

}  // namespace espalier::crds
