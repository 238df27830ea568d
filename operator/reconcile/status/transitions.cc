#include "operator/reconcile/status/transitions.h"

#include <algorithm>

#include "operator/reconcile/status/node_reports.h"

namespace espalier::reconcile {

namespace {

using crds::Condition;
using crds::ConditionStatus;

bool has(const Condition* condition, ConditionStatus status) {
  return condition != nullptr && condition->status == status;
}

class Telling {
 public:
  Telling(const std::vector<Condition>& standing, const std::vector<Condition>& made)
      : standing_(standing), made_(made) {}

  void became(std::string_view type, ConditionStatus status) {
    const Condition* now = crds::find(made_, type);
    if (has(now, status) && !has(crds::find(standing_, type), status))
      add(status == ConditionStatus::kFalse || type != "Ready", *now);
  }
  void failed(std::string_view type) {
    constexpr std::string_view kReason = "NodeFailed";
    const Condition* now = crds::find(made_, type);
    const Condition* before = crds::find(standing_, type);
    if (now != nullptr && now->reason == kReason &&
        (before == nullptr || before->reason != kReason))
      add(true, *now);
  }
  void lost_ready() {
    const Condition* now = crds::find(made_, "Ready");
    if (now != nullptr && now->status != ConditionStatus::kTrue &&
        has(crds::find(standing_, "Ready"), ConditionStatus::kTrue)) {
      add(now->reason != "Pending", *now);
    }
  }
  [[nodiscard]] std::vector<Transition> take() { return std::move(all_); }

 private:
  void add(bool warning, const Condition& condition) {
    const bool told = std::any_of(all_.begin(), all_.end(), [&](const Transition& one) {
      return one.reason == condition.reason;
    });
    if (!told) all_.push_back({warning, condition.reason, condition.message});
  }

  const std::vector<Condition>& standing_;
  const std::vector<Condition>& made_;
  std::vector<Transition> all_;
};

}  // namespace

std::vector<Transition> transitions(const std::vector<Condition>& standing,
                                    const std::vector<Condition>& made) {
  Telling telling(standing, made);
  telling.became("Accepted", ConditionStatus::kFalse);
  telling.failed("Programmed");
  telling.failed("Established");
  for (const std::string_view note : kToldNotes) telling.became(note, ConditionStatus::kTrue);
  telling.lost_ready();
  telling.became("Ready", ConditionStatus::kTrue);
  return telling.take();
}

}  // namespace espalier::reconcile
