// The policies of a simulated kernel: the rules of Linux's SPD that matter.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "nodeagent/dataplane/kernel_ipsec.h"

namespace espalier::dataplane {

class FakePolicies {
 public:
  // Replacing keeps the index that the policy had; the wish for another is ignored, as is the wish
  // for an index that is taken.
  [[nodiscard]] Status set(const Policy& policy);
  [[nodiscard]] Result<Policy> remove(const PolicyId& id);

  // The policy that decides about a packet: lowest priority, then the older one.
  [[nodiscard]] const Policy* find(const Selector& packet, Direction direction,
                                   std::uint32_t mark) const;
  [[nodiscard]] const std::vector<Policy>& all() const { return policies_; }
  [[nodiscard]] std::vector<Policy>& all() { return policies_; }

  // Grows whenever a policy is made or replaced: what the kernel remembers per policy is gone then.
  [[nodiscard]] std::uint64_t generation_of(const Policy& policy) const;

 private:
  [[nodiscard]] std::uint32_t free_index(std::uint32_t wished, Direction direction);

  std::vector<Policy> policies_;  // oldest first
  std::vector<std::uint64_t> generations_;
  std::uint64_t next_generation_ = 1;
  std::uint32_t next_index_ = 8;
};

}  // namespace espalier::dataplane
