// ConditionList: the conditions of one status, made anew from what holds, with the times of those
// that stand.
//
// Guarantees: the time of a condition is when its status (True, False, Unknown) last changed; a
// condition that nobody adds is gone. Pure: the time is an argument.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "crds/types/problem.h"
#include "crds/types/status.h"

namespace espalier::reconcile {

class ConditionList {
 public:
  // `standing` and `generation` are the object's; `now` is RFC 3339.
  ConditionList(const std::vector<crds::Condition>& standing, std::int64_t generation,
                std::string now)
      : standing_(standing), generation_(generation), now_(std::move(now)) {}

  // `reason` is one CamelCase word; each type once.
  void add(std::string_view type, crds::ConditionStatus status, std::string_view reason,
           std::string message);
  void add(std::string_view type, bool holds, std::string_view reason, std::string message);
  // Accepted: False and the first problems, each with its field, if there are any. True if it is
  // accepted.
  bool add_accepted(const crds::Problems& problems);

  [[nodiscard]] std::vector<crds::Condition> take() { return std::move(made_); }

 private:
  const std::vector<crds::Condition>& standing_;
  std::int64_t generation_;
  std::string now_;
  std::vector<crds::Condition> made_;
};

// Why an object is not accepted, in one word: "Invalid", or "NotSupported" where this release lacks
// what is asked for.
[[nodiscard]] std::string_view refusal(const crds::Problems& problems);

// Cut to a length that a condition's message can be read at, with "..." where something is missing.
[[nodiscard]] std::string readable(std::string text);

// Whether `standing` has the conditions of `types` just as in `made`. Conditions of others do not
// count.
[[nodiscard]] bool same_conditions(const std::vector<crds::Condition>& made,
                                   const std::vector<crds::Condition>& standing,
                                   const std::vector<std::string_view>& types);

}  // namespace espalier::reconcile
