// FakeGuard: ClearTrafficGuard for tests: judges packets that a simulation gives it.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "nodeagent/dataplane/clear_traffic_guard.h"

namespace espalier::dataplane {

class FakeGuard final : public ClearTrafficGuard {
 public:
  [[nodiscard]] Status set_rules(const ClearTrafficRules& rules) override;
  [[nodiscard]] Result<std::vector<ClearTrafficCount>> counts() override;
  [[nodiscard]] Status remove() override;

  // Whether a clear packet, as it goes (kOut) or comes (kIn), passes.
  [[nodiscard]] bool passes(const Selector& packet, Direction direction, std::uint64_t bytes = 100);

  // What a clear packet's mark says of its pods.
  [[nodiscard]] std::uint32_t mark_of(const Selector& packet) const;

  [[nodiscard]] const std::optional<ClearTrafficRules>& rules() const { return rules_; }
  std::optional<Error> refuse;  // what set_rules() answers, if anything

 private:
  std::optional<ClearTrafficRules> rules_;
  std::vector<ClearTrafficCount> counts_;
};

}  // namespace espalier::dataplane
