// How we know our own SAs and policies in a kernel that others use too.
//
// - Every SA, and every policy with a template, has a reqid of our range.
// - Every policy asks for an index of our band. The kernel honours a wished index unless it is
//   taken, then it silently gives another: read it back, and trust the journal for those
//   (journal.h).
// - Nothing outside is ever changed or deleted, and nothing is flushed.
#pragma once

#include <cstdint>

#include "nodeagent/dataplane/policy.h"

namespace espalier::dataplane {

// Reqids 0x45000000 ('E') to 0x45ffffff. libreswan counts from 16389 and strongSwan from 1, so
// neither gets there.
inline constexpr std::uint32_t kReqidFirst = 0x45000000;
inline constexpr std::uint32_t kReqidLast = 0x45ffffff;

[[nodiscard]] constexpr bool owns_reqid(std::uint32_t reqid) {
  return reqid >= kReqidFirst && reqid <= kReqidLast;
}

// Policy indices 0x45000000 to 0x45ffffff; the kernel's own count starts at 8. The low three bits
// are the direction: an index whose bits differ from its policy's direction is refused.
inline constexpr std::uint32_t kIndexFirst = 0x45000000;
inline constexpr std::uint32_t kIndexLast = 0x45ffffff;

[[nodiscard]] constexpr bool owns_index(std::uint32_t index) {
  return index >= kIndexFirst && index <= kIndexLast;
}

// The index of our band for a slot (0 to 2^21 - 1) and a direction.
inline constexpr std::uint32_t kIndexSlots = 1U << 21U;
[[nodiscard]] constexpr std::uint32_t index_of(std::uint32_t slot, Direction direction) {
  return kIndexFirst | ((slot % kIndexSlots) << 3U) | static_cast<std::uint32_t>(direction);
}

// Ours by what the kernel shows alone, without the journal.
[[nodiscard]] constexpr bool owns(const Policy& policy) {
  return owns_index(policy.index) || (policy.transform && owns_reqid(policy.transform->reqid));
}

}  // namespace espalier::dataplane
