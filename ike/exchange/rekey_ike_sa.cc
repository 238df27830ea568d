// CREATE_CHILD_SA for the IKE SA itself (RFC 7296 sections 1.3.2, 2.18), with the crossings
// of 2.8.2 and 2.25.
//
//   HDR, SK {SA, Ni, KEi}  -->
//                          <--  HDR, SK {SA, Nr, KEr}
//   HDR, SK {D}            -->      on the old IKE SA, by whoever began
#include <algorithm>

#include "ike/exchange/child.h"
#include "ike/exchange/established.h"
#include "ike/exchange/tasks.h"
#include "ike/exchange/window.h"
#include "ike/sa/proposal_choice.h"
#include "ike/wire/notify_data.h"

namespace espalier::ike::exchange {

// Where the Childs of a replaced IKE SA belong: its successor, or that one's. The peer may have
// gone on with the IKE SA of its own rekey (section 2.25.2), and rekeyed that again.
IkeSa* heir_of(Core& core, const IkeSa& sa) {
  const IkeSaId first =
      sa.crossing && sa.crossing->peer_ike_sa != 0 ? sa.crossing->peer_ike_sa : sa.replaced_by;
  IkeSa* next = core.find(first);
  while (next != nullptr && next->replaced_by != 0) {
    IkeSa* further = core.find(next->replaced_by);
    if (further == nullptr) break;
    next = further;
  }
  return next;
}

std::vector<IkeSa*> waiting_for(Core& core, const IkeSa& sa) {
  std::vector<IkeSa*> waiting;
  for (IkeSa* other : core.of_connection(sa.connection_id)) {
    if (other->crossing && other->id != sa.id && heir_of(core, *other) == &sa)
      waiting.push_back(other);
  }
  return waiting;
}

namespace {

constexpr unsigned kMaxTries = 8;
constexpr Duration kRetry = std::chrono::seconds(1);
constexpr Duration kRekeyRetry = std::chrono::seconds(60);

std::uint64_t fresh_spi(Core& core) {
  std::uint64_t spi = 0;
  while (spi == 0 || core.by_own_spi.contains(spi)) spi = core.random_u64();
  return spi;
}

// The IKE SA that continues `old`; it stands beside it until the old one is deleted.
Result<IkeSa*> make_successor(Core& core, IkeSa& old, const IkeRekey& ike, ByteView shared,
                              bool initiator) {
  const crypto::IkeKeyInput input{ike.ni, ike.nr, ike.spi_i, ike.spi_r};
  auto keys = crypto::derive_rekeyed_ike_keys(core.provider, old.suite.prf, old.keys.sk_d.view(),
                                              ike.suite, input, shared);
  if (!keys) return forward(keys);
  IkeSa& next = core.create_sa(initiator, old.local, old.remote);
  next.spi_i = ike.spi_i;
  next.spi_r = ike.spi_r;
  core.by_own_spi.emplace(next.own_spi(), next.id);
  core.settle(next, old.connection_id, old.connection);
  next.state = IkeSaState::kEstablished;
  next.suite = ike.suite;
  next.keys = std::move(*keys);
  next.keys.sk_pi.wipe();  // no identity is proved again
  next.keys.sk_pr.wipe();
  next.encapsulated = old.encapsulated;
  next.nat_local = old.nat_local;
  next.nat_remote = old.nat_remote;
  next.peer_fragments = old.peer_fragments;
  next.ppk_used = old.ppk_used;
  next.peer_id = old.peer_id;
  next.first_nonce = old.first_nonce;
  next.began = old.began;
  next.established = core.now;
  start_timers(core, next);
  ++core.counters.ike_sas_rekeyed;
  core.report(IkeSaUp{next.id, next.connection_id, initiator, true, {}});
  core.schedule(next);
  return &next;
}

void hand_over(Core& core, IkeSa& old, IkeSa& next) {
  move_children(core, old, next);
  hand_on_tasks(old, next);
  old.state = IkeSaState::kRekeyed;
  old.replaced_by = next.id;
  old.rekey_at = kNever;
  old.liveness_at = kNever;
  // The peer, who made it, may have closed it already, and what it took over with it.
  if (next.failed) remove_all_children(core, next, Reason::kPeerDeleted);
  core.schedule(next);
}

void queue_delete_ike_sa(Core& core, IkeSa& sa) {
  Task task;
  task.kind = Task::Kind::kDeleteIkeSa;
  queue(core, sa, std::move(task));
}

// Our rekey came to nothing while the peer's, which crossed it, has made a successor: the Childs go
// there.
bool yielded_to_crossing(Core& core, IkeSa& sa) {
  IkeSa* theirs = sa.crossing ? heir_of(core, sa) : nullptr;
  if (theirs == nullptr) return false;
  sa.crossing.reset();
  hand_over(core, sa, *theirs);
  sa.remove_at = core.now + core.settings.give_up * 3;
  finish_own(core, sa);
  run_tasks(core, *theirs);
  return true;
}

// `at_peer`: the peer has agreed, and its Childs are with an IKE SA that we do not have.
void rekey_failed(Core& core, IkeSa& sa, Side side, Reason reason, std::string text, bool at_peer) {
  if (at_peer) return refuse_response(core, sa, std::move(text));
  if (yielded_to_crossing(core, sa)) return;
  core.report_failure(sa, std::nullopt, side, reason, std::move(text));
  sa.rekey_at = core.now + core.spread(kRekeyRetry, 25);
  finish_own(core, sa);
}

void own_rekey_derived(Core& core, IkeSa& sa, ByteView shared) {
  OwnExchange& own = *sa.own;
  auto successor = make_successor(core, sa, own.ike, shared, true);
  if (!successor) {
    return rekey_failed(core, sa, Side::kLocal, Reason::kCryptoFailed,
                        successor.error().to_string(), true);
  }
  IkeSa& next = **successor;
  IkeSa* heir = sa.crossing ? heir_of(core, sa) : nullptr;  // `theirs`, or what it was rekeyed to
  const std::unique_ptr<Crossing> crossing = std::move(sa.crossing);
  IkeSa* theirs =
      crossing && crossing->peer_ike_sa != 0 ? core.find(crossing->peer_ike_sa) : nullptr;
  const bool lost = theirs != nullptr && lower(own.ike.ni, own.ike.nr) < crossing->lowest_nonce;
  if (lost) {
    // Ours is redundant: the Childs go to the peer's, which also deletes the old IKE SA
    // (section 2.8.2).
    next.state = IkeSaState::kRekeyed;
    next.replaced_by = heir->id;
    next.rekey_at = next.liveness_at = kNever;
    queue_delete_ike_sa(core, next);
    hand_over(core, sa, *heir);
    sa.remove_at = core.now + core.settings.give_up * 3;
    return finish_own(core, sa);
  }
  if (theirs != nullptr) {
    // The peer deletes its redundant one; when it never learnt of it (its response was lost), time
    // does.
    theirs->state = IkeSaState::kRekeyed;
    theirs->replaced_by = next.id;
    theirs->rekey_at = theirs->liveness_at = kNever;
    theirs->remove_at = core.now + core.settings.give_up * 3;
    core.schedule(*theirs);
  }
  hand_over(core, sa, next);
  finish_own(core, sa);
  queue_delete_ike_sa(core, sa);
  run_tasks(core, next);
}

}  // namespace

void begin_rekey_ike_sa(Core& core, IkeSa& sa) {
  OwnExchange& own = *sa.own;
  sa.rekey_at = kNever;
  own.ike.spi_i = fresh_spi(core);
  own.ike.ni = core.random_bytes(kNonceSize);
  own.ike.group = sa.suite.dh;
  own.step = OwnExchange::Step::kKeyPair;
  own.ticket = core.run_crypto(sa, crypto::GenerateKeyPair{own.ike.group});
}

void on_own_rekey_crypto(Core& core, IkeSa& sa, crypto::Outcome outcome) {
  OwnExchange& own = *sa.own;
  own.ticket = 0;
  if (auto* made = std::get_if<crypto::KeyPairMade>(&outcome)) {
    own.ike.key_pair = std::move(made->pair);
    std::vector<wire::Payload> payloads;
    payloads.emplace_back(ike_offer(sa.connection->proposals, wire::spi_bytes(own.ike.spi_i)));
    payloads.emplace_back(wire::Nonce{own.ike.ni});
    payloads.emplace_back(
        wire::Ke{static_cast<std::uint16_t>(own.ike.group), own.ike.key_pair->public_value()});
    own.step = OwnExchange::Step::kSent;
    if (!send_request(core, sa, wire::ExchangeType::kCreateChildSa, payloads)) {
      end_ike_sa(core, sa, Reason::kCryptoFailed);
    }
    return;
  }
  auto* made = std::get_if<crypto::SharedMade>(&outcome);
  if (made == nullptr) {
    return rekey_failed(core, sa, Side::kLocal, Reason::kCryptoFailed,
                        "the key exchange of the rekey failed",
                        own.step == OwnExchange::Step::kDerive);
  }
  // Which of two rekeys is redundant is known once both are answered.
  if (sa.peer && sa.peer->is_ike_rekey) {
    own.ike_shared = std::move(made->shared);
    own.step = OwnExchange::Step::kCrossed;
    return;
  }
  own_rekey_derived(core, sa, made->shared.view());
}

void resume_own_rekey(Core& core, IkeSa& sa) {
  if (!sa.own || sa.own->step != OwnExchange::Step::kCrossed) return;
  const SecretBytes shared = std::move(sa.own->ike_shared);
  own_rekey_derived(core, sa, shared.view());
}

void on_rekey_ike_sa_response(Core& core, IkeSa& sa, const std::vector<wire::Payload>& response) {
  OwnExchange& own = *sa.own;
  const auto* chosen = wire::find<wire::Sa>(response);
  const auto* nonce = wire::find<wire::Nonce>(response);
  const auto* ke = wire::find<wire::Ke>(response);
  if (chosen == nullptr) {
    const auto* error = wire::find_error(response);
    const auto type = error != nullptr ? error->type : wire::NotifyType::kInvalidSyntax;
    if (type == wire::NotifyType::kTemporaryFailure && own.task.tries < kMaxTries) {
      if (yielded_to_crossing(core, sa)) return;
      return postpone_own(core, sa, kRetry);
    }
    if (error != nullptr && own.task.tries < kMaxTries) {
      const auto group =
          crypto::find_dh(wire::invalid_ke_group(*error).value_or(0)).value_or(crypto::DhId::kNone);
      for (const auto& proposal : sa.connection->proposals) {
        if (group != crypto::DhId::kNone &&
            std::find(proposal.dh.begin(), proposal.dh.end(), group) != proposal.dh.end()) {
          ++own.task.tries;
          own.ike.group = group;
          own.step = OwnExchange::Step::kKeyPair;
          own.ticket = core.run_crypto(sa, crypto::GenerateKeyPair{own.ike.group});
          return;
        }
      }
    }
    return rekey_failed(core, sa, Side::kRemote, Reason::kNoProposalChosen,
                        "the peer refused to rekey the IKE SA: " + wire::describe(type), false);
  }
  const auto choice = check_ike(*chosen, sa.connection->proposals);
  const auto spi = choice ? wire::spi64_of(choice->spi) : std::nullopt;
  if (!choice || !spi || *spi == 0 || nonce == nullptr || ke == nullptr ||
      choice->suite.dh != own.ike.group || ke->group != static_cast<std::uint16_t>(own.ike.group)) {
    return rekey_failed(
        core, sa, Side::kLocal, Reason::kNoProposalChosen,
        "the peer's answer to the rekey of the IKE SA does not fit what was offered", true);
  }
  own.ike.spi_r = *spi;
  own.ike.nr = nonce->data;
  own.ike.suite = choice->suite;
  own.step = OwnExchange::Step::kDerive;
  own.ticket = core.run_crypto(sa, crypto::DeriveShared{own.ike.key_pair, ke->data});
}

void on_rekey_ike_sa_request(Core& core, IkeSa& sa, std::uint32_t message_id,
                             const std::vector<wire::Payload>& request) {
  constexpr auto kExchange = wire::ExchangeType::kCreateChildSa;
  // Section 2.25.2: not while we make, rekey or close a Child, nor when this IKE SA is being
  // closed.
  const bool busy_with_child = sa.own && (sa.own->task.kind == Task::Kind::kCreateChild ||
                                          sa.own->task.kind == Task::Kind::kRekeyChild ||
                                          sa.own->task.kind == Task::Kind::kDeleteChild);
  if (!sa.alive() || busy_with_child) {
    return respond_notify(core, sa, kExchange, message_id,
                          notify(wire::NotifyType::kTemporaryFailure));
  }
  const auto* ke = wire::find<wire::Ke>(request);
  if (ke == nullptr) {
    return refuse_malformed(core, sa, kExchange, message_id,
                            "the peer asked to rekey the IKE SA without KE");
  }
  const auto choice =
      choose_ike(*wire::find<wire::Sa>(request), sa.connection->proposals, ke->group);
  const auto spi = choice ? wire::spi64_of(choice->spi) : std::nullopt;
  if (!choice || !spi || *spi == 0) {
    core.report_failure(sa, std::nullopt, Side::kLocal, Reason::kNoProposalChosen,
                        "the peer's proposals for the rekey of the IKE SA do not fit ours");
    return respond_notify(core, sa, kExchange, message_id,
                          notify(wire::NotifyType::kNoProposalChosen));
  }
  if (ke->group != static_cast<std::uint16_t>(choice->suite.dh)) {
    return respond_notify(
        core, sa, kExchange, message_id,
        wire::make_invalid_ke_payload(static_cast<std::uint16_t>(choice->suite.dh)));
  }
  auto peer = std::make_unique<PeerExchange>();
  peer->is_ike_rekey = true;
  peer->message_id = message_id;
  peer->ike.spi_i = *spi;
  peer->ike.spi_r = fresh_spi(core);
  peer->ike.ni = wire::find<wire::Nonce>(request)->data;
  peer->ike.nr = core.random_bytes(kNonceSize);
  peer->ike.suite = choice->suite;
  peer->ike.group = choice->suite.dh;
  peer->ike.proposal_number = choice->number;
  peer->step = PeerExchange::Step::kKeyExchange;
  peer->ticket = core.run_crypto(sa, crypto::GenerateAndDerive{choice->suite.dh, ke->data});
  sa.peer = std::move(peer);
}

void on_peer_rekey_crypto(Core& core, IkeSa& sa, crypto::Outcome outcome) {
  constexpr auto kExchange = wire::ExchangeType::kCreateChildSa;
  const std::unique_ptr<PeerExchange> peer = std::move(sa.peer);
  auto* made = std::get_if<crypto::SharedMade>(&outcome);
  auto successor = made != nullptr
                       ? make_successor(core, sa, peer->ike, made->shared.view(), false)
                       : Result<IkeSa*>(fail(Code::kCrypto, "KE", "key exchange failed"));
  const auto* error = std::get_if<Error>(&outcome);
  if (error != nullptr && error->code == Code::kInvalid) {  // no public value of the group
    return refuse_malformed(core, sa, kExchange, peer->message_id, error->to_string());
  }
  if (!successor) {
    core.report_failure(sa, std::nullopt, Side::kLocal, Reason::kCryptoFailed,
                        successor.error().to_string());
    respond_notify(core, sa, kExchange, peer->message_id,
                   notify(wire::NotifyType::kTemporaryFailure));
    resume_own_rekey(core, sa);
    return run_tasks(core, sa);
  }
  IkeSa& next = **successor;
  std::vector<wire::Payload> payloads;
  payloads.emplace_back(
      ike_answer(peer->ike.proposal_number, peer->ike.suite, wire::spi_bytes(peer->ike.spi_r)));
  payloads.emplace_back(wire::Nonce{peer->ike.nr});
  payloads.emplace_back(wire::Ke{static_cast<std::uint16_t>(peer->ike.group), made->own_public});
  (void)send_response(core, sa, kExchange, peer->message_id, payloads);
  if (sa.own && sa.own->task.kind == Task::Kind::kRekeyIkeSa) {
    sa.crossing = std::make_unique<Crossing>();
    sa.crossing->peer_ike_sa = next.id;
    sa.crossing->lowest_nonce = lower(peer->ike.ni, peer->ike.nr);
    return resume_own_rekey(core, sa);
  }
  hand_over(core, sa, next);
  sa.remove_at = core.now + core.settings.give_up * 3;  // the peer, who began, deletes it
  run_tasks(core, next);
}

}  // namespace espalier::ike::exchange
