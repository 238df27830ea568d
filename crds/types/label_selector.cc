#include "crds/types/label_selector.h"

#include <algorithm>

#include "crds/types/label_selector_shape.h"

namespace espalier::crds {

namespace {

bool holds(const LabelRequirement& requirement, const std::map<std::string, std::string>& labels) {
  const auto label = labels.find(requirement.key);
  const bool present = label != labels.end();
  const auto listed = [&] {
    return std::find(requirement.values.begin(), requirement.values.end(), label->second) !=
           requirement.values.end();
  };
  switch (requirement.op) {
    case LabelOperator::kIn:
      return present && listed();
    case LabelOperator::kNotIn:
      return !present || !listed();
    case LabelOperator::kExists:
      return present;
    case LabelOperator::kDoesNotExist:
      return !present;
  }
  return false;
}

}  // namespace

bool LabelSelector::matches(const std::map<std::string, std::string>& labels) const {
  return std::all_of(match_labels.begin(), match_labels.end(),
                     [&](const auto& wanted) {
                       const auto label = labels.find(wanted.first);
                       return label != labels.end() && label->second == wanted.second;
                     }) &&
         std::all_of(
             match_expressions.begin(), match_expressions.end(),
             [&](const LabelRequirement& requirement) { return holds(requirement, labels); });
}

Value<LabelSelector> label_selector() {
  Shape<LabelRequirement> requirement;
  requirement.required("key", &LabelRequirement::key, text(317, is_label_key, "a label's key"));
  requirement.required("operator", &LabelRequirement::op,
                       choice<LabelOperator>({{"In", LabelOperator::kIn, {}},
                                              {"NotIn", LabelOperator::kNotIn, {}},
                                              {"Exists", LabelOperator::kExists, {}},
                                              {"DoesNotExist", LabelOperator::kDoesNotExist, {}}}));
  requirement.optional("values", &LabelRequirement::values,
                       set(text(63, is_label_value, "a label's value"), 0, 64));
  requirement.rule([](const LabelRequirement& value, const Cursor& here) {
    const bool needs = value.op == LabelOperator::kIn || value.op == LabelOperator::kNotIn;
    if (needs && value.values.empty()) here.invalid("`values` is missing: In and NotIn need it");
    if (!needs && !value.values.empty()) {
      here.at("values").invalid("goes with In and NotIn only");
    }
  });

  Shape<LabelSelector> shape;
  shape.optional("matchLabels", &LabelSelector::match_labels, labels());
  shape.optional("matchExpressions", &LabelSelector::match_expressions,
                 list(requirement.value(), 0, 32));
  return shape.value();
}

}  // namespace espalier::crds
