// What the engine asks for goes into the batch; what it reports changes what we believe.
#include <algorithm>

#include "nodeagent/tunnel/core.h"

namespace espalier::tunnel {

namespace {

dataplane::Mode kernel_mode(const Slot& slot) {
  const bool tunnel = slot.plan == nullptr || slot.plan->mode == plan::Mode::kTunnel;
  return tunnel ? dataplane::Mode::kTunnel : dataplane::Mode::kTransport;
}

Error gone(ike::ConnectionId id) {
  return {Code::kNotFound, "connection " + std::to_string(id), "it is no longer wanted"};
}

}  // namespace

bool Core::take_outputs() {
  bool any = false;
  while (auto output = engine.next_output()) {
    any = true;
    std::visit([this](auto& one) { on_output(one); }, *output);
  }
  return any;
}

void Core::on_output(ike::Send& output) {
  sends.push_back(std::move(output));
}

void Core::on_output(ike::RunCrypto& output) {
  ports.crypto->run(std::move(output));
}

void Core::on_output(const ike::AllocateSpi& output) {
  Link* link = nullptr;
  const Slot* slot = find_slot(output.connection, output.child_index, &link);
  if (slot == nullptr) {
    answers.emplace_back(ike::KernelSpi{output.ticket, tl::unexpected(gone(output.connection))});
    return;
  }
  // What passes in clear until there is an SA must not meet one that the peer does not have yet.
  const bool passes =
      slot->plan != nullptr && outbound_form(*link, *slot) != OutboundForm::kRequire;
  batch.allocate(output.ticket, {output.remote, output.local, slot->reqid, kernel_mode(*slot)},
                 slot->adopted_outbound() || passes);
}

void Core::on_output(ike::InstallInbound& output) {
  Link* link = nullptr;
  Slot* slot = find_slot(output.child.connection, output.child.child_index, &link);
  if (slot == nullptr) {
    answers.emplace_back(
        ike::KernelInstalled{output.ticket, tl::unexpected(gone(output.child.connection))});
    return;
  }
  auto sa = inbound_sa(output.child, settings_of(*link, *slot), output.report_first_use);
  if (!sa) {
    answers.emplace_back(ike::KernelInstalled{output.ticket, forward(sa)});
    return;
  }
  LiveChild& child = slot->live[output.child.id];
  child.info = output.child;
  child.inbound = true;
  child.first_use = output.report_first_use;
  child.since = now;
  sas.insert_or_assign(id_of(*sa),
                       SaRef{{link->id, output.child.child_index}, output.child.id, true});
  batch.add(output.ticket, std::move(*sa), kernel_keys(std::move(output.keys)), true);
  refresh_policies(*link);
}

void Core::on_output(ike::InstallOutbound& output) {
  Link* link = nullptr;
  Slot* slot = find_slot(output.child.connection, output.child.child_index, &link);
  const auto known =
      slot != nullptr ? slot->live.find(output.child.id) : decltype(slot->live.end()){};
  if (slot == nullptr || known == slot->live.end()) {
    answers.emplace_back(
        ike::KernelInstalled{output.ticket, tl::unexpected(gone(output.child.connection))});
    return;
  }
  auto sa = outbound_sa(output.child, settings_of(*link, *slot));
  if (!sa) {
    answers.emplace_back(ike::KernelInstalled{output.ticket, forward(sa)});
    return;
  }
  known->second.outbound = true;
  slot->peer = output.child.remote;
  sas.insert_or_assign(id_of(*sa),
                       SaRef{{link->id, output.child.child_index}, output.child.id, false});
  batch.add(output.ticket, std::move(*sa), kernel_keys(std::move(output.keys)), false);
  refresh_policies(*link);
}

// The NAT in front of the peer mapped it anew. A port is changed in place; an address is part of an
// SA's identity, so a new Child has to take over.
void Core::on_output(const ike::UpdateChild& output) {
  Link* link = nullptr;
  Slot* slot = find_slot(output.child.connection, output.child.child_index, &link);
  if (slot == nullptr) return;
  const auto known = slot->live.find(output.child.id);
  if (known == slot->live.end()) return;
  tell(telemetry::EventId::kPeerMoved, link, {{"remote", output.child.remote.to_string()}});
  LiveChild& child = known->second;
  if (child.info.remote != output.child.remote) {
    engine.command(now, ike::RekeyChild{output.child.id});
    return;
  }
  child.info.encapsulation = output.child.encapsulation;
  const SaSettings settings = settings_of(*link, *slot);
  if (child.inbound) {
    if (auto sa = inbound_sa(child.info, settings, child.first_use)) batch.change(std::move(*sa));
  }
  if (child.outbound) {
    if (auto sa = outbound_sa(child.info, settings)) batch.change(std::move(*sa));
  }
}

void Core::on_output(const ike::RemoveChild& output) {
  Link* link = nullptr;
  Slot* slot = find_slot(output.child.connection, output.child.child_index, &link);
  if (slot == nullptr) return;
  const auto known = slot->live.find(output.child.id);
  if (known == slot->live.end()) return;
  LiveChild& child = known->second;  // under the addresses that the kernel has
  if (output.unanswered && outlives_its_ike_sa(*link, *slot, child) &&
      keep_in_kernel({link->id, output.child.child_index}, child)) {
    refresh_policies(*link);
    return;
  }
  if (output.inbound && child.inbound) {
    child.inbound = false;
    batch.remove(inbound_id(child.info));
  }
  if (output.outbound && child.outbound) {
    child.outbound = false;
    batch.remove(outbound_id(child.info));
  }
  if (!child.inbound && !child.outbound) {
    ended.push_back({link->id, output.child.child_index});
  }
  refresh_policies(*link);
}

void Core::on_output(const ike::QueryUsage& output) {
  Link* link = nullptr;
  const Slot* slot = find_slot(output.child.connection, output.child.child_index, &link);
  const auto known =
      slot != nullptr ? slot->live.find(output.child.id) : decltype(slot->live.end()){};
  if (slot == nullptr || known == slot->live.end()) {
    answers.emplace_back(ike::KernelUsage{output.ticket, 0});
    return;
  }
  batch.query(output.ticket, inbound_id(known->second.info));
}

void Core::on_output(const ike::Report& output) {
  std::visit([this](const auto& event) { on_report(event); }, output.event);
}

void Core::on_report(const ike::IkeSaUp& event) {
  Link* link = find_engine(event.connection);
  if (link == nullptr) return;
  link->ike_sas.insert(event.ike_sa);
  ++(event.rekeyed ? link->counters.ike_rekeys : link->counters.handshakes);
  if (!event.rekeyed) handshake_seconds.observe(event.took);
  tell(event.rekeyed ? telemetry::EventId::kConnectionRekeyed : telemetry::EventId::kConnectionUp,
       link, {{"role", event.initiator ? "initiator" : "responder"}});
}

void Core::on_report(const ike::IkeSaDown& event) {
  Link* link = find_engine(event.connection);
  if (link == nullptr) return;
  link->ike_sas.erase(event.ike_sa);
  if (event.rekeyed) return;
  if (event.reason == ike::Reason::kTimeout) {
    ++link->counters.liveness_lost;
    tell(telemetry::EventId::kPeerLost, link);
  }
  tell(telemetry::EventId::kConnectionDown, link,
       {{"reason", std::string(ike::name_of(event.reason))}});
  forget_old_ids(*link);
  // The next one must not ask the peer to forget what it may still have in its kernel.
  if (event.reason == ike::Reason::kTimeout && link->any_adopted() && !link->held_down &&
      !link->leaving) {
    configure(*link, link->plan.get());
  }
}

void Core::on_report(const ike::ChildSaUp& event) {
  Link* link = nullptr;
  Slot* slot = find_slot(event.child.connection, event.child.child_index, &link);
  if (slot == nullptr) return;
  const SlotRef ref{link->id, event.child.child_index};
  if (const auto known = slot->live.find(event.child.id); known != slot->live.end()) {
    known->second.up = true;
  }
  if (event.replaces != 0) ++link->counters.child_rekeys;
  const std::string name = slot->plan != nullptr ? slot->plan->name : std::string();
  tell(event.replaces != 0 ? telemetry::EventId::kChildRekeyed : telemetry::EventId::kChildUp, link,
       {{"child", name}});
  if (event.child.connection != link->engine_id) return;  // of what the connection was
  slot->establishment.on_up();
  slot->idle_since = now;
  set_begin_timer(ref);
  end_retiring(*link);
  refresh_policies(*link);
}

void Core::on_report(const ike::ChildSaDown& event) {
  Link* link = nullptr;
  Slot* slot = find_slot(event.child.connection, event.child.child_index, &link);
  if (slot == nullptr) return;
  const SlotRef ref{link->id, event.child.child_index};
  if (const auto known = slot->live.find(event.child.id); known != slot->live.end()) {
    known->second.up = false;
  }
  if (event.replaced) return;
  tell(telemetry::EventId::kChildDown, link,
       {{"child", slot->plan != nullptr ? slot->plan->name : std::string()},
        {"reason", std::string(ike::name_of(event.reason))}});
  if (event.child.connection != link->engine_id || slot->up(link->engine_id)) return;
  if (slot->plan == nullptr || link->held_down || stopping) return;
  if (slot->establishment.state() != Establishment::State::kUp) return;
  slot->establishment.on_gone(now, event.reason, pace, chance);
  set_begin_timer(ref);
  refresh_policies(*link);
}

void Core::on_report(const ike::Failure& event) {
  Link* link = find_engine(event.connection);
  if (link == nullptr) {
    tell(telemetry::EventId::kStrangerRefused, nullptr,
         {{"remote", event.remote.to_string()}, {"reason", event.text}});
    return;
  }
  link->last_failure = FailureRecord{now, event.side, event.reason, event.text};
  const bool under_way = event.initiator && event.connection == link->engine_id;
  if (event.child_index) {
    const Slot* slot = find_slot({link->id, *event.child_index});
    if (slot != nullptr && slot->up(event.connection)) ++link->counters.rekey_failures;
  } else if (event.reason != ike::Reason::kTimeout || link->ike_sas.empty()) {
    ++link->counters.handshake_failures;
  }
  tell(event.child_index ? telemetry::EventId::kChildFailed : telemetry::EventId::kConnectionFailed,
       link,
       {{"side", event.side == ike::Side::kLocal ? "local" : "peer"},
        {"reason", std::string(ike::name_of(event.reason))},
        {"text", event.text}});
  if (under_way) fail_children(*link, event.child_index);
}

void Core::fail_children(Link& link, std::optional<std::size_t> child_index) {
  for (std::size_t i = 0; i < link.slots.size(); ++i) {
    if (child_index && *child_index != i) continue;
    Slot& slot = link.slots[i];
    if (slot.establishment.state() != Establishment::State::kConnecting) continue;
    slot.establishment.on_failed(now, pace, chance);
    set_begin_timer({link.id, i});
  }
  refresh_policies(link);
}

}  // namespace espalier::tunnel
