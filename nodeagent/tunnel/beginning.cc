// Who begins when: the due times of all slots, packets that ask, and children that nobody uses.
#include <algorithm>

#include "nodeagent/tunnel/core.h"

namespace espalier::tunnel {

namespace {

// Handshakes of ours at one time: more would only wait for the crypto pool, and its queue is
// bounded.
constexpr std::size_t kConnectingAtOnce = 256;
// Peers found in address blocks: as many as a packet flood could make up.
constexpr std::size_t kBlockPeers = 4096;
constexpr Duration kForgetAfter = std::chrono::minutes(2);

}  // namespace

void Core::set_begin_timer(const SlotRef& ref) {
  const Slot* slot = find_slot(ref);
  if (slot == nullptr) return;
  timers.set({Timer::Kind::kBegin, ref}, slot->establishment.due());
  if (slot->establishment.state() == Establishment::State::kConnecting) {
    connecting.insert(ref);
  } else {
    connecting.erase(ref);
  }
}

void Core::begin(const SlotRef& ref) {
  Link* link = find(ref.link);
  Slot* slot = find_slot(ref);
  if (slot == nullptr || slot->plan == nullptr || link->held_down || link->leaving || stopping) {
    return;
  }
  const auto state = slot->establishment.state();
  if (state == Establishment::State::kUp || state == Establishment::State::kIdle) return;
  if (!connecting.contains(ref) && connecting.size() >= kConnectingAtOnce) {
    queued.push_back(ref);
    return;
  }
  if (link->engine_id == 0 && !configure(*link, nullptr)) {
    slot->establishment.on_failed(now, pace, chance);
    set_begin_timer(ref);
    refresh_policies(*link);
    return;
  }
  slot->establishment.on_begun(now, pace);
  set_begin_timer(ref);
  refresh_policies(*link);  // Preferred: the rule for the time of negotiation
  tell(telemetry::EventId::kConnectionStarted, link, {{"child", slot->plan->name}});
  ike::Initiate initiate{link->engine_id, ref.slot, std::nullopt, std::nullopt};
  // A peer that may choose wants to know what for (RFC 7296 section 2.9).
  if (slot->plan->narrowing && slot->packet) {
    initiate.packet_local = slot->packet->packet_local;
    initiate.packet_remote = slot->packet->packet_remote;
  }
  slot->packet.reset();
  engine.command(now, std::move(initiate));
}

void Core::begin_queued() {
  while (!queued.empty() && connecting.size() < kConnectingAtOnce) {
    const SlotRef ref = queued.front();
    queued.pop_front();
    begin(ref);
  }
}

Link* Core::block_peer(Link& parent, const IpAddress& peer) {
  const auto known = by_block_peer.find({parent.id, peer});
  if (known != by_block_peer.end()) return find(known->second);
  const auto& blocks = parent.plan->remote_blocks;
  const bool inside = std::any_of(blocks.begin(), blocks.end(),
                                  [&](const Prefix& block) { return block.contains(peer); });
  if (!inside || by_block_peer.size() >= kBlockPeers) return nullptr;
  Link& link = create_link(parent.name + "/" + peer.to_string());
  link.parent = parent.id;
  by_block_peer.emplace(std::pair{parent.id, peer}, link.id);
  auto copy = std::make_shared<plan::ConnectionPlan>(*parent.plan);
  copy->name = link.name;
  copy->peer = peer.to_string();
  copy->remote_addresses = {peer};
  copy->remote_blocks.clear();
  update_link(link, std::move(copy));
  timers.set({Timer::Kind::kForget, {link.id, 0}}, now + kForgetAfter);
  return &link;
}

void Core::on_acquire(const dataplane::Acquire& acquire) {
  const auto known = by_reqid.find(acquire.reqid);
  if (known == by_reqid.end() || stopping) return;
  SlotRef ref = known->second;
  Link* link = find(ref.link);
  if (link == nullptr || link->held_down || link->leaving) return;
  if (link->any_peer() && !link->plan->remote_blocks.empty()) {
    link = block_peer(*link, acquire.destination);
    if (link == nullptr) return;
    ref.link = link->id;
    want_children(*link);
  }
  Slot* slot = find_slot(ref);
  if (slot == nullptr || slot->plan == nullptr) return;
  const auto host = [](const Prefix& prefix, std::uint8_t protocol, std::uint16_t port) {
    return ike::wire::TrafficSelector::from_prefix(prefix, protocol, port);
  };
  ike::Initiate packet;
  const auto& asked = acquire.packet;
  packet.packet_local = host(asked.source, asked.protocol, asked.source_port);
  packet.packet_remote = host(asked.destination, asked.protocol, asked.destination_port);
  slot->packet = packet;
  slot->establishment.on_packet(now, pace);
  set_begin_timer(ref);
}

// After its counters were read (carrying.cc).
void Core::check_idle(const SlotRef& ref) {
  Link* link = find(ref.link);
  Slot* slot = find_slot(ref);
  if (slot == nullptr || slot->plan == nullptr || !slot->plan->idle_timeout) return;
  const Duration timeout = *slot->plan->idle_timeout;
  const Duration step = std::max<Duration>(timeout / 4, std::chrono::seconds(1));
  timers.set({Timer::Kind::kIdle, ref}, now + step);
  std::uint64_t packets = 0;
  for (const auto& [id, child] : slot->live) packets += child.in.packets + child.out.packets;
  if (!slot->up(link->engine_id) || packets != slot->idle_packets) {
    slot->idle_packets = packets;
    slot->idle_since = now;
    return;
  }
  if (now - slot->idle_since < timeout) return;
  slot->idle_since = now;
  const bool others = std::any_of(link->slots.begin(), link->slots.end(), [&](const Slot& other) {
    return &other != slot && other.up(link->engine_id);
  });
  if (!others) {
    engine.command(now, ike::TerminateConnection{link->engine_id, false});
    return;
  }
  for (const auto& [id, child] : slot->live) engine.command(now, ike::TerminateChild{id});
}

void Core::on_time() {
  while (const auto due = timers.pop_due(now)) {
    Link* link = find(due->at.link);
    Slot* slot = find_slot(due->at);
    switch (due->kind) {
      case Timer::Kind::kBegin:
        begin(due->at);
        break;
      case Timer::Kind::kDrain:
        if (slot == nullptr) break;
        for (const AdoptedSa& one : slot->adopted) batch.query(0, id_of(one.sa));
        checks.push_back(*due);
        break;
      case Timer::Kind::kIdle:
        if (slot == nullptr) break;
        for (const auto& [id, child] : slot->live) {
          if (child.inbound) batch.query(0, inbound_id(child.info));
          if (child.outbound) batch.query(0, outbound_id(child.info));
        }
        checks.push_back(*due);
        break;
      case Timer::Kind::kRetire:
        if (link != nullptr) end_retiring(*link);
        break;
      case Timer::Kind::kLeave:
        if (link == nullptr) break;
        link->ike_sas.clear();
        for (Slot& each : link->slots) {
          for (const auto& [id, child] : each.live) {
            if (child.inbound) batch.remove(inbound_id(child.info));
            if (child.outbound) batch.remove(outbound_id(child.info));
            sas.erase(inbound_id(child.info));
            sas.erase(outbound_id(child.info));
          }
          each.live.clear();
        }
        break;
      case Timer::Kind::kForget: {
        if (link == nullptr) break;
        const bool quiet = !link->any_live() && !link->any_adopted() && link->ike_sas.empty() &&
                           std::all_of(link->slots.begin(), link->slots.end(), [](const Slot& one) {
                             return one.establishment.state() == Establishment::State::kIdle;
                           });
        if (quiet) {
          leave(*link);
        } else {
          timers.set(*due, now + kForgetAfter);
        }
        break;
      }
      case Timer::Kind::kRepair:
        policies.retry_refused();
        policies_due = true;
        guard_due = true;
        repaired_at = now;
        break;
    }
  }
}

}  // namespace espalier::tunnel
