#include "ike/exchange/established.h"

#include "ike/auth/identity_match.h"
#include "ike/exchange/child.h"
#include "ike/exchange/tasks.h"

namespace espalier::ike::exchange {
namespace {

// How long a new Child that a peer began waits for a sign of that peer before the peer is asked.
constexpr Duration kTakeOver = std::chrono::seconds(5);

// Of two IKE SAs that crossed, the one whose Ni is lower goes, much as section 2.8.2 has it of
// rekeys (of this, RFC 7296 says nothing); its initiator deletes it. One that is still being made
// is looked at when it stands, and that is not at the same time at both ends: either may have been
// rekeyed meanwhile, by either end, so what its handshake said decides.
void resolve_duplicates(Core& core, IkeSa& sa) {
  const Duration young = core.settings.give_up * 5;  // longer than a handshake can take
  for (IkeSa* other : core.of_connection(sa.connection_id)) {
    if (other->id == sa.id || !other->alive() || core.now - other->established >= young ||
        !auth::same_identity(other->peer_id, sa.peer_id)) {
      continue;
    }
    IkeSa& loser = sa.first_nonce < other->first_nonce ? sa : *other;
    if (!loser.began) continue;
    Task task;
    task.kind = Task::Kind::kDeleteIkeSa;
    task.reason = Reason::kNone;
    task.not_before = core.now + std::chrono::seconds(1);
    task.only_if_duplicate = true;
    loser.tasks.push_back(std::move(task));
  }
}

}  // namespace

bool carries_already(Core& core, const IkeSa& sa, const ChildNegotiation& negotiated) {
  if (negotiated.carried) return true;
  const auto current = core.current.find({sa.connection_id, negotiated.child_index});
  if (current == core.current.end()) return false;
  const ChildSa* child = core.find_child(current->second);
  return child != nullptr && child->outbound_installed;
}

void take_over(Core& core, IkeSa& sa, ChildSa& child, const ChildNegotiation& negotiated) {
  if (carries_already(core, sa, negotiated)) {
    // Perhaps one that the peer's kernel, or ours, kept over a restart. The new one takes over when
    // the peer is seen to use it, or to go on (has_gone_on, confirm); before that the peer may not
    // have heard of it.
    child.release_at = core.now + kTakeOver;
  } else {
    install_outbound(core, sa, child, true);
  }
}

void has_gone_on(Core& core, IkeSa& sa) {
  for (const auto& child : sa.children) {
    if (child->waits_for_a_sign()) release_outbound(core, sa, *child);
  }
}

void confirm(Core& core, IkeSaId id) {
  IkeSa* sa = core.find(id);
  if (sa != nullptr && sa->alive() && !sa->own) queue_probe(core, *sa);
}

bool others_alive(Core& core, const IkeSa& sa) {
  for (const IkeSa* other : core.of_connection(sa.connection_id)) {
    if (other->id != sa.id && other->alive()) return true;
  }
  return false;
}

void start_timers(Core& core, IkeSa& sa) {
  const Connection& connection = *sa.connection;
  if (connection.lifetime > Duration::zero())
    sa.rekey_at = core.now + core.spread(connection.lifetime, 10);
  if (connection.liveness.delay > Duration::zero())
    sa.liveness_at = core.now + connection.liveness.delay;
  if (sa.nat_local) sa.keepalive_at = core.now + core.settings.nat_keepalive;
}

void established(Core& core, IkeSa& sa, bool initial_contact) {
  const Connection& connection = *sa.connection;
  std::unique_ptr<Handshake> handshake = std::move(sa.handshake);
  sa.state = IkeSaState::kEstablished;
  sa.established = core.now;
  sa.last_heard = core.now;
  sa.first_nonce = handshake->ni;
  sa.began = sa.initiator;
  sa.ppk_used = handshake->ppk_index.has_value();
  sa.keys.sk_pi.wipe();  // they prove the identities, and have done so
  sa.keys.sk_pr.wipe();
  core.half_open_by_peer.erase(sa.half_open_key);
  if (sa.counted_half_open) {
    core.half_open.remove(sa.half_open_key.first.address);
    sa.counted_half_open = false;
  }
  start_timers(core, sa);
  ++core.counters.ike_sas_established;
  core.report(IkeSaUp{sa.id, sa.connection_id, sa.initiator, false, core.now - sa.created});
  if (initial_contact) {
    for (IkeSa* other : core.of_connection(sa.connection_id)) {
      // One that crossed this handshake was made after it began: the peer did not mean it.
      if (other->id != sa.id && other->alive() && other->established < sa.created &&
          auth::same_identity(other->peer_id, sa.peer_id)) {
        end_ike_sa(core, *other, Reason::kPeerDeleted);
      }
    }
  }
  resolve_duplicates(core, sa);
  if (sa.initiator) {
    // The first IKE SA's own traffic is not protected by the PPK; its successor is (RFC 8784
    // section 3).
    if (connection.ppk == PpkMode::kInsist) {
      Task rekey;
      rekey.kind = Task::Kind::kRekeyIkeSa;
      queue(core, sa, std::move(rekey));
    }
    for (const Initiate& wanted : handshake->waiting) queue_create_child(core, sa, wanted);
  }
}

void finish_initiator(Core& core, IkeSa& sa) {
  established(core, sa, false);
  if (sa.children.empty() && sa.tasks.empty()) {
    Task task;
    task.kind = Task::Kind::kDeleteIkeSa;
    task.reason = Reason::kLocalRequest;
    queue(core, sa, std::move(task));
  }
  run_tasks(core, sa);
}

}  // namespace espalier::ike::exchange
