#include "ike/exchange/tasks.h"

#include <algorithm>

#include "ike/exchange/child.h"

namespace espalier::ike::exchange {

void queue(Core& core, IkeSa& sa, Task task) {
  // A Delete of the IKE SA makes everything else pointless.
  if (task.kind == Task::Kind::kDeleteIkeSa && !task.only_if_duplicate) sa.tasks.clear();
  sa.tasks.push_back(std::move(task));
  run_tasks(core, sa);
}

void queue_probe(Core& core, IkeSa& sa, ChildSaId child) {
  Task probe;
  probe.kind = Task::Kind::kProbe;
  probe.child = child;
  queue(core, sa, std::move(probe));
}

void queue_create_child(Core& core, IkeSa& sa, const Initiate& wanted) {
  const auto same = [&](const Task& task) {
    return task.kind == Task::Kind::kCreateChild && task.child_index == wanted.child_index;
  };
  if ((sa.own && same(sa.own->task)) || std::any_of(sa.tasks.begin(), sa.tasks.end(), same)) return;
  Task task;
  task.kind = Task::Kind::kCreateChild;
  task.child_index = wanted.child_index;
  task.packet_local = wanted.packet_local;
  task.packet_remote = wanted.packet_remote;
  queue(core, sa, std::move(task));
}

void run_tasks(Core& core, IkeSa& sa) {
  // The successor that the peer is about to get from us takes what waits (hand_over).
  if (sa.peer && sa.peer->is_ike_rekey) return;
  while (!sa.own && !sa.outstanding && !sa.handshake && !sa.failed && core.find(sa.id) == &sa) {
    const auto due = std::find_if(sa.tasks.begin(), sa.tasks.end(),
                                  [&](const Task& task) { return task.not_before <= core.now; });
    if (due == sa.tasks.end()) return;
    const bool closing = due->kind == Task::Kind::kDeleteIkeSa;
    if (!sa.alive() && !closing) {
      sa.tasks.erase(due);
      continue;
    }
    sa.own = std::make_unique<OwnExchange>();
    sa.own->task = std::move(*due);
    sa.tasks.erase(due);
    switch (sa.own->task.kind) {
      case Task::Kind::kCreateChild:
      case Task::Kind::kRekeyChild:
        begin_create_child(core, sa);
        break;
      case Task::Kind::kRekeyIkeSa:
        begin_rekey_ike_sa(core, sa);
        break;
      case Task::Kind::kDeleteChild:
        begin_delete_child(core, sa);
        break;
      case Task::Kind::kDeleteIkeSa:
        begin_delete_ike_sa(core, sa);
        break;
      case Task::Kind::kProbe:
        begin_probe(core, sa);
        break;
    }
  }
}

void finish_own(Core& core, IkeSa& sa) {
  sa.own.reset();
  core.schedule(sa);
  run_tasks(core, sa);
}

void postpone_own(Core& core, IkeSa& sa, Duration delay) {
  Task task = std::move(sa.own->task);
  ++task.tries;
  task.not_before = core.now + delay + core.spread(delay, 50);
  sa.tasks.push_back(std::move(task));
  finish_own(core, sa);
}

void hand_on_tasks(IkeSa& from, IkeSa& to) {
  for (Task& task : from.tasks) {
    const bool liveness = task.kind == Task::Kind::kProbe && task.child == 0;
    if (task.kind != Task::Kind::kRekeyIkeSa && !liveness) to.tasks.push_back(std::move(task));
  }
  from.tasks.clear();
}

void end_ike_sa(Core& core, IkeSa& sa, Reason reason) {
  IkeSa* next = sa.replaced_by != 0 ? core.find(sa.replaced_by) : nullptr;
  if (next != nullptr && !sa.children.empty()) move_children(core, sa, *next);
  remove_all_children(core, sa, reason);
  if (sa.established != TimePoint{} && !sa.failed) {  // one that failed has been reported
    core.report(IkeSaDown{sa.id, sa.connection_id, reason, sa.replaced_by != 0});
  }
  sa.tasks.clear();
  core.drop(sa);
}

}  // namespace espalier::ike::exchange
