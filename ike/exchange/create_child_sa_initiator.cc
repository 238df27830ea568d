// CREATE_CHILD_SA for Childs, as its initiator (RFC 7296 sections 1.3.1 and 1.3.3), with the
// crossings of sections 2.8.1 and 2.25.
#include <algorithm>

#include "ike/exchange/child.h"
#include "ike/exchange/established.h"
#include "ike/exchange/tasks.h"
#include "ike/exchange/window.h"
#include "ike/wire/notify_data.h"

namespace espalier::ike::exchange {
namespace {

constexpr unsigned kMaxTries = 8;
constexpr Duration kRetry = std::chrono::seconds(1);
constexpr Duration kRekeyRetry = std::chrono::seconds(30);

void send_own_request(Core& core, IkeSa& sa) {
  OwnExchange& own = *sa.own;
  std::vector<wire::Payload> payloads;
  if (own.child.replaces != 0) {
    const ChildSa* old = sa.find_child(own.child.replaces);
    if (old == nullptr || old->state != ChildSa::State::kInstalled) return finish_own(core, sa);
    payloads.emplace_back(wire::make_rekey_sa(old->info.spi_in));
  }
  add_child_request(sa, own.child, pfs_groups(*sa.connection, config_of(sa, own.child)), &own.task,
                    payloads);
  own.step = OwnExchange::Step::kSent;
  if (!send_request(core, sa, wire::ExchangeType::kCreateChildSa, payloads)) {
    end_ike_sa(core, sa, Reason::kCryptoFailed);
  }
}

// Nothing comes of ours; a Child that it was to replace is rekeyed later. `at_peer`: the peer has
// agreed and believes that the Child stands, so it is told that it does not.
void own_failed(Core& core, IkeSa& sa, bool at_peer) {
  const ChildNegotiation& child = sa.own->child;
  if (ChildSa* old = child.replaces != 0 ? sa.find_child(child.replaces) : nullptr;
      old != nullptr && old->state == ChildSa::State::kInstalled) {
    old->rekey_at = core.now + core.spread(kRekeyRetry, 25);
  }
  if (at_peer) {
    Task task;
    task.kind = Task::Kind::kDeleteChild;
    task.spi = child.spi_in;
    sa.tasks.push_back(std::move(task));
  }
  finish_own(core, sa);
}

void own_install(Core& core, IkeSa& sa) {
  OwnExchange& own = *sa.own;
  auto ticket = install_inbound(core, sa, own.child, true, false);
  if (!ticket) {
    core.report_failure(sa, own.child.child_index, Side::kLocal, Reason::kCryptoFailed,
                        ticket.error().to_string());
    return own_failed(core, sa, true);
  }
  own.step = OwnExchange::Step::kInbound;
  own.ticket = *ticket;
}

void own_refused(Core& core, IkeSa& sa, const ChildRefusal& refusal, bool by_peer) {
  OwnExchange& own = *sa.own;
  const ChildSaId old = own.child.replaces;
  if (refusal.notify == wire::NotifyType::kInvalidKePayload) {
    const auto groups = pfs_groups(*sa.connection, config_of(sa, own.child));
    if (std::find(groups.begin(), groups.end(), refusal.wanted_group) != groups.end() &&
        ++own.task.tries < kMaxTries) {
      own.child.group = refusal.wanted_group;
      own.step = OwnExchange::Step::kKeyPair;
      own.ticket = core.run_crypto(sa, crypto::GenerateKeyPair{own.child.group});
      return;
    }
  }
  if (refusal.notify == wire::NotifyType::kTemporaryFailure && own.task.tries < kMaxTries) {
    return postpone_own(core, sa, kRetry);
  }
  if (refusal.notify == wire::NotifyType::kChildSaNotFound && old != 0) {
    // Section 2.25: the peer has lost it; what it carried needs a new one, unless a crossing made
    // it already.
    const bool crossed = sa.crossing && sa.crossing->old_child == old;
    const std::size_t index = own.child.child_index;
    remove_child(core, sa, old, Reason::kPeerDeleted);
    if (!crossed && !core.current.contains({sa.connection_id, index})) {
      Initiate again;
      again.id = sa.connection_id;
      again.child_index = index;
      finish_own(core, sa);
      return queue_create_child(core, sa, again);
    }
    return finish_own(core, sa);
  }
  report_refusal(core, sa, own.child.child_index, by_peer ? Side::kRemote : Side::kLocal, refusal);
  own_failed(core, sa, !by_peer);
}

// Section 2.8.1: of two rekeys of one Child that crossed, the one with the lowest of the four
// nonces is redundant.
bool lost_crossing(const IkeSa& sa, const ChildNegotiation& ours) {
  return sa.crossing && ours.replaces != 0 && sa.crossing->old_child == ours.replaces &&
         lower(ours.ni, ours.nr) < sa.crossing->lowest_nonce;
}

void queue_delete(Core& core, IkeSa& sa, ChildSaId child) {
  Task task;
  task.kind = Task::Kind::kDeleteChild;
  task.child = child;
  queue(core, sa, std::move(task));
}

void own_inbound_stands(Core& core, IkeSa& sa, ChildSa& child) {
  OwnExchange& own = *sa.own;
  if (lost_crossing(sa, own.child)) {
    // Ours is redundant: we delete it, the peer deletes the old one (section 2.8.1), which nobody
    // rekeys any more.
    if (ChildSa* old = sa.find_child(own.child.replaces);
        old != nullptr && old->state == ChildSa::State::kInstalled) {
      old->give_way_to(sa.crossing->peer_child);
    }
    child.state = ChildSa::State::kInstalled;
    child.outbound_keys.reset();
    child.replaced_by = sa.crossing->peer_child;
    queue_delete(core, sa, own.child.id);
    sa.crossing.reset();
    return finish_own(core, sa);
  }
  own.step = OwnExchange::Step::kOutbound;
  own.ticket = install_outbound(core, sa, child, false);
}

}  // namespace

void begin_create_child(Core& core, IkeSa& sa) {
  OwnExchange& own = *sa.own;
  if (own.task.kind == Task::Kind::kRekeyChild) {
    const ChildSa* old = sa.find_child(own.task.child);
    if (old == nullptr || old->state != ChildSa::State::kInstalled) return finish_own(core, sa);
    own.child.child_index = old->info.child_index;
    own.child.replaces = old->info.id;
  } else {
    own.child.child_index = own.task.child_index;
  }
  // The Child may be of what the connection became during this IKE SA's handshake, which ends as it
  // began (Core::set_connection).
  if (own.child.child_index >= sa.connection->children.size()) return finish_own(core, sa);
  const auto groups = pfs_groups(*sa.connection, config_of(sa, own.child));
  own.child.group = groups.empty() ? crypto::DhId::kNone : groups.front();
  // The group of the IKE SA is one that the peer is known to speak.
  if (std::find(groups.begin(), groups.end(), sa.suite.dh) != groups.end())
    own.child.group = sa.suite.dh;
  own.child.ni = core.random_bytes(kNonceSize);
  own.step = OwnExchange::Step::kSpi;
  own.ticket = core.new_ticket(sa);
  core.outputs.emplace_back(AllocateSpi{own.ticket, sa.connection_id, own.child.child_index,
                                        sa.local.address, sa.remote.address});
}

void on_own_child_spi(Core& core, IkeSa& sa, const KernelSpi& answer) {
  OwnExchange& own = *sa.own;
  if (!answer.spi) {
    core.report_failure(sa, own.child.child_index, Side::kLocal, Reason::kKernelRefused,
                        answer.spi.error().to_string());
    return own_failed(core, sa, false);
  }
  own.child.spi_in = *answer.spi;
  if (own.child.group == crypto::DhId::kNone) return send_own_request(core, sa);
  own.step = OwnExchange::Step::kKeyPair;
  own.ticket = core.run_crypto(sa, crypto::GenerateKeyPair{own.child.group});
}

void on_own_child_crypto(Core& core, IkeSa& sa, crypto::Outcome outcome) {
  OwnExchange& own = *sa.own;
  own.ticket = 0;
  if (auto* made = std::get_if<crypto::KeyPairMade>(&outcome)) {
    own.child.key_pair = std::move(made->pair);
    return send_own_request(core, sa);
  }
  if (auto* made = std::get_if<crypto::SharedMade>(&outcome)) {
    own.child.shared_secret = std::move(made->shared);
    own.child.key_pair.reset();
    return own_install(core, sa);
  }
  const auto* error = std::get_if<Error>(&outcome);
  core.report_failure(sa, own.child.child_index, Side::kLocal, Reason::kCryptoFailed,
                      error != nullptr ? error->to_string() : "key exchange failed");
  own_failed(core, sa, own.step == OwnExchange::Step::kDerive);
}

void on_create_child_response(Core& core, IkeSa& sa, const std::vector<wire::Payload>& response) {
  OwnExchange& own = *sa.own;
  auto accepted = accept_child_response(sa, response, false, own.child);
  if (!accepted)
    return own_refused(core, sa, accepted.error(), wire::find<wire::Sa>(response) == nullptr);
  if (std::find(own.peer_deleted.begin(), own.peer_deleted.end(), own.child.spi_out) !=
      own.peer_deleted.end()) {
    return finish_own(core, sa);  // the peer's Delete overtook its response
  }
  const auto* nonce = wire::find<wire::Nonce>(response);
  const auto* ke = wire::find<wire::Ke>(response);
  const bool with_ke = own.child.group != crypto::DhId::kNone;
  if (nonce == nullptr ||
      (with_ke && (ke == nullptr || ke->group != static_cast<std::uint16_t>(own.child.group)))) {
    return own_refused(core, sa,
                       {wire::NotifyType::kInvalidSyntax,
                        Reason::kInvalidMessage,
                        "the peer's CREATE_CHILD_SA response lacks a nonce or key exchange",
                        {}},
                       false);
  }
  own.child.nr = nonce->data;
  if (!with_ke) return own_install(core, sa);
  own.step = OwnExchange::Step::kDerive;
  own.ticket = core.run_crypto(sa, crypto::DeriveShared{own.child.key_pair, ke->data});
}

void on_own_child_installed(Core& core, IkeSa& sa, const Status& status) {
  OwnExchange& own = *sa.own;
  own.ticket = 0;
  ChildSa* child = sa.find_child(own.child.id);
  if (child == nullptr || child->state == ChildSa::State::kDraining) {
    return own_failed(core, sa, false);  // the peer deleted it as soon as it stood
  }
  if (!status) {
    core.report_failure(sa, own.child.child_index, Side::kLocal, Reason::kKernelRefused,
                        status.error().to_string());
    // The peer believes that the Child stands: tell it, then forget ours.
    child->inbound_installed = false;
    child->state = ChildSa::State::kInstalled;
    child->outbound_keys.reset();
    queue_delete(core, sa, own.child.id);
    return own_failed(core, sa, false);
  }
  if (own.step == OwnExchange::Step::kInbound) {
    child->inbound_installed = true;
    // Which of two rekeys is redundant is known once both are answered.
    if (sa.peer && own.child.replaces != 0 && sa.peer->child.replaces == own.child.replaces) {
      own.step = OwnExchange::Step::kCrossed;
      return;
    }
    return own_inbound_stands(core, sa, *child);
  }
  ChildSa* old = own.child.replaces != 0 ? sa.find_child(own.child.replaces) : nullptr;
  const IkeSaId id = sa.id;
  const bool rekey = own.child.replaces != 0;
  outbound_stands(core, sa, *child);
  child_up(core, sa, *child);
  if (old != nullptr && old->state != ChildSa::State::kDeleting &&
      old->state != ChildSa::State::kDraining) {
    old->give_way_to(child->info.id);
    old->remove_at = kNever;
    queue_delete(core, sa, old->info.id);
  }
  if (sa.crossing && sa.crossing->old_child == own.child.replaces) sa.crossing.reset();
  finish_own(core, sa);
  if (!rekey) confirm(core, id);
}

void resume_own_child(Core& core, IkeSa& sa) {
  if (!sa.own || sa.own->step != OwnExchange::Step::kCrossed) return;
  ChildSa* child = sa.find_child(sa.own->child.id);
  if (child == nullptr) return finish_own(core, sa);
  own_inbound_stands(core, sa, *child);
}

}  // namespace espalier::ike::exchange
