// CREATE_CHILD_SA for Childs, as its responder (RFC 7296 sections 1.3.1 and 1.3.3), with the
// crossings of sections 2.8.1 and 2.25.
#include "ike/exchange/child.h"
#include "ike/exchange/established.h"
#include "ike/exchange/tasks.h"
#include "ike/exchange/window.h"
#include "ike/wire/notify_data.h"

namespace espalier::ike::exchange {
namespace {

// Childs of one IKE SA: room for each configured one to be rekeyed, by both ends at once, while
// earlier ones drain; what a peer asks for beyond that would only fill the kernel.
std::size_t most_children(const IkeSa& sa) {
  return sa.connection->children.size() * 4 + 16;
}

}  // namespace

void on_create_child_request(Core& core, IkeSa& sa, std::uint32_t message_id,
                             const std::vector<wire::Payload>& request) {
  constexpr auto kExchange = wire::ExchangeType::kCreateChildSa;
  const auto& offer = *wire::find<wire::Sa>(request);
  if (!offer.proposals.empty() && offer.proposals.front().protocol == wire::ProtocolId::kIke) {
    return on_rekey_ike_sa_request(core, sa, message_id, request);
  }
  // Section 2.25.2: no new Child while the IKE SA itself is being replaced or closed.
  const bool replacing = sa.own && sa.own->task.kind == Task::Kind::kRekeyIkeSa;
  if (!sa.alive() || replacing) {
    return respond_notify(core, sa, kExchange, message_id,
                          notify(wire::NotifyType::kTemporaryFailure));
  }
  ChildSa* old = nullptr;
  if (const auto* rekey = wire::find_notify(request, wire::NotifyType::kRekeySa)) {
    const auto spi = wire::rekey_sa_spi(*rekey);
    for (const auto& child : sa.children) {
      if (spi && child->info.spi_out == *spi) old = child.get();
    }
    // What we do not know yet may be what our own request is about to make: its response is still
    // on the way.
    const bool making = sa.own && (sa.own->task.kind == Task::Kind::kCreateChild ||
                                   sa.own->task.kind == Task::Kind::kRekeyChild);
    if (old == nullptr && (making || !waiting_for(core, sa).empty())) {
      return respond_notify(core, sa, kExchange, message_id,
                            notify(wire::NotifyType::kTemporaryFailure));
    }
    if (old == nullptr || old->state == ChildSa::State::kDraining) {
      return respond_notify(core, sa, kExchange, message_id,
                            wire::make_child_sa_not_found(spi.value_or(0)));
    }
    if (old->state != ChildSa::State::kInstalled) {
      return respond_notify(core, sa, kExchange, message_id,
                            notify(wire::NotifyType::kTemporaryFailure));
    }
  }
  if (sa.children.size() >= most_children(sa)) {
    return respond_notify(core, sa, kExchange, message_id,
                          notify(wire::NotifyType::kNoAdditionalSas));
  }
  auto peer = std::make_unique<PeerExchange>();
  peer->message_id = message_id;
  const auto only =
      old != nullptr ? std::optional<std::size_t>(old->info.child_index) : std::nullopt;
  if (auto accepted = accept_child_request(sa, request, only, false, peer->child); !accepted) {
    const ChildRefusal& refusal = accepted.error();
    if (refusal.notify == wire::NotifyType::kInvalidKePayload) {
      return respond_notify(
          core, sa, kExchange, message_id,
          wire::make_invalid_ke_payload(static_cast<std::uint16_t>(refusal.wanted_group)));
    }
    if (refusal.notify == wire::NotifyType::kInvalidSyntax) {
      return refuse_malformed(core, sa, kExchange, message_id, refusal.text);
    }
    report_refusal(core, sa, only.value_or(0), Side::kLocal, refusal);
    return respond_notify(core, sa, kExchange, message_id, notify(refusal.notify));
  }
  peer->child.ni = wire::find<wire::Nonce>(request)->data;
  peer->child.nr = core.random_bytes(kNonceSize);
  peer->child.replaces = old != nullptr ? old->info.id : 0;
  if (const auto* ke = wire::find<wire::Ke>(request)) peer->peer_public = ke->data;
  peer->step = PeerExchange::Step::kSpi;
  peer->ticket = core.new_ticket(sa);
  core.outputs.emplace_back(AllocateSpi{peer->ticket, sa.connection_id, peer->child.child_index,
                                        sa.local.address, sa.remote.address});
  sa.peer = std::move(peer);
}

namespace {

void refuse_peer_exchange(Core& core, IkeSa& sa, wire::NotifyType type, Reason reason,
                          std::string text) {
  const std::unique_ptr<PeerExchange> peer = std::move(sa.peer);
  core.report_failure(sa, peer->child.child_index, Side::kLocal, reason, std::move(text));
  respond_notify(core, sa, wire::ExchangeType::kCreateChildSa, peer->message_id, notify(type));
  resume_own_child(core, sa);
}

void peer_install(Core& core, IkeSa& sa) {
  PeerExchange& peer = *sa.peer;
  const bool held = peer.child.replaces != 0 || carries_already(core, sa, peer.child);
  auto ticket = install_inbound(core, sa, peer.child, false, held);
  if (!ticket) {
    return refuse_peer_exchange(core, sa, wire::NotifyType::kTemporaryFailure,
                                Reason::kCryptoFailed, ticket.error().to_string());
  }
  peer.step = PeerExchange::Step::kInbound;
  peer.ticket = *ticket;
}

}  // namespace

void on_peer_child_spi(Core& core, IkeSa& sa, const KernelSpi& answer) {
  PeerExchange& peer = *sa.peer;
  if (!answer.spi) {
    return refuse_peer_exchange(core, sa, wire::NotifyType::kTemporaryFailure,
                                Reason::kKernelRefused, answer.spi.error().to_string());
  }
  peer.child.spi_in = *answer.spi;
  peer.child.carried = answer.carried;
  if (peer.child.group == crypto::DhId::kNone) return peer_install(core, sa);
  peer.step = PeerExchange::Step::kKeyExchange;
  peer.ticket =
      core.run_crypto(sa, crypto::GenerateAndDerive{peer.child.group, std::move(peer.peer_public)});
}

void on_peer_child_crypto(Core& core, IkeSa& sa, crypto::Outcome outcome) {
  PeerExchange& peer = *sa.peer;
  auto* made = std::get_if<crypto::SharedMade>(&outcome);
  if (made == nullptr) {
    const auto* error = std::get_if<Error>(&outcome);
    const std::string text = error != nullptr ? error->to_string() : "key exchange failed";
    if (error != nullptr && error->code == Code::kInvalid) {  // no public value of the group
      return refuse_malformed(core, sa, wire::ExchangeType::kCreateChildSa, peer.message_id, text);
    }
    return refuse_peer_exchange(core, sa, wire::NotifyType::kTemporaryFailure,
                                Reason::kCryptoFailed, text);
  }
  peer.own_public = std::move(made->own_public);
  peer.child.shared_secret = std::move(made->shared);
  peer_install(core, sa);
}

namespace {

void peer_child_stands(Core& core, IkeSa& sa, const Status& status) {
  const ChildSaId id = sa.peer->child.id;
  ChildSa* child = sa.find_child(id);
  if (child == nullptr || !status) {
    if (child != nullptr) remove_child(core, sa, id, Reason::kKernelRefused);
    return refuse_peer_exchange(
        core, sa, wire::NotifyType::kTemporaryFailure, Reason::kKernelRefused,
        status ? "the Child went away meanwhile" : status.error().to_string());
  }
  const std::unique_ptr<PeerExchange> peer = std::move(sa.peer);
  child->inbound_installed = true;
  std::vector<wire::Payload> payloads;
  add_child_response(sa, peer->child, payloads);
  if (peer->child.group != crypto::DhId::kNone) {
    payloads.emplace_back(
        wire::Ke{static_cast<std::uint16_t>(peer->child.group), peer->own_public});
  }
  (void)send_response(core, sa, wire::ExchangeType::kCreateChildSa, peer->message_id, payloads);
  child_up(core, sa, *child);
  ChildSa* old = peer->child.replaces != 0 ? sa.find_child(peer->child.replaces) : nullptr;
  const bool old_stands = old != nullptr && old->state == ChildSa::State::kInstalled;
  if (!old_stands) return take_over(core, sa, *child, peer->child);
  if (sa.own && sa.own->task.kind == Task::Kind::kRekeyChild &&
      sa.own->task.child == old->info.id) {
    sa.crossing = std::make_unique<Crossing>();
    sa.crossing->old_child = old->info.id;
    sa.crossing->peer_child = id;
    sa.crossing->lowest_nonce = lower(peer->child.ni, peer->child.nr);
    // Who deletes what is decided when our own response comes; should it never, time does.
    old->remove_at = core.now + core.settings.give_up * 3;
    return;
  }
  // The peer, who began, deletes the old one; should it forget to, we do.
  old->give_way_to(id);
  old->remove_at = core.now + core.settings.give_up * 3;
}

}  // namespace

void on_peer_child_installed(Core& core, IkeSa& sa, const Status& status) {
  peer_child_stands(core, sa, status);
  resume_own_child(core, sa);
}

}  // namespace espalier::ike::exchange
