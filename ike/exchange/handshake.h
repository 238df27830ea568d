// The initial exchanges: IKE_SA_INIT (ike_sa_init.h) and IKE_AUTH (ike_auth.h), RFC 7296
// section 1.2.
//
//   HDR, SAi1, KEi, Ni  -->
//                       <--  HDR, SAr1, KEr, Nr, [CERTREQ]
//   HDR, SK {IDi, [CERT,] [CERTREQ,] [IDr,] AUTH, SAi2, TSi, TSr}  -->
//                       <--  HDR, SK {IDr, [CERT,] AUTH, SAr2, TSi, TSr}
#pragma once

#include "ike/exchange/core.h"

namespace espalier::ike::exchange {

// Brings a Child up: on the live IKE SA of its connection, else by a new one.
void begin(Core& core, const Initiate& wanted);

void on_init_request(Core& core, const Datagram& datagram, const wire::Message& message);
void on_init_response(Core& core, IkeSa& sa, const Datagram& datagram,
                      const wire::Message& message);

// IKE_AUTH, decrypted and admitted.
void on_auth_request(Core& core, IkeSa& sa, std::uint32_t message_id,
                     std::vector<wire::Payload> payloads);
void on_auth_response(Core& core, IkeSa& sa, std::vector<wire::Payload> payloads);

// Answers to what a handshake asked for.
void on_handshake_spi(Core& core, IkeSa& sa, const KernelSpi& answer);
void on_handshake_installed(Core& core, IkeSa& sa, const Status& status);
void on_handshake_crypto(Core& core, IkeSa& sa, crypto::Outcome outcome);

// The next step once g^ir is known: keys; the initiator then proves itself, the responder opens
// what it stashed.
void on_keys_ready(Core& core, IkeSa& sa);

// Responder: opens what came before the keys were ready (dispatch.cc).
void replay_stash(Core& core, IkeSa& sa);

// Ends a handshake that cannot go on: reports, takes back what was installed, drops the IKE SA.
void fail_handshake(Core& core, IkeSa& sa, Side side, Reason reason, std::string text);

// IKE_AUTH broke the format. The responder answers `answer` and keeps it a moment for the repeated
// request; the initiator tells the responder, who holds the IKE SA for established.
void refuse_auth_request(Core& core, IkeSa& sa, std::uint32_t message_id, wire::Notify answer,
                         Reason reason, std::string text);
void refuse_auth_response(Core& core, IkeSa& sa, std::string text);

[[nodiscard]] Reason reason_of(crypto::RefusalReason refusal);

}  // namespace espalier::ike::exchange
