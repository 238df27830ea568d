// The algebra of traffic selectors (RFC 7296 section 2.9): narrowing what a peer asks for to what
// we allow.
//
// Guarantees: pure; the result of narrow() holds exactly the packets that both sides name, in the
// order of `asked`.
#pragma once

#include <optional>
#include <vector>

#include "ike/wire/traffic_selector.h"

namespace espalier::ike {

[[nodiscard]] std::optional<wire::TrafficSelector> intersect(const wire::TrafficSelector& a,
                                                             const wire::TrafficSelector& b);

// What of `asked` is inside `allowed`; without repetition.
[[nodiscard]] std::vector<wire::TrafficSelector> narrow(
    const std::vector<wire::TrafficSelector>& asked,
    const std::vector<wire::TrafficSelector>& allowed);

// Whether every packet of `inner` is in `outer`: each of `inner` inside one of `outer`.
[[nodiscard]] bool covers(const std::vector<wire::TrafficSelector>& outer,
                          const std::vector<wire::TrafficSelector>& inner);

}  // namespace espalier::ike
