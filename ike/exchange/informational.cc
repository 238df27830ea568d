// INFORMATIONAL (RFC 7296 sections 1.4 and 2.4): Delete of Childs and of the IKE SA, liveness.
#include <algorithm>
#include <vector>

#include "ike/auth/identity_match.h"
#include "ike/exchange/child.h"
#include "ike/exchange/established.h"
#include "ike/exchange/tasks.h"
#include "ike/exchange/window.h"

namespace espalier::ike::exchange {
namespace {

constexpr auto kExchange = wire::ExchangeType::kInformational;

void send(Core& core, IkeSa& sa, const std::vector<wire::Payload>& payloads) {
  if (!send_request(core, sa, kExchange, payloads)) end_ike_sa(core, sa, Reason::kCryptoFailed);
}

// Keeps the SPI a moment so that a retransmitted request gets its answer again.
void linger(Core& core, IkeSa& sa) {
  sa.state = IkeSaState::kDeleting;
  sa.failed = true;
  sa.tasks.clear();
  sa.own.reset();
  sa.outstanding.reset();
  sa.rekey_at = sa.liveness_at = kNever;
  sa.remove_at = core.now + core.settings.give_up;
}

// Another IKE SA that stands with the same peer; one that replaces this one, or that this one was
// to replace, is no other.
IkeSa* standing_beside(Core& core, const IkeSa& sa) {
  for (IkeSa* other : core.of_connection(sa.connection_id)) {
    if (other->first_nonce != sa.first_nonce && other->alive() &&
        auth::same_identity(other->peer_id, sa.peer_id)) {
      return other;
    }
  }
  return nullptr;
}

constexpr Duration kLookAgain = std::chrono::seconds(1);
constexpr unsigned kPeersTurn = 5;  // looks, before what the peer did not make is made by us
constexpr unsigned kLastLook = 40;

// One of `next` that can do what `child` does.
const ChildSa* like_of(const ChildSa& child, const IkeSa& next) {
  const auto found = std::find_if(next.children.begin(), next.children.end(),
                                  [&](const std::unique_ptr<ChildSa>& other) {
                                    return other->info.child_index == child.info.child_index &&
                                           other->state == ChildSa::State::kInstalled;
                                  });
  return found != next.children.end() ? found->get() : nullptr;
}

// The Childs of a duplicate whose like at `next` does not stand at both ends, as far as we know.
struct Unlike {
  bool any = false;
  std::vector<std::size_t> missing;  // child indexes of which `next` has none at all
};

Unlike unlike(const IkeSa& sa, const IkeSa& next) {
  Unlike result;
  for (const auto& child : sa.children) {
    if (child->state != ChildSa::State::kInstalled) continue;
    const ChildSa* like = like_of(*child, next);
    if (like != nullptr && !like->waits_for_a_sign()) continue;
    result.any = true;
    if (like == nullptr) result.missing.push_back(child->info.child_index);
  }
  return result;
}

// A duplicate stays while Childs would end with it, and for what nobody makes beside it we begin.
bool stays_for_now(Core& core, IkeSa& sa, IkeSa& next) {
  const unsigned look = sa.own->task.tries;
  if (look >= kLastLook) return false;
  const Unlike children = unlike(sa, next);
  if (look == kPeersTurn) {
    const IkeSaId id = next.id;
    for (const std::size_t index : children.missing) {
      IkeSa* there = core.find(id);
      if (there == nullptr) break;
      Initiate wanted;
      wanted.id = there->connection_id;
      wanted.child_index = index;
      queue_create_child(core, *there, wanted);
      core.schedule(*there);
    }
  }
  return children.any;
}

// The IKE SA goes and another stands beside it: Childs that have their like there leave the traffic
// to it now, and what is under way to us is still taken for a moment.
void yield_children(Core& core, IkeSa& sa, IkeSa& next) {
  for (const auto& child : sa.children) {
    if (like_of(*child, next) != nullptr) drain_child(core, sa, *child, Reason::kNone);
  }
  std::vector<std::unique_ptr<ChildSa>> stay;
  std::vector<std::unique_ptr<ChildSa>> go;
  for (auto& child : sa.children) {
    (child->state == ChildSa::State::kDraining ? go : stay).push_back(std::move(child));
  }
  sa.children = std::move(go);
  move_children(core, sa, next);
  sa.children = std::move(stay);
  core.schedule(next);
}

void end_by_peer(Core& core, IkeSa& sa, Reason reason) {
  IkeSa* next = heir_of(core, sa);
  if (next != nullptr && !next->failed) {
    move_children(core, sa, *next);
    hand_on_tasks(sa, *next);
    sa.replaced_by = next->id;
    run_tasks(core, *next);
    core.schedule(*next);
  } else if ((next = standing_beside(core, sa)) != nullptr) {
    yield_children(core, sa, *next);
  }
  remove_all_children(core, sa, reason);
  core.report(IkeSaDown{sa.id, sa.connection_id, reason, next != nullptr});
  linger(core, sa);
}

}  // namespace

void refuse_malformed(Core& core, IkeSa& sa, wire::ExchangeType exchange, std::uint32_t message_id,
                      std::string text) {
  respond_notify(core, sa, exchange, message_id, notify(wire::NotifyType::kInvalidSyntax));
  core.report_failure(sa, std::nullopt, Side::kLocal, Reason::kInvalidMessage, std::move(text));
  sa.peer.reset();
  end_by_peer(core, sa, Reason::kInvalidMessage);
}

void refuse_response(Core& core, IkeSa& sa, std::string text) {
  core.report_failure(sa, std::nullopt, Side::kLocal, Reason::kInvalidMessage, std::move(text));
  if (!sa.alive()) return end_ike_sa(core, sa, Reason::kInvalidMessage);
  sa.outstanding.reset();
  sa.own.reset();
  Task task;
  task.kind = Task::Kind::kDeleteIkeSa;
  task.reason = Reason::kInvalidMessage;
  queue(core, sa, std::move(task));
}

void begin_delete_child(Core& core, IkeSa& sa) {
  if (sa.own->task.spi != 0) {
    wire::Delete unwanted;
    unwanted.protocol = wire::ProtocolId::kEsp;
    unwanted.spis = {sa.own->task.spi};
    return send(core, sa, {unwanted});
  }
  ChildSa* child = sa.find_child(sa.own->task.child);
  if (child == nullptr || child->state == ChildSa::State::kDraining) return finish_own(core, sa);
  if (sa.own->task.only_if_duplicate) {
    const bool stands = child->state == ChildSa::State::kInstalled;
    const ChildSa* stays = stands ? preferred_to(sa, *child) : nullptr;
    if (stays == nullptr) return finish_own(core, sa);
    if (const TimePoint settled = stays->established + core.settings.give_up; core.now < settled)
      return postpone_own(core, sa, settled - core.now);
    if (stays->waits_for_a_sign() && sa.own->task.tries < kLastLook)
      return postpone_own(core, sa, kLookAgain);
  }
  child->state = ChildSa::State::kDeleting;
  child->rekey_at = child->remove_at = kNever;
  sa.own->deleted = {child->info.id};
  wire::Delete payload;
  payload.protocol = wire::ProtocolId::kEsp;
  payload.spis = {child->info.spi_in};
  send(core, sa, {payload});
}

void begin_delete_ike_sa(Core& core, IkeSa& sa) {
  if (sa.own->task.only_if_duplicate) {
    IkeSa* next = standing_beside(core, sa);
    if (next == nullptr) return finish_own(core, sa);
    if (stays_for_now(core, sa, *next)) return postpone_own(core, sa, kLookAgain);
    yield_children(core, sa, *next);
  }
  sa.state = IkeSaState::kDeleting;
  sa.delete_reason = sa.own->task.reason;
  send(core, sa, {wire::Delete{}});
}

void begin_probe(Core& core, IkeSa& sa) {
  send(core, sa, {});
}

void on_informational_response(Core& core, IkeSa& sa, const std::vector<wire::Payload>& response) {
  (void)response;
  if (!sa.own) {  // the last word of a handshake that we refused
    core.drop(sa);
    return;
  }
  switch (sa.own->task.kind) {
    case Task::Kind::kDeleteIkeSa:
      // A duplicate's Childs have gone over, or end with it: the peer thinks so too.
      if (sa.own->task.only_if_duplicate) remove_all_children(core, sa, sa.own->task.reason);
      end_ike_sa(core, sa, sa.own->task.reason);
      return;
    case Task::Kind::kDeleteChild:
      for (const ChildSaId id : sa.own->deleted) {
        ChildSa* child = sa.find_child(id);
        if (child == nullptr) continue;
        if (!child->inbound_installed) {
          remove_child(core, sa, id, Reason::kKernelRefused);
        } else {
          drain_child(core, sa, *child, sa.own->task.reason);
        }
      }
      break;
    case Task::Kind::kProbe: {
      IkeSa* holder = nullptr;
      if (ChildSa* child = core.find_child(sa.own->task.child, &holder))
        release_outbound(core, *holder, *child);
      break;
    }
    default:
      break;
  }
  finish_own(core, sa);
}

namespace {

// The peer has answered what we began, and may hold its outbound SA until it hears that ours stand.
bool is_awaited(const IkeSa& sa) {
  return sa.own && !sa.own->child.nr.empty() && sa.own->child.replaces == 0;
}

}  // namespace

void on_informational_request(Core& core, IkeSa& sa, std::uint32_t message_id,
                              const std::vector<wire::Payload>& request) {
  // An answer would say that they do (take_over). It asks again.
  if (request.empty() && is_awaited(sa)) return;
  const auto deletes = wire::all<wire::Delete>(request);
  const bool refused =
      wire::find_notify(request, wire::NotifyType::kAuthenticationFailed) != nullptr;
  const bool whole =
      refused || std::any_of(deletes.begin(), deletes.end(), [](const wire::Delete* one) {
        return one->protocol == wire::ProtocolId::kIke;
      });
  if (whole) {
    (void)send_response(core, sa, kExchange, message_id, {});
    if (refused) {
      core.report_failure(
          sa, std::nullopt, Side::kRemote, Reason::kAuthenticationFailed,
          "the peer refused us: AUTHENTICATION_FAILED; its own log or status says why");
    }
    return end_by_peer(core, sa, refused ? Reason::kAuthenticationFailed : Reason::kPeerDeleted);
  }
  std::vector<wire::Payload> payloads;
  wire::Delete answer;
  answer.protocol = wire::ProtocolId::kEsp;
  std::vector<ChildSaId> gone;
  std::vector<IkeSa*> holders = waiting_for(core, sa);
  holders.push_back(&sa);
  for (const wire::Delete* one : deletes) {
    if (one->protocol != wire::ProtocolId::kEsp) continue;
    for (const std::uint32_t spi : one->spis) {
      bool known = false;
      for (const IkeSa* holder : holders) {
        for (const auto& child : holder->children) {
          if (child->info.spi_out != spi) continue;
          known = true;
          if (child->state == ChildSa::State::kDraining) continue;
          // When both delete the same Child, neither names it again (section 1.4.1).
          if (child->state != ChildSa::State::kDeleting) answer.spis.push_back(child->info.spi_in);
          gone.push_back(child->info.id);
        }
      }
      if (!known && sa.own) sa.own->peer_deleted.push_back(spi);
    }
  }
  if (!answer.spis.empty()) payloads.emplace_back(answer);
  // The new outbound SA stands before the peer hears that its old inbound one may go.
  for (const ChildSaId id : gone) {
    IkeSa* holder = nullptr;
    ChildSa* child = core.find_child(id, &holder);
    if (child == nullptr) continue;
    drain_child(core, *holder, *child, Reason::kPeerDeleted);
    core.schedule(*holder);
  }
  has_gone_on(core, sa);
  (void)send_response(core, sa, kExchange, message_id, payloads);
}

}  // namespace espalier::ike::exchange
