// What we want to do on an IKE SA, one at a time (window 1, RFC 7296 section 2.3): the queue and
// who runs a task.
#pragma once

#include "ike/exchange/core.h"

namespace espalier::ike::exchange {

void queue(Core& core, IkeSa& sa, Task task);
// An empty INFORMATIONAL. `child`: its held outbound SA is used once the peer has answered.
void queue_probe(Core& core, IkeSa& sa, ChildSaId child = 0);
// Queues a new Child unless one of the same kind is being made or waited for.
void queue_create_child(Core& core, IkeSa& sa, const Initiate& wanted);
// Begins the next task that is due, if nothing of ours is under way.
void run_tasks(Core& core, IkeSa& sa);
// Our exchange is over; the next task may begin.
void finish_own(Core& core, IkeSa& sa);
// Puts the task back for later (RFC 7296 section 2.25, TEMPORARY_FAILURE).
void postpone_own(Core& core, IkeSa& sa, Duration delay);

// What waits here is the successor's to do now, but for what meant this IKE SA itself.
void hand_on_tasks(IkeSa& from, IkeSa& to);

// CREATE_CHILD_SA for a Child, new or rekeyed (create_child_sa_initiator.cc, _responder.cc).
void begin_create_child(Core& core, IkeSa& sa);
void on_create_child_request(Core& core, IkeSa& sa, std::uint32_t message_id,
                             const std::vector<wire::Payload>& request);
void on_create_child_response(Core& core, IkeSa& sa, const std::vector<wire::Payload>& response);
void on_own_child_spi(Core& core, IkeSa& sa, const KernelSpi& answer);
void on_own_child_crypto(Core& core, IkeSa& sa, crypto::Outcome outcome);
void on_own_child_installed(Core& core, IkeSa& sa, const Status& status);
void on_peer_child_spi(Core& core, IkeSa& sa, const KernelSpi& answer);
void on_peer_child_crypto(Core& core, IkeSa& sa, crypto::Outcome outcome);
void on_peer_child_installed(Core& core, IkeSa& sa, const Status& status);

// The peer's exchange is answered: ours, if it crossed and waited (OwnExchange::Step::kCrossed),
// goes on.
void resume_own_child(Core& core, IkeSa& sa);
void resume_own_rekey(Core& core, IkeSa& sa);

// CREATE_CHILD_SA for the IKE SA itself (rekey_ike_sa.cc).
void begin_rekey_ike_sa(Core& core, IkeSa& sa);
// Where the Childs of an IKE SA belong that was replaced, or whose replacement crosses ours.
[[nodiscard]] IkeSa* heir_of(Core& core, const IkeSa& sa);
// Those whose heir it is and whose Childs still wait: the peer made it to replace one of them (or
// that one's successor), our own rekey crossed, and its answer is not here. To the peer the Childs
// are with `sa` already.
[[nodiscard]] std::vector<IkeSa*> waiting_for(Core& core, const IkeSa& sa);
void on_rekey_ike_sa_request(Core& core, IkeSa& sa, std::uint32_t message_id,
                             const std::vector<wire::Payload>& request);
void on_rekey_ike_sa_response(Core& core, IkeSa& sa, const std::vector<wire::Payload>& response);
void on_own_rekey_crypto(Core& core, IkeSa& sa, crypto::Outcome outcome);
void on_peer_rekey_crypto(Core& core, IkeSa& sa, crypto::Outcome outcome);

// INFORMATIONAL: Delete and liveness (informational.cc).
void begin_delete_child(Core& core, IkeSa& sa);
void begin_delete_ike_sa(Core& core, IkeSa& sa);
void begin_probe(Core& core, IkeSa& sa);
void on_informational_request(Core& core, IkeSa& sa, std::uint32_t message_id,
                              const std::vector<wire::Payload>& request);
void on_informational_response(Core& core, IkeSa& sa, const std::vector<wire::Payload>& response);

// Errors after authentication (RFC 7296 section 2.21.3): a request that breaks the format is
// answered INVALID_SYNTAX, which ends the IKE SA at both ends without a Delete.
void refuse_malformed(Core& core, IkeSa& sa, wire::ExchangeType exchange, std::uint32_t message_id,
                      std::string text);
// A response that breaks the format, or does what we did not ask for: the IKE SA is deleted.
void refuse_response(Core& core, IkeSa& sa, std::string text);

// The IKE SA is over: Childs go (or have moved), reports, drops.
void end_ike_sa(Core& core, IkeSa& sa, Reason reason);

// A handshake's parts that other files begin (ike_sa_init.cc, ike_auth_responder.cc).
void on_key_pair(Core& core, IkeSa& sa, std::shared_ptr<const crypto::KeyPair> pair);
void on_auth_spi(Core& core, IkeSa& sa, const KernelSpi& answer);

}  // namespace espalier::ike::exchange
