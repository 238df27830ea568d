#include "nodeagent/dataplane/fake/fake_policies.h"

#include <algorithm>

namespace espalier::dataplane {

Status FakePolicies::set(const Policy& policy) {
  const auto where = id_of(policy).to_string();
  const auto direction = static_cast<std::uint32_t>(policy.direction);
  if (policy.selector.source.family() != policy.selector.destination.family()) {
    return fail(Code::kInvalid, where, "the selector mixes IPv4 and IPv6");
  }
  if (policy.mark && policy.mark->mask == 0) {
    return fail(Code::kInvalid, where, "the kernel forgets a mark with mask 0: leave it out");
  }
  if (policy.index != 0 && (policy.index & 7U) != direction) {
    return fail(Code::kKernel, where,
                "EINVAL (Invalid argument): Policy index doesn't match direction");
  }
  if (policy.transform) {
    const auto& transform = *policy.transform;
    const bool tunnel = transform.mode == Mode::kTunnel;
    if (tunnel && transform.level == Template::Level::kUse && policy.direction == Direction::kOut) {
      return fail(Code::kKernel, where,
                  "EINVAL (Invalid argument): Mode in optional template not allowed in outbound "
                  "policy");
    }
    if (!tunnel && transform.destination.family() != policy.selector.family()) {
      return fail(Code::kKernel, where,
                  "EINVAL (Invalid argument): Mode in template doesn't support a family change");
    }
  }
  const auto same = std::find_if(policies_.begin(), policies_.end(), [&](const Policy& standing) {
    return id_of(standing) == id_of(policy);
  });
  Policy made = policy;
  made.index = same == policies_.end() ? free_index(policy.index, policy.direction) : same->index;
  if (same != policies_.end()) {
    generations_.erase(generations_.begin() + (same - policies_.begin()));
    policies_.erase(same);
  }
  policies_.push_back(made);
  generations_.push_back(next_generation_++);
  return {};
}

Result<Policy> FakePolicies::remove(const PolicyId& id) {
  const auto found = std::find_if(policies_.begin(), policies_.end(),
                                  [&](const Policy& policy) { return id_of(policy) == id; });
  if (found == policies_.end()) {
    return fail(Code::kNotFound, id.to_string(), "ENOENT (No such file or directory)");
  }
  Policy removed = *found;
  generations_.erase(generations_.begin() + (found - policies_.begin()));
  policies_.erase(found);
  return removed;
}

const Policy* FakePolicies::find(const Selector& packet, Direction direction,
                                 std::uint32_t mark) const {
  const Policy* best = nullptr;
  for (const auto& policy : policies_) {
    if (policy.direction != direction || !policy.selector.matches(packet)) continue;
    if (policy.mark && (mark & policy.mark->mask) != (policy.mark->value & policy.mark->mask)) {
      continue;
    }
    if (best == nullptr || policy.priority < best->priority) best = &policy;
  }
  return best;
}

std::uint64_t FakePolicies::generation_of(const Policy& policy) const {
  for (std::size_t i = 0; i < policies_.size(); ++i) {
    if (policies_[i].index == policy.index) return generations_[i];
  }
  return 0;
}

std::uint32_t FakePolicies::free_index(std::uint32_t wished, Direction direction) {
  const auto taken = [&](std::uint32_t index) {
    return std::any_of(policies_.begin(), policies_.end(),
                       [&](const Policy& policy) { return policy.index == index; });
  };
  if (wished != 0 && !taken(wished)) return wished;
  std::uint32_t index = 0;
  do {
    index = next_index_ | static_cast<std::uint32_t>(direction);
    next_index_ += 8;
  } while (taken(index));
  return index;
}

}  // namespace espalier::dataplane
