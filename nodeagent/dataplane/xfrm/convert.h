// Between our value types and the kernel's structures.
//
// Guarantees: to_kernel() zeroes what it does not set; from_kernel() takes any bytes: what has no
// meaning (a family that is neither, a prefix length beyond the family's) gives nullopt.
#pragma once

#include <optional>

#include "base/ip.h"
#include "nodeagent/dataplane/policy.h"
#include "nodeagent/dataplane/sa.h"
#include "nodeagent/dataplane/xfrm/uapi.h"

namespace espalier::dataplane::xfrm {

[[nodiscard]] std::uint16_t family_number(IpFamily family);  // AF_INET, AF_INET6
[[nodiscard]] std::optional<IpFamily> family_of(std::uint16_t number);

[[nodiscard]] xfrm_address_t to_kernel(const IpAddress& address);
[[nodiscard]] IpAddress from_kernel(const xfrm_address_t& address, IpFamily family);

[[nodiscard]] xfrm_selector to_kernel(const Selector& selector);
[[nodiscard]] std::optional<Selector> from_kernel(const xfrm_selector& selector);
// Whether it matches every packet of its family.
[[nodiscard]] bool matches_all(const Selector& selector);

[[nodiscard]] xfrm_lifetime_cfg to_kernel(const Lifetimes& lifetimes);
[[nodiscard]] Lifetimes from_kernel(const xfrm_lifetime_cfg& lifetimes);
[[nodiscard]] Usage from_kernel(const xfrm_lifetime_cur& usage);

[[nodiscard]] std::uint8_t to_kernel(Mode mode);
[[nodiscard]] std::optional<Mode> mode_of(std::uint8_t number);
[[nodiscard]] std::uint8_t to_kernel(Direction direction);  // of a policy
[[nodiscard]] std::optional<Direction> direction_of(std::uint8_t number);

}  // namespace espalier::dataplane::xfrm
