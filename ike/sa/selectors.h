// The algebra of traffic selectors (RFC 7296 section 2.9): narrowing what a peer asks for to what
// we allow, comparing lists, and cutting ranges into prefixes for the kernel.
//
// Guarantees: pure. Lists mean the union of their selectors, so what matters is the packets, not
// how they are written or in which order. Ports ANY (0 to 65535) hold the OPAQUE ones too; OPAQUE
// meets nothing else (section 3.13.1).
// Caveat: lists of odd shapes can make the exact answer of covers() very long; past a bound it is
// "no" (see there).
#pragma once

#include <optional>
#include <vector>

#include "base/ip.h"
#include "ike/wire/traffic_selector.h"

namespace espalier::ike {

// The packets that both name; nullopt when there are none.
[[nodiscard]] std::optional<wire::TrafficSelector> intersect(const wire::TrafficSelector& a,
                                                             const wire::TrafficSelector& b);

// Whether every packet of `inner` is one of `outer`.
[[nodiscard]] bool contains(const wire::TrafficSelector& outer, const wire::TrafficSelector& inner);

// Responder's narrowing: what of `asked` is inside `allowed`, in the order of `asked`, so that the
// initiator's first selector (its packet, if it sent one) keeps its place; what another one of the
// result holds is left out. At most wire::kMaxSelectors, which is narrower still, never wider.
[[nodiscard]] std::vector<wire::TrafficSelector> narrow(
    const std::vector<wire::TrafficSelector>& asked,
    const std::vector<wire::TrafficSelector>& allowed);

// Whether every packet of `inner` is in the union of `outer`: 10.0.0.0/25 and 10.0.0.128/25 cover
// 10.0.0.0/24. False also when no single one holds it and it takes more than a thousand pieces to
// tell.
[[nodiscard]] bool covers(const std::vector<wire::TrafficSelector>& outer,
                          const std::vector<wire::TrafficSelector>& inner);

// Whether two lists mean the same packets.
[[nodiscard]] bool same_packets(const std::vector<wire::TrafficSelector>& a,
                                const std::vector<wire::TrafficSelector>& b);

// The fewest prefixes that are exactly the addresses from `start` to `end`, in order: at most 62
// for IPv4 and 254 for IPv6. None when the two are of two families or the wrong way round.
[[nodiscard]] std::vector<Prefix> prefixes_of(const IpAddress& start, const IpAddress& end);

}  // namespace espalier::ike
