#include "nodeagent/dataplane/fake/fake_guard.h"

namespace espalier::dataplane {

Status FakeGuard::set_rules(const ClearTrafficRules& rules) {
  if (refuse) return tl::unexpected<Error>(*refuse);
  if (!rules_) {
    counts_ = {{Direction::kIn, IpFamily::kV4},
               {Direction::kIn, IpFamily::kV6},
               {Direction::kOut, IpFamily::kV4},
               {Direction::kOut, IpFamily::kV6}};
  }
  rules_ = rules;
  return {};
}

Result<std::vector<ClearTrafficCount>> FakeGuard::counts() {
  if (!rules_) return fail(Code::kNotFound, "clear-traffic guard", "it is not there");
  return counts_;
}

Status FakeGuard::remove() {
  rules_.reset();
  return {};
}

bool FakeGuard::passes(const Selector& packet, Direction direction, std::uint64_t bytes) {
  if (!rules_) return true;
  const auto outbound = direction == Direction::kOut ? packet : packet.reversed();
  for (const auto& rule : rules_->rules) {
    if (!rule.outbound.matches(outbound)) continue;
    if (rule.verdict == ClearVerdict::kPass) return true;
    const bool blocks = rule.verdict == ClearVerdict::kBlock;
    for (auto& count : counts_) {
      if (count.direction != direction || count.family != packet.family()) continue;
      (blocks ? count.blocked_packets : count.passed_packets) += 1;
      (blocks ? count.blocked_bytes : count.passed_bytes) += bytes;
    }
    return !blocks;
  }
  return true;
}

}  // namespace espalier::dataplane
