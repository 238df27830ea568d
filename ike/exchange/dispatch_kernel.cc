// The kernel's answers and events, and the commands.
#include <algorithm>

#include "ike/exchange/child.h"
#include "ike/exchange/dispatch.h"
#include "ike/exchange/handshake.h"
#include "ike/exchange/tasks.h"

namespace espalier::ike::exchange {
namespace {

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

void on_installed(Core& core, IkeSa& sa, const KernelInstalled& answer) {
  if (sa.handshake && sa.handshake->ticket == answer.ticket) {
    return on_handshake_installed(core, sa, answer.status);
  }
  if (sa.own && sa.own->ticket == answer.ticket)
    return on_own_child_installed(core, sa, answer.status);
  if (sa.peer && sa.peer->ticket == answer.ticket)
    return on_peer_child_installed(core, sa, answer.status);
}

// An outbound SA that was asked for outside an exchange; its Child may have moved to a successor of
// the IKE SA.
void on_outbound_installed(Core& core, const KernelInstalled& answer) {
  const auto asked = core.outbound_asked.find(answer.ticket);
  if (asked == core.outbound_asked.end()) return;
  const ChildSaId id = asked->second;
  core.outbound_asked.erase(asked);
  IkeSa* sa = nullptr;
  ChildSa* child = core.find_child(id, &sa);
  if (child == nullptr || !child->outbound_asked) return;  // taken back meanwhile
  if (answer.status) return outbound_stands(core, *sa, *child);
  child->outbound_asked = false;
  core.report_failure(*sa, child->info.child_index, Side::kLocal, Reason::kKernelRefused,
                      answer.status.error().to_string());
  Task task;
  task.kind = Task::Kind::kDeleteChild;
  task.child = id;
  task.reason = Reason::kKernelRefused;
  queue(core, *sa, std::move(task));
  core.schedule(*sa);
}

void queue_rekey(Core& core, IkeSa& sa, ChildSa& child) {
  if (child.state != ChildSa::State::kInstalled || child.replaced_by != 0) return;
  const auto same = [&](const Task& task) {
    return task.kind == Task::Kind::kRekeyChild && task.child == child.info.id;
  };
  if ((sa.own && same(sa.own->task)) || std::any_of(sa.tasks.begin(), sa.tasks.end(), same)) return;
  child.rekey_at = kNever;
  Task task;
  task.kind = Task::Kind::kRekeyChild;
  task.child = child.info.id;
  queue(core, sa, std::move(task));
}

void on_expired(Core& core, const KernelExpired& event) {
  std::vector<ChildSaId> meant;
  if (const auto in = core.child_by_spi_in.find(event.spi); in != core.child_by_spi_in.end()) {
    meant.push_back(in->second);
  }
  for (auto [it, end] = core.child_by_spi_out.equal_range(event.spi); it != end; ++it)
    meant.push_back(it->second);
  for (const ChildSaId id : meant) {
    IkeSa* sa = nullptr;
    ChildSa* child = core.find_child(id, &sa);
    if (child == nullptr) continue;
    const bool in = child->info.spi_in == event.spi && child->info.local == event.destination;
    const bool out = child->info.spi_out == event.spi && child->info.remote == event.destination;
    if (!in && !out) continue;
    if (event.hard) {
      remove_child(core, *sa, id, Reason::kKernelRefused);
    } else {
      queue_rekey(core, *sa, *child);
    }
    core.schedule(*sa);
    return;
  }
}

void on_usage(Core& core, const KernelUsage& usage) {
  IkeSa* sa = core.find(static_cast<IkeSaId>(usage.ticket >> 32));
  if (sa == nullptr || sa->usage_ticket != usage.ticket || !sa->alive()) return;
  sa->usage_ticket = 0;
  if (usage.packets_in != sa->usage_seen) {
    sa->usage_seen = usage.packets_in;
    sa->last_heard = core.now;
    sa->liveness_at = core.now + sa->connection->liveness.delay;
  } else if (!sa->own) {
    queue_probe(core, *sa);
  }
  core.schedule(*sa);
}

void on_mapping(Core& core, const KernelMapping& mapping) {
  const auto found = core.child_by_spi_in.find(mapping.spi_in);
  if (found == core.child_by_spi_in.end()) return;
  IkeSa* sa = nullptr;
  if (core.find_child(found->second, &sa) == nullptr || !sa->nat_remote) return;
  // ESP that authenticated came from there: the kernel has checked it before it told us.
  const IpAddress old_remote = sa->remote.address;
  sa->remote = mapping.remote;
  for (const auto& child : sa->children) {
    child->info.remote = sa->remote.address;
    if (child->info.encapsulation) child->info.encapsulation->remote = sa->remote.port;
    core.outputs.emplace_back(UpdateChild{child->info, old_remote});
  }
}

void terminate_connection(Core& core, ConnectionId id, bool quietly, Reason reason) {
  for (IkeSa* sa : core.of_connection(id)) {
    if (quietly) {
      for (const auto& child : sa->children) core.child_owner.erase(child->info.id);
      sa->children.clear();
      core.drop(*sa);
    } else if (sa->handshake) {
      fail_handshake(core, *sa, Side::kLocal, reason, "the connection was taken down");
    } else if (sa->alive()) {
      Task task;
      task.kind = Task::Kind::kDeleteIkeSa;
      task.reason = reason;
      queue(core, *sa, std::move(task));
      core.schedule(*sa);
    }
  }
}

}  // namespace

void dispatch_kernel(Core& core, const KernelEvent& event) {
  std::visit(
      Overloaded{
          [&](const KernelSpi& answer) {
            IkeSa* sa = core.find(static_cast<IkeSaId>(answer.ticket >> 32));
            if (sa == nullptr) return;
            if (sa->handshake && sa->handshake->ticket == answer.ticket) {
              on_handshake_spi(core, *sa, answer);
            } else if (sa->own && sa->own->ticket == answer.ticket) {
              on_own_child_spi(core, *sa, answer);
            } else if (sa->peer && sa->peer->ticket == answer.ticket) {
              on_peer_child_spi(core, *sa, answer);
            }
            core.schedule(*sa);
          },
          [&](const KernelInstalled& answer) {
            IkeSa* sa = core.find(static_cast<IkeSaId>(answer.ticket >> 32));
            const bool exchange =
                sa != nullptr && ((sa->handshake && sa->handshake->ticket == answer.ticket) ||
                                  (sa->own && sa->own->ticket == answer.ticket) ||
                                  (sa->peer && sa->peer->ticket == answer.ticket));
            if (!exchange) return on_outbound_installed(core, answer);
            on_installed(core, *sa, answer);
            core.schedule(*sa);
          },
          [&](const KernelFirstUse& use) {
            const auto found = core.child_by_spi_in.find(use.spi_in);
            IkeSa* sa = nullptr;
            ChildSa* child =
                found != core.child_by_spi_in.end() ? core.find_child(found->second, &sa) : nullptr;
            if (child != nullptr && child->info.local == use.local)
              release_outbound(core, *sa, *child);
          },
          [&](const KernelExpired& expired) { on_expired(core, expired); },
          [&](const KernelUsage& usage) { on_usage(core, usage); },
          [&](const KernelMapping& mapping) { on_mapping(core, mapping); },
      },
      event);
}

void dispatch_command(Core& core, Command command) {
  std::visit(
      Overloaded{
          [&](SetConnection& set) { core.set_connection(set.id, std::move(set.connection)); },
          [&](const RemoveConnection& remove) {
            core.remove_connection(remove.id);
            terminate_connection(core, remove.id, false, Reason::kConfigurationRemoved);
          },
          [&](const Initiate& wanted) { begin(core, wanted); },
          [&](const TerminateConnection& terminate) {
            terminate_connection(core, terminate.id, terminate.quietly, Reason::kLocalRequest);
          },
          [&](const TerminateChild& terminate) {
            IkeSa* sa = nullptr;
            if (core.find_child(terminate.id, &sa) == nullptr) return;
            Task task;
            task.kind = Task::Kind::kDeleteChild;
            task.child = terminate.id;
            task.reason = Reason::kLocalRequest;
            queue(core, *sa, std::move(task));
            core.schedule(*sa);
          },
          [&](const RekeyChild& rekey) {
            IkeSa* sa = nullptr;
            if (ChildSa* child = core.find_child(rekey.id, &sa)) {
              queue_rekey(core, *sa, *child);
              core.schedule(*sa);
            }
          },
          [&](const RekeyIkeSa& rekey) {
            IkeSa* sa = core.find(rekey.id);
            if (sa == nullptr || !sa->alive()) return;
            Task task;
            task.kind = Task::Kind::kRekeyIkeSa;
            queue(core, *sa, std::move(task));
            core.schedule(*sa);
          },
          [&](const ProbePeer& probe) {
            for (IkeSa* sa : core.of_connection(probe.id)) {
              if (!sa->alive() || sa->own) continue;
              queue_probe(core, *sa);
              core.schedule(*sa);
            }
          },
      },
      command);
}

}  // namespace espalier::ike::exchange
