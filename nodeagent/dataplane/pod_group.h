// Pod groups: how the kernel tells some pods' packets from others'.
//
// A group is the pods of one policy. The packet filter (clear_traffic_guard.h) looks a packet's two
// addresses up in the groups' sets and writes what it found into five bits of the packet's mark;
// XFRM policies for a group match those bits. So pods come and go by changes of sets alone.
//
// The bits say "not of this group", and one says "looked at". A packet that nobody looked at (the
// packet filter was flushed, or the pods are not known yet) has none of them set: it belongs to
// every group whose policies take what nobody looked at, and goes by ESP or not at all. An inbound
// SA for a group writes the group's bits into the mark of what it brings, so that those packets
// meet the policies of that very SA whatever the sets say at the moment.
//
// Bits 8 to 12 (0x1f00) are ours: kube-proxy has 14 and 15, CNI's portmap and podman 13, Calico 16
// to 31, kube-router, Weave and Tailscale some of those, AWS's CNI 7; people like low ones. Cilium
// uses nearly all, and its data path does not reach XFRM anyway. In the mark of a connection the
// same bits hold the group whose SA brought its first direction, for the answer to follow.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

#include "nodeagent/dataplane/policy.h"

namespace espalier::dataplane {

inline constexpr std::uint32_t kPodMarkField = 0x1f00;
inline constexpr std::uint32_t kPodMarkSeen = 0x1000;
// How many groups one node can tell apart.
inline constexpr std::size_t kPodGroups = 4;

struct PodGroup {
  std::uint8_t number = 0;  // below kPodGroups
  bool unseen = false;      // also what nobody looked at: policies that must not be missed

  friend auto operator<=>(const PodGroup&, const PodGroup&) = default;
};

// The bit that says "not of this group".
[[nodiscard]] constexpr std::uint32_t outside_bit(std::uint8_t group) {
  return 0x100U << group;
}

// What a policy for the group's packets matches.
[[nodiscard]] constexpr Mark mark_to_match(const PodGroup& group) {
  const std::uint32_t outside = outside_bit(group.number);
  return group.unseen ? Mark{0, outside} : Mark{kPodMarkSeen, kPodMarkSeen | outside};
}

// What an inbound SA for the group writes: of this group and no other.
[[nodiscard]] constexpr Mark mark_to_write(const PodGroup& group) {
  const std::uint32_t all = group.unseen ? kPodMarkField & ~kPodMarkSeen : kPodMarkField;
  return {all & ~outside_bit(group.number), kPodMarkField};
}

}  // namespace espalier::dataplane
