#include "nodeagent/dataplane/fake/fake_guard.h"

#include <algorithm>

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

std::uint32_t FakeGuard::mark_of(const Selector& packet) const {
  std::uint32_t mark = 0;
  if (!rules_) return mark;
  for (const auto& guarded : rules_->groups) {
    if (!guarded.pods) continue;
    const auto in_reach = [&](const Prefix& end) {
      return std::any_of(rules_->rules.begin(), rules_->rules.end(), [&](const auto& rule) {
        return rule.group == guarded.group.number &&
               rule.outbound.destination.contains(end.address());
      });
    };
    const auto is_one = [&](const Prefix& end) {
      return std::binary_search(guarded.pods->begin(), guarded.pods->end(), end.address());
    };
    if (!in_reach(packet.source) && !in_reach(packet.destination)) continue;
    mark |= kPodMarkSeen;
    if (!is_one(packet.source) && !is_one(packet.destination)) {
      mark |= outside_bit(guarded.group.number);
    }
  }
  return mark;
}

bool FakeGuard::passes(const Selector& packet, Direction direction, std::uint64_t bytes) {
  if (!rules_) return true;
  const auto outbound = direction == Direction::kOut ? packet : packet.reversed();
  const auto mark = mark_of(packet);
  for (const auto& rule : rules_->rules) {
    if (!rule.outbound.matches(outbound)) continue;
    if (rule.group && (mark & outside_bit(*rule.group)) != 0) continue;
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
