// From an input to the exchange that it belongs to.
#pragma once

#include "ike/exchange/core.h"

namespace espalier::ike::exchange {

void dispatch_datagram(Core& core, const Datagram& datagram);
void dispatch_crypto(Core& core, Ticket ticket, crypto::Outcome outcome);
void dispatch_kernel(Core& core, const KernelEvent& event);
void dispatch_command(Core& core, Command command);
// Everything of one IKE SA that is due (timers.cc).
void on_time(Core& core, IkeSa& sa);

}  // namespace espalier::ike::exchange
