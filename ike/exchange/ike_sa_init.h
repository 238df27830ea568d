// IKE_SA_INIT (RFC 7296 section 1.2): what both roles share (ike_sa_init.cc); each has a file of
// its own (ike_sa_init_initiator.cc, ike_sa_init_responder.cc).
#pragma once

#include "ike/exchange/core.h"

namespace espalier::ike::exchange {

// NAT detection, IKEV2_FRAGMENTATION_SUPPORTED, SIGNATURE_HASH_ALGORITHMS.
void add_common_notifies(Core& core, const IkeSa& sa, bool fragmentation, UdpEncapsulation udp,
                         std::vector<wire::Payload>& payloads);
// What the peer's SIGNATURE_HASH_ALGORITHMS names and we know (RFC 7427 section 4).
[[nodiscard]] std::vector<crypto::HashId> peer_hashes(const wire::Message& message);

// Our key pair is there: the message goes out.
void send_init_request(Core& core, IkeSa& sa);
void send_init_response(Core& core, IkeSa& sa);

}  // namespace espalier::ike::exchange
