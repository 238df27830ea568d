// What AUTH covers and how a shared key makes it (RFC 7296 section 2.15).
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "ike/crypto/key_schedule.h"

namespace espalier::ike::auth {

// RealMessage | NonceData of the other side | MACedID. `sk_p` is SK_pi for the initiator's octets,
// SK_pr for the responder's; with a PPK the mixed one (RFC 8784 section 3).
[[nodiscard]] Result<Bytes> signed_octets(crypto::Provider& provider, crypto::PrfId prf,
                                          ByteView real_message, ByteView other_nonce,
                                          ByteView sk_p, ByteView id_body);

// The AUTH data of method 2 over those octets.
[[nodiscard]] Result<Bytes> psk_auth(crypto::Provider& provider, crypto::PrfId prf,
                                     ByteView shared_key, ByteView octets);

}  // namespace espalier::ike::auth
