#include "operator/reconcile/status/condition_list.h"

#include <algorithm>

#include <fmt/format.h>

namespace espalier::reconcile {

namespace {

constexpr std::size_t kProblemsTold = 5;
constexpr std::size_t kReadable = 1024;  // bytes

}  // namespace

void ConditionList::add(std::string_view type, crds::ConditionStatus status,
                        std::string_view reason, std::string message) {
  crds::Condition condition{std::string(type), status, generation_, now_, std::string(reason),
                            std::move(message)};
  const crds::Condition* old = crds::find(standing_, type);
  if (old != nullptr && old->status == status) {
    condition.last_transition_time = old->last_transition_time;
  }
  made_.push_back(std::move(condition));
}

void ConditionList::add(std::string_view type, bool holds, std::string_view reason,
                        std::string message) {
  add(type, holds ? crds::ConditionStatus::kTrue : crds::ConditionStatus::kFalse, reason,
      std::move(message));
}

bool ConditionList::add_accepted(const crds::Problems& problems) {
  if (problems.empty()) {
    add("Accepted", true, "Accepted", "the spec is valid");
    return true;
  }
  std::string message;
  for (std::size_t i = 0; i < std::min(problems.size(), kProblemsTold); ++i) {
    if (i > 0) message += "; ";
    if (!problems[i].field.empty()) message += problems[i].field + ": ";
    message += problems[i].detail;
  }
  if (problems.size() > kProblemsTold) {
    message += fmt::format("; and {} more", problems.size() - kProblemsTold);
  }
  add("Accepted", false, refusal(problems), std::move(message));
  return false;
}

std::string_view refusal(const crds::Problems& problems) {
  const bool only_not_yet = std::all_of(
      problems.begin(), problems.end(),
      [](const crds::Problem& problem) { return problem.kind == crds::ProblemKind::kNotYet; });
  return only_not_yet ? "NotSupported" : "Invalid";
}

std::string readable(std::string text) {
  if (text.size() <= kReadable) return text;
  std::size_t end = kReadable;
  // Not within a UTF-8 character.
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80) --end;
  text.resize(end);
  return text + "...";
}

bool same_conditions(const std::vector<crds::Condition>& made,
                     const std::vector<crds::Condition>& standing,
                     const std::vector<std::string_view>& types) {
  return std::all_of(types.begin(), types.end(), [&](std::string_view type) {
    const crds::Condition* one = crds::find(made, type);
    const crds::Condition* other = crds::find(standing, type);
    if (one == nullptr || other == nullptr) return one == other;
    return *one == *other;
  });
}

}  // namespace espalier::reconcile
