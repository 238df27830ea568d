// The message window of one IKE SA (RFC 7296 sections 2.1 to 2.3): one request of ours outstanding,
// one of the peer's at a time, the last response kept for its retransmission.
#pragma once

#include <vector>

#include "ike/exchange/core.h"

namespace espalier::ike::exchange {

// Sends a new request and keeps it until it is answered. Assumes that none is outstanding.
[[nodiscard]] Status send_request(Core& core, IkeSa& sa, wire::ExchangeType exchange,
                                  const std::vector<wire::Payload>& payloads);
// The same for bytes that are ready (IKE_SA_INIT).
void send_ready_request(Core& core, IkeSa& sa, wire::ExchangeType exchange,
                        std::vector<Bytes> datagrams);

// Answers the request `message_id` and remembers the answer.
[[nodiscard]] Status send_response(Core& core, IkeSa& sa, wire::ExchangeType exchange,
                                   std::uint32_t message_id,
                                   const std::vector<wire::Payload>& payloads);
void send_ready_response(Core& core, IkeSa& sa, std::uint32_t message_id,
                         std::vector<Bytes> datagrams);

// Sends one notify as the response. Failures to encrypt end the IKE SA elsewhere; here they are
// dropped.
void respond_notify(Core& core, IkeSa& sa, wire::ExchangeType exchange, std::uint32_t message_id,
                    wire::Notify notify);
// Answers a request with one notify in the clear, and keeps nothing.
void answer_stateless(Core& core, const Datagram& datagram, const wire::Header& request,
                      wire::Notify notify);
[[nodiscard]] wire::Notify notify(wire::NotifyType type, Bytes data = {});

// Sends the outstanding request again when it is due. False when the peer is to be given up.
[[nodiscard]] bool resend_due(Core& core, IkeSa& sa);

// The last response, to where its request came from.
void send_last_response(Core& core, const IkeSa& sa);
void send_datagrams(Core& core, const IkeSa& sa, const std::vector<Bytes>& datagrams);

// A hash that recognises a retransmitted request before anything is decrypted. Not cryptographic: a
// forged match only makes us repeat a response.
[[nodiscard]] std::uint64_t hash_of(ByteView datagram);

}  // namespace espalier::ike::exchange
