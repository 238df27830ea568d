#include <algorithm>
#include <utility>

#include "ike/exchange/child.h"
#include "ike/exchange/dispatch.h"
#include "ike/exchange/handshake.h"
#include "ike/exchange/tasks.h"
#include "ike/exchange/window.h"

namespace espalier::ike::exchange {
namespace {

void no_answer(Core& core, IkeSa& sa) {
  const std::string what = wire::describe(sa.outstanding->exchange);
  core.count_end(sa.outstanding->exchange, "timeout");
  if (sa.handshake) {
    Handshake& handshake = *sa.handshake;
    const auto& remotes = sa.connection->remotes;
    if (handshake.step == Handshake::Step::kInitSent &&
        handshake.remote_index + 1 < remotes.size()) {
      sa.remote.address = remotes[++handshake.remote_index];  // addresses are tried in order
      sa.outstanding.reset();
      handshake.cookie.clear();
      return on_key_pair(core, sa, handshake.key_pair);
    }
    return fail_handshake(core, sa, Side::kRemote, Reason::kTimeout,
                          "no answer to " + what + " from " + sa.remote.to_string());
  }
  if (sa.state == IkeSaState::kDeleting || sa.state == IkeSaState::kRekeyed) {
    return end_ike_sa(core, sa, sa.delete_reason);
  }
  ++core.counters.peers_lost;
  core.report_failure(sa, std::nullopt, Side::kRemote, Reason::kTimeout,
                      "the peer is gone: no answer to " + what + " from " + sa.remote.to_string());
  end_ike_sa(core, sa, Reason::kTimeout);
}

void check_liveness(Core& core, IkeSa& sa) {
  const Duration delay = sa.connection->liveness.delay;
  if (core.now - sa.last_heard < delay) {
    sa.liveness_at = sa.last_heard + delay;
    return;
  }
  sa.liveness_at = core.now + delay;
  if (sa.own || sa.outstanding) return;  // a request under way is as good a probe
  // Traffic that came in says that the peer lives: ask the kernel before asking the peer.
  const auto carrying = std::find_if(sa.children.begin(), sa.children.end(), [](const auto& child) {
    return child->state == ChildSa::State::kInstalled && child->inbound_installed;
  });
  if (carrying != sa.children.end()) {
    sa.usage_ticket = core.new_ticket(sa);
    core.outputs.emplace_back(QueryUsage{sa.usage_ticket, (*carrying)->info});
    return;
  }
  queue_probe(core, sa);
}

// ESP that goes out meanwhile is not counted: an octet every 20 s is cheaper than asking the
// kernel.
void keep_mapping(Core& core, IkeSa& sa) {
  sa.keepalive_at = core.now + core.settings.nat_keepalive;
  core.outputs.emplace_back(Send{sa.local, sa.remote, true, Bytes{kNatKeepalive}});
}

void on_child_time(Core& core, IkeSa& sa, ChildSa& child) {
  if (child.release_at <= core.now) {
    if (std::exchange(child.release_asked, true)) {
      child.release_at = kNever;
      release_outbound(core, sa, child);
    } else {
      child.release_at = core.now + core.settings.give_up * 2;
      queue_probe(core, sa, child.info.id);
    }
  }
  if (child.remove_at <= core.now) {
    if (child.state == ChildSa::State::kDraining)
      return remove_child(core, sa, child.info.id, Reason::kNone);
    // Replaced, and the peer who should have deleted it did not.
    child.remove_at = kNever;
    Task task;
    task.kind = Task::Kind::kDeleteChild;
    task.child = child.info.id;
    return queue(core, sa, std::move(task));
  }
  if (child.rekey_at <= core.now) {
    child.rekey_at = kNever;
    if (child.state != ChildSa::State::kInstalled || child.replaced_by != 0) return;
    Task task;
    task.kind = Task::Kind::kRekeyChild;
    task.child = child.info.id;
    queue(core, sa, std::move(task));
  }
}

}  // namespace

void on_time(Core& core, IkeSa& sa) {
  const auto gone = [&] { return core.find(sa.id) != &sa; };
  if (sa.handshake && sa.handshake->expires <= core.now) {
    if (sa.initiator) {
      return fail_handshake(core, sa, Side::kLocal, Reason::kTimeout,
                            "the handshake took too long");
    }
    remove_all_children(core, sa, Reason::kTimeout);
    return core.drop(sa);  // half open: the peer never came back
  }
  if (!resend_due(core, sa)) {
    no_answer(core, sa);
    if (gone()) return;
  }
  std::vector<ChildSaId> due;
  for (const auto& child : sa.children) {
    if (std::min({child->rekey_at, child->remove_at, child->release_at}) <= core.now)
      due.push_back(child->info.id);
  }
  for (const ChildSaId id : due) {
    if (ChildSa* child = sa.find_child(id)) on_child_time(core, sa, *child);
    if (gone()) return;
  }
  if (sa.rekey_at <= core.now) {
    sa.rekey_at = kNever;
    Task task;
    task.kind = Task::Kind::kRekeyIkeSa;
    queue(core, sa, std::move(task));
  }
  if (!gone() && sa.alive() && sa.liveness_at <= core.now) check_liveness(core, sa);
  if (!gone() && sa.alive() && sa.keepalive_at <= core.now) keep_mapping(core, sa);
  if (!gone() && sa.remove_at <= core.now) return end_ike_sa(core, sa, sa.delete_reason);
  if (!gone()) run_tasks(core, sa);
  core.schedule(sa);
}

}  // namespace espalier::ike::exchange
