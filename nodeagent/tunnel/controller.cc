#include "nodeagent/tunnel/controller.h"

#include <algorithm>
#include <utility>

#include "nodeagent/dataplane/ownership.h"
#include "nodeagent/tunnel/core.h"
#include "nodeagent/tunnel/status.h"

namespace espalier::tunnel {

struct Controller::Core : tunnel::Core {
  using tunnel::Core::Core;
};

Controller::Controller(ike::Engine& engine, const Ports& ports, Options options)
    : core_(std::make_unique<Core>(engine, ports, options)) {}

Controller::~Controller() = default;

Status Controller::start(TimePoint now, std::string_view journal) {
  core_->now = now;
  return core_->start(journal);
}

void Controller::apply_plan(TimePoint now, std::shared_ptr<const plan::NodePlan> plan,
                            std::shared_ptr<const Credentials> credentials) {
  core_->now = now;
  core_->apply_plan(std::move(plan), std::move(credentials));
}

void Controller::set_pods(TimePoint now, std::optional<plan::PodsOfPolicies> pods) {
  core_->now = now;
  if (core_->pods ? pods == *core_->pods : !pods) return;
  core_->pods = pods ? std::make_shared<const plan::PodsOfPolicies>(*std::move(pods)) : nullptr;
  core_->guard_due = core_->guard_due || !core_->groups.all().empty();
}

bool Controller::selects_pods() const {
  return !core_->groups.all().empty() || !core_->groups.left_out().empty();
}

void Controller::on_datagram(TimePoint now, const ike::Datagram& datagram) {
  core_->now = now;
  core_->engine.on_datagram(now, datagram);
}

void Controller::on_crypto(TimePoint now, ike::Ticket ticket, ike::crypto::Outcome outcome) {
  core_->now = now;
  core_->engine.on_crypto(now, ticket, std::move(outcome));
}

void Controller::on_kernel_event(TimePoint now, const dataplane::KernelEvent& event) {
  core_->now = now;
  core_->on_kernel_event(event);
}

void Controller::on_deadline(TimePoint now) {
  core_->now = now;
  if (core_->engine.next_deadline() <= now) core_->engine.on_deadline(now);
}

void Controller::pump(TimePoint now) {
  core_->now = now;
  core_->pump();
}

TimePoint Controller::next_deadline() const {
  return std::min(core_->engine.next_deadline(), core_->timers.next());
}

Status Controller::up(TimePoint now, std::string_view connection) {
  core_->now = now;
  Link* link = core_->find_name(connection);
  if (link == nullptr || link->leaving) {
    return fail(Code::kNotFound, std::string(connection), "there is no such connection");
  }
  const bool was_down = std::exchange(link->held_down, false);
  if (was_down) core_->configure(*link, nullptr);
  if (link->any_peer()) {
    if (was_down) return {};
    return fail(Code::kUnsupported, std::string(connection),
                "the peer's address is not known: only the peer can begin");
  }
  for (std::size_t i = 0; i < link->slots.size(); ++i) {
    Slot& slot = link->slots[i];
    if (slot.plan == nullptr || slot.up(link->engine_id)) continue;
    slot.establishment.ask(now);
    core_->set_begin_timer({link->id, i});
  }
  core_->tell(telemetry::EventId::kCommandTaken, link, {{"command", "up"}});
  return {};
}

Status Controller::down(TimePoint now, std::string_view connection) {
  core_->now = now;
  Link* link = core_->find_name(connection);
  if (link == nullptr || link->leaving) {
    return fail(Code::kNotFound, std::string(connection), "there is no such connection");
  }
  if (link->held_down) return {};
  core_->tell(telemetry::EventId::kCommandTaken, link, {{"command", "down"}});
  link->held_down = true;
  core_->forget_engine(*link);
  core_->refresh_policies(*link);
  return {};
}

void Controller::stop(TimePoint now, bool keep_traffic) {
  core_->now = now;
  core_->stopping = true;
  core_->save_journal();
  for (const auto& [id, link] : core_->links) {
    for (const auto& [engine_id, owner] : core_->by_engine_id) {
      if (owner != id) continue;
      if (keep_traffic) {
        core_->engine.command(now, ike::TerminateConnection{engine_id, true});
      } else {
        core_->engine.command(now, ike::RemoveConnection{engine_id});
      }
    }
    for (std::size_t i = 0; i < link->slots.size(); ++i) {
      link->slots[i].establishment.halt();
      core_->set_begin_timer({id, i});
      if (!keep_traffic) core_->release_adopted(*link, link->slots[i], false);
    }
  }
  core_->tell(telemetry::EventId::kAgentStopping, nullptr);
  if (keep_traffic && core_->planned && core_->links.empty()) remove_everything(now);
}

bool Controller::idle() const {
  for (const auto& [id, link] : core_->links) {
    if (!link->ike_sas.empty() || link->any_live()) return false;
  }
  return core_->sas.empty();
}

void Controller::remove_everything(TimePoint now) {
  core_->now = now;
  for (const auto& [id, link] : core_->links) core_->policies.want(link->name, {});
  core_->policies.want("", {});
  core_->policies_due = core_->removing = true;
  if (auto dumped = core_->ports.kernel->dump_sas()) {
    for (const auto& state : *dumped) {
      if (!state.larval && dataplane::owns_reqid(state.sa.reqid)) {
        core_->batch.remove(id_of(state.sa));
      }
    }
  }
  if (core_->ports.guard != nullptr) (void)core_->ports.guard->remove();
  core_->guarded.reset();
  core_->pump();
}

void Controller::read_counters(TimePoint now) {
  core_->now = now;
  if (auto dumped = core_->ports.kernel->dump_sas()) {
    for (const auto& state : *dumped) core_->count_usage(state);
  }
  core_->read_guard();
}

telemetry::Snapshot Controller::snapshot(TimePoint now, WallTime wall) const {
  return snapshot_of(*core_, now, wall);
}

}  // namespace espalier::tunnel
