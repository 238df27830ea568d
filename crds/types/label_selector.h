// LabelSelector, as everywhere in Kubernetes: all its requirements must hold.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace espalier::crds {

enum class LabelOperator : std::uint8_t { kIn, kNotIn, kExists, kDoesNotExist };

struct LabelRequirement {
  std::string key;
  LabelOperator op = LabelOperator::kExists;
  std::vector<std::string> values;  // not empty with kIn and kNotIn, else empty

  friend bool operator==(const LabelRequirement&, const LabelRequirement&) = default;
};

struct LabelSelector {
  std::map<std::string, std::string> match_labels;
  std::vector<LabelRequirement> match_expressions;

  // An empty selector selects everything. A missing label satisfies kNotIn, as in Kubernetes.
  [[nodiscard]] bool matches(const std::map<std::string, std::string>& labels) const;
  friend bool operator==(const LabelSelector&, const LabelSelector&) = default;
};

}  // namespace espalier::crds
