// What happens once both ends are authenticated: timers, INITIAL_CONTACT, duplicates of the pair.
#pragma once

#include "ike/exchange/core.h"

namespace espalier::ike::exchange {

// How long a new Child that a peer began waits for a sign of that peer before it takes over from
// another one.
inline constexpr Duration kTakeOver = std::chrono::seconds(3);

// Another Child of the same kind carries our outbound traffic already.
[[nodiscard]] bool carries_already(Core& core, const IkeSa& sa, std::size_t child_index);
[[nodiscard]] bool others_alive(Core& core, const IkeSa& sa);

// A new IKE SA stands: when it is rekeyed, asked for life and kept through a NAT.
void start_timers(Core& core, IkeSa& sa);

// The handshake is over. `initial_contact`: the peer has no other IKE SA with us (RFC 7296
// section 2.4).
void established(Core& core, IkeSa& sa, bool initial_contact);
// The same for the initiator, which also deletes an IKE SA that came up without anything to carry.
void finish_initiator(Core& core, IkeSa& sa);

}  // namespace espalier::ike::exchange
