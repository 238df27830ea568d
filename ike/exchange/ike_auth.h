// IKE_AUTH (RFC 7296 section 1.2): what both roles share (ike_auth.cc), and where each takes over
// (ike_auth_initiator.cc, ike_auth_responder.cc).
#pragma once

#include "ike/exchange/core.h"

namespace espalier::ike::exchange {

[[nodiscard]] Bytes id_body(const wire::Identification& id);  // IDType | RESERVED | data
// The authorities that we trust, where we expect a certificate (section 3.7).
void add_certreq(Core& core, const Connection& connection, std::vector<wire::Payload>& payloads);
void add_certificates(Core& core, const IkeSa& sa, std::vector<wire::Payload>& payloads);

// Proves us: inline with a shared key, by a job with a certificate. The role's *_auth_made()
// follows.
void prove(Core& core, IkeSa& sa, Handshake::Step step, ByteView sk_p);
// Checks the peer's AUTH: inline with a shared key, by a job with a certificate. The role's
// *_verified() follows, or refuse_peer().
void verify(Core& core, IkeSa& sa, const wire::Identification& claimed, wire::AuthMethod method,
            Bytes auth_data);
// A peer that is not who it says, or whom we refuse: it learns no more than AUTHENTICATION_FAILED
// (section 2.21.2). The IKE SA stays a moment to repeat that answer.
void refuse_peer(Core& core, IkeSa& sa, Reason reason, std::string text);

void initiator_auth_made(Core& core, IkeSa& sa, wire::AuthMethod method, Bytes data);
void initiator_verified(Core& core, IkeSa& sa);
// The kernel has an SA of the Child.
void initiator_installed(Core& core, IkeSa& sa, ChildSa& child);

void responder_auth_made(Core& core, IkeSa& sa, wire::AuthMethod method, Bytes data);
void responder_verified(Core& core, IkeSa& sa);
void responder_installed(Core& core, IkeSa& sa, ChildSa& child);
// IKE_AUTH is answered without the Child, whose failure is reported.
void respond_without_child(Core& core, IkeSa& sa, wire::NotifyType error);

}  // namespace espalier::ike::exchange
