// The Child SA inside IKE_AUTH and CREATE_CHILD_SA: offering, choosing, installing, replacing,
// removing.
#pragma once

#include <vector>

#include "ike/exchange/core.h"

namespace espalier::ike::exchange {

[[nodiscard]] inline const ChildConfig& config_of(const IkeSa& sa, const ChildNegotiation& child) {
  return sa.connection->children[child.child_index];
}

// Of two nonces (section 2.8.1).
[[nodiscard]] inline const Bytes& lower(const Bytes& a, const Bytes& b) {
  return a < b ? a : b;
}

// The groups we offer and accept for a Child with PFS: those of the ESP proposals, else of the IKE
// proposals.
[[nodiscard]] std::vector<crypto::DhId> pfs_groups(const Connection& connection,
                                                   const ChildConfig& config);

// SA, TSi, TSr and USE_TRANSPORT_MODE as the exchange's initiator sends them.
void add_child_request(const IkeSa& sa, const ChildNegotiation& child,
                       const std::vector<crypto::DhId>& groups, const Task* task,
                       std::vector<wire::Payload>& payloads);
// The same as its responder answers.
void add_child_response(const IkeSa& sa, const ChildNegotiation& child,
                        std::vector<wire::Payload>& payloads);

// Why there is no Child: what the peer is told and what people read.
struct ChildRefusal {
  wire::NotifyType notify{};
  Reason reason = Reason::kNone;
  std::string text;
  crypto::DhId wanted_group = crypto::DhId::kNone;  // with INVALID_KE_PAYLOAD
};

// Responder: picks the configured Child, proposal and selectors that the request fits, in `child`.
// When `only` is set, no other Child of the connection is looked at (a rekey). `with_ke` is the
// request's KE payload, if any.
[[nodiscard]] tl::expected<void, ChildRefusal> accept_child_request(
    const IkeSa& sa, const std::vector<wire::Payload>& request, std::optional<std::size_t> only,
    bool in_auth, ChildNegotiation& child);
// Initiator: checks the response against what was asked.
[[nodiscard]] tl::expected<void, ChildRefusal> accept_child_response(
    const IkeSa& sa, const std::vector<wire::Payload>& response, bool in_auth,
    ChildNegotiation& child);

// Derives the keys, makes the ChildSa and asks for its inbound SA. `exchange_initiator`: we began
// the exchange.
[[nodiscard]] Result<Ticket> install_inbound(Core& core, IkeSa& sa, ChildNegotiation& child,
                                             bool exchange_initiator, bool report_first_use);
// Asks for the outbound SA of an installed Child with the keys it holds. The caller keeps the
// ticket or leaves it to the Child (`detached`).
Ticket install_outbound(Core& core, IkeSa& sa, ChildSa& child, bool detached);
// The outbound SA stands: it becomes the current one, the one before loses its outbound SA.
void outbound_stands(Core& core, IkeSa& sa, ChildSa& child);
// A responder's held outbound SA is wanted now: first inbound packet, or the Delete of the old
// Child.
void release_outbound(Core& core, IkeSa& sa, ChildSa& child);

// The Child of the same IKE SA that carries the same traffic as this one and stays instead of it:
// both ends may have begun one at the same time (RFC 7296 section 2.8 allows them to stand beside
// each other; of two that crossed, much as in section 2.8.1, the one with the lowest nonce goes,
// and its initiator deletes it). Null: this one is the only one, or the one that stays.
[[nodiscard]] const ChildSa* preferred_to(const IkeSa& sa, const ChildSa& child);

// Announces a Child that stands and starts its timers. Where another is like it, and the one that
// goes is ours, its Delete is queued.
void child_up(Core& core, IkeSa& sa, ChildSa& child);

// Takes a Child away at once, kernel included.
void remove_child(Core& core, IkeSa& sa, ChildSaId id, Reason reason);
// Takes its outbound SA away now and the inbound one after Settings::drain.
void drain_child(Core& core, IkeSa& sa, ChildSa& child, Reason reason);
void remove_all_children(Core& core, IkeSa& sa, Reason reason);

// Moves every Child to another IKE SA (its rekey's successor).
void move_children(Core& core, IkeSa& from, IkeSa& to);

void report_refusal(Core& core, const IkeSa& sa, std::size_t child_index, Side side,
                    const ChildRefusal& refusal);

}  // namespace espalier::ike::exchange
