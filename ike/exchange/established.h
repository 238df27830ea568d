// What happens once both ends are authenticated: timers, INITIAL_CONTACT, duplicates of the pair.
#pragma once

#include "ike/exchange/core.h"

namespace espalier::ike::exchange {

// Something else of the same kind carries our outbound traffic already: another Child, or what
// `negotiated.carried` tells of.
[[nodiscard]] bool carries_already(Core& core, const IkeSa& sa, const ChildNegotiation& negotiated);
// A new Child that the peer began stands and is answered: its outbound SA is installed or, where
// something carries already, waits.
void take_over(Core& core, IkeSa& sa, ChildSa& child, const ChildNegotiation& negotiated);
// The peer made a new request: it has had our answers to those before (window 1, RFC 7296 section
// 2.3), so what waits to take over does.
void has_gone_on(Core& core, IkeSa& sa);
// We began a Child whose like the peer may still have, and it may hold what it would send by the
// new one until ours is seen to stand: a request says so, an empty INFORMATIONAL (section 1.4)
// where we have no other to make.
void confirm(Core& core, IkeSaId id);
[[nodiscard]] bool others_alive(Core& core, const IkeSa& sa);

// A new IKE SA stands: when it is rekeyed, asked for life and kept through a NAT.
void start_timers(Core& core, IkeSa& sa);

// The handshake is over. `initial_contact`: the peer has no other IKE SA with us (RFC 7296
// section 2.4).
void established(Core& core, IkeSa& sa, bool initial_contact);
// The same for the initiator, which also deletes an IKE SA that came up without anything to carry.
void finish_initiator(Core& core, IkeSa& sa);

}  // namespace espalier::ike::exchange
