// A new plan: what it changes, and only that.
#include <algorithm>

#include "nodeagent/tunnel/core.h"
#include "nodeagent/tunnel/fips.h"

namespace espalier::tunnel {

namespace {

// What of a connection an IKE SA cannot change once it stands.
bool same_ike(const plan::ConnectionPlan& a, const plan::ConnectionPlan& b) {
  return a.remote_addresses == b.remote_addresses && a.remote_blocks == b.remote_blocks &&
         a.ike_proposals == b.ike_proposals && a.udp == b.udp;
}

// A child that an SA of the other still serves.
bool same_shape(const plan::ChildPlan& a, const plan::ChildPlan& b) {
  return a.name == b.name && a.mode == b.mode && a.local_ts == b.local_ts &&
         a.remote_ts == b.remote_ts;
}

bool same_esp(const plan::ChildPlan& a, const plan::ChildPlan& b) {
  return a.esp_proposals == b.esp_proposals && a.pfs == b.pfs && a.esn == b.esn;
}

// A Preferred tunnel that may pass in clear has no policy that could ask for it (links.cc), so it
// cannot wait for a packet.
plan::Establish establish_of(const plan::ChildPlan& child) {
  const bool no_trap = child.enforcement == plan::Enforcement::kPreferred &&
                       child.mode == plan::Mode::kTunnel &&
                       (child.on_negotiation == plan::OnNegotiation::kPass ||
                        child.on_failure == plan::OnFailure::kPass);
  if (child.establish == plan::Establish::kOnDemand && no_trap) return plan::Establish::kEager;
  return child.establish;
}

constexpr Duration kLeaveBound = std::chrono::seconds(15);
constexpr Duration kRetireBound = std::chrono::minutes(5);

}  // namespace

void Core::apply_plan(std::shared_ptr<const plan::NodePlan> next,
                      std::shared_ptr<const Credentials> secrets) {
  credentials = std::move(secrets);

  std::set<ChildKey> keys;
  std::set<std::string_view> names;
  for (const auto& connection : next->connections) {
    names.insert(connection.name);
    for (const auto& child : connection.children) keys.insert({connection.name, child.name});
  }
  std::set<std::uint32_t> alive;
  for (const auto& [id, ref] : sas) {
    if (const Slot* slot = find_slot(ref.at)) alive.insert(slot->reqid);
  }
  for (const auto& state : found) alive.insert(state.sa.reqid);
  for (const LinkId id : leaving) {
    for (const Slot& slot : find(id)->slots) alive.insert(slot.reqid);
  }
  reqids.retain(keys, alive);

  const bool regrouped = groups.take(*next);  // before any policy is made
  std::vector<WantedPolicy> exempt;
  for (const auto& rule : next->bypass) {
    auto both = policies_of(rule, groups);
    exempt.insert(exempt.end(), both.begin(), both.end());
  }
  policies.want("", std::move(exempt));
  policies_due = guard_due = true;

  std::vector<LinkId> gone;
  for (const auto& [id, link] : links) {
    if (link->parent == 0 && !names.contains(link->name)) gone.push_back(id);
  }
  plan = next;
  for (const auto& connection : next->connections) {
    Link* link = find_name(connection.name);
    if (link == nullptr) link = &create_link(connection.name);
    if (link->leaving) {  // came back before it was gone
      link->leaving = false;
      leaving.erase(link->id);
      timers.set({Timer::Kind::kLeave, {link->id, 0}}, kNever);
    }
    update_link(*link, {next, &connection});
  }
  for (const LinkId id : gone) {
    if (Link* link = find(id)) leave(*link);
  }
  if (!planned) take_over();
  if (regrouped || !planned) write_marks();
  planned = true;
  planned_at = now;
  for (const auto& connection : next->connections) {
    if (Link* link = find_name(connection.name)) want_children(*link);
  }
  tell(telemetry::EventId::kPlanApplied, nullptr, {{"hash", next->hash}});
}

void Core::update_link(Link& link, std::shared_ptr<const plan::ConnectionPlan> wanted) {
  const std::shared_ptr<const plan::ConnectionPlan> before = std::move(link.plan);
  link.plan = std::move(wanted);
  const std::vector<ike::ChildSaId> rekey = reshape(link);
  if (!link.held_down) configure(link, before.get());
  for (const ike::ChildSaId id : rekey) engine.command(now, ike::RekeyChild{id});
  refresh_policies(link);

  // Peers found in an address block follow their block.
  std::vector<LinkId> children;
  for (const auto& [key, id] : by_block_peer) {
    if (key.first == link.id) children.push_back(id);
  }
  for (const LinkId id : children) {
    Link* child = find(id);
    const IpAddress peer = child->plan->remote_addresses.front();
    const bool inside =
        std::any_of(link.plan->remote_blocks.begin(), link.plan->remote_blocks.end(),
                    [&](const Prefix& block) { return block.contains(peer); });
    if (!inside) {
      leave(*child);
      continue;
    }
    auto copy = std::make_shared<plan::ConnectionPlan>(*link.plan);
    copy->name = child->name;
    copy->remote_addresses = {peer};
    copy->remote_blocks.clear();
    update_link(*child, std::move(copy));
    want_children(*child);
  }
}

// Gives every child of the plan a place; a child keeps its place, and one that would need other SAs
// gets a new one. Returns the Child SAs that are to be rekeyed.
std::vector<ike::ChildSaId> Core::reshape(Link& link) {
  std::vector<ike::ChildSaId> rekey;
  const auto& children = link.plan->children;
  std::vector<bool> placed(children.size(), false);
  for (std::size_t i = 0; i < link.slots.size(); ++i) {
    Slot& slot = link.slots[i];
    if (slot.plan == nullptr) continue;
    const plan::ChildPlan& old = *slot.plan;  // of the plan before, which the caller holds
    const auto at = std::find_if(children.begin(), children.end(),
                                 [&](const auto& child) { return same_shape(child, old); });
    if (at == children.end()) {
      close_slot(link, i);
      continue;
    }
    placed[static_cast<std::size_t>(at - children.begin())] = true;
    slot.plan = &*at;
    if (same_esp(*at, old)) continue;
    for (const auto& [id, child] : slot.live) {
      if (child.up) rekey.push_back(id);
    }
  }
  for (std::size_t c = 0; c < children.size(); ++c) {
    if (placed[c]) continue;
    const std::string& owner =
        link.parent == 0 ? link.name : links.at(link.parent)->name;  // a block's peers share
    auto reqid = reqids.give({owner, children[c].name});
    Slot slot;
    slot.plan = &children[c];
    slot.reqid = reqid ? *reqid : 0;
    if (!reqid) link.blocked = reqid.error();
    link.slots.push_back(std::move(slot));
    if (link.parent == 0 && reqid) by_reqid[*reqid] = {link.id, link.slots.size() - 1};
  }
  return rekey;
}

void Core::close_slot(Link& link, std::size_t index) {
  Slot& slot = link.slots[index];
  slot.plan = nullptr;
  slot.establishment.halt();
  set_begin_timer({link.id, index});
  for (const auto& [id, child] : slot.live) engine.command(now, ike::TerminateChild{id});
  release_adopted(link, slot, false);
  const auto known = by_reqid.find(slot.reqid);
  if (known != by_reqid.end() && known->second == SlotRef{link.id, index}) by_reqid.erase(known);
}

bool Core::configure(Link& link, const plan::ConnectionPlan* before) {
  const plan::ConnectionPlan& wanted = *link.plan;
  link.not_approved = false;
  const auto block = [&](Error error) {
    if (!link.blocked || !(*link.blocked == error)) {
      link.blocked_at = now;
      tell(telemetry::EventId::kConnectionBlocked, &link, {{"reason", error.to_string()}});
    }
    link.blocked = std::move(error);
    return false;
  };
  std::optional<IpAddress> local = wanted.local_address;
  if (!local) {
    const IpAddress towards = !wanted.remote_addresses.empty() ? wanted.remote_addresses.front()
                              : !wanted.remote_blocks.empty()
                                  ? wanted.remote_blocks.front().address()
                                  : IpAddress::any(IpFamily::kV4);
    local = ports.network->source_towards(towards);
    if (!local) {
      return block(
          {Code::kUnavailable, wanted.name, "there is no route to " + towards.to_string()});
    }
  }
  std::vector<const plan::ChildPlan*> children;
  for (const Slot& slot : link.slots) children.push_back(slot.plan);
  auto config = engine_config(wanted, children, *local, *credentials);
  if (!config) return block(std::move(config.error()));
  if (options.fips) {
    if (auto held = hold_to_fips(config->connection); !held) {
      link.not_approved = true;
      return block(std::move(held.error()));
    }
  }
  link.blocked.reset();
  link.local_identity = std::move(config->local_identity);
  link.remote_identity = std::move(config->remote_identity);
  Proof proof = proof_of(config->connection);
  if (link.engine_id != 0 && before != nullptr &&
      (!(proof == link.proof) || link.local != *local || !same_ike(*before, wanted))) {
    retire(link);
  }
  if (link.engine_id == 0) {
    link.engine_id = next_engine_id--;
    by_engine_id.emplace(link.engine_id, link.id);
  }
  link.local = *local;
  link.proof = std::move(proof);
  config->connection.initial_contact = !link.any_adopted() && link.retiring.empty();
  engine.command(now, ike::SetConnection{link.engine_id, std::move(config->connection)});
  return true;
}

// What the connection was lives on in the engine until what it is now stands beside it.
void Core::retire(Link& link) {
  const ike::ConnectionId old = std::exchange(link.engine_id, 0);
  const bool alive = !link.ike_sas.empty() || link.any_live();
  if (!alive) {
    engine.command(now, ike::RemoveConnection{old});
    by_engine_id.erase(old);
    for (Slot& slot : link.slots) slot.establishment.halt();
    return;
  }
  link.retiring.push_back({old, now + kRetireBound});
  timers.set({Timer::Kind::kRetire, {link.id, 0}}, link.retiring.front().until);
  for (std::size_t i = 0; i < link.slots.size(); ++i) {
    link.slots[i].establishment.halt();
    set_begin_timer({link.id, i});
  }
}

// Takes away what a connection was, once every child it carries has a successor, or its time is up.
void Core::end_retiring(Link& link) {
  if (link.retiring.empty()) return;
  const bool succeeded_all =
      std::all_of(link.slots.begin(), link.slots.end(), [&](const Slot& slot) {
        return slot.plan == nullptr || slot.live.empty() || slot.up(link.engine_id);
      });
  std::vector<Link::Retiring> kept;
  for (const auto& old : link.retiring) {
    if (succeeded_all || old.until <= now) {
      engine.command(now, ike::RemoveConnection{old.engine_id});
    } else {
      kept.push_back(old);
    }
  }
  link.retiring = std::move(kept);
  timers.set({Timer::Kind::kRetire, {link.id, 0}},
             link.retiring.empty() ? kNever : link.retiring.front().until);
  if (link.retiring.empty() && !link.held_down) configure(link, link.plan.get());
}

void Core::want_children(Link& link) {
  if (link.held_down || stopping) return;
  for (std::size_t i = 0; i < link.slots.size(); ++i) {
    Slot& slot = link.slots[i];
    if (slot.plan == nullptr) continue;
    const bool lost = !slot.adopted.empty() && !link.any_peer();
    plan::Establish establish = establish_of(*slot.plan);
    // A block's own link waits for whoever comes; the peers found in it begin when packets ask.
    if (link.any_peer()) establish = plan::Establish::kPassive;
    if (link.parent != 0 && establish == plan::Establish::kEager) {
      establish = plan::Establish::kOnDemand;
    }
    slot.establishment.want(now, {establish, link.plan->initiate, link.plan->liveness.action}, lost,
                            pace, chance);
    // What carries traffic under an older configuration needs its successor soon.
    if (!link.retiring.empty() && !slot.live.empty()) slot.establishment.on_packet(now, pace);
    set_begin_timer({link.id, i});
    if (slot.plan->idle_timeout) timers.set({Timer::Kind::kIdle, {link.id, i}}, now);
  }
}

void Core::forget_engine(Link& link) {
  if (link.engine_id != 0) engine.command(now, ike::RemoveConnection{link.engine_id});
  for (const auto& old : link.retiring) engine.command(now, ike::RemoveConnection{old.engine_id});
  link.engine_id = 0;  // its last reports still find the link
  link.retiring.clear();
  for (std::size_t i = 0; i < link.slots.size(); ++i) {
    link.slots[i].establishment.halt();
    set_begin_timer({link.id, i});
    release_adopted(link, link.slots[i], false);
  }
}

// Ids of what the connection was, once nothing of it is left.
void Core::forget_old_ids(const Link& link) {
  if (!link.ike_sas.empty() || link.any_live() || !link.retiring.empty()) return;
  std::erase_if(by_engine_id, [&](const auto& entry) {
    return entry.second == link.id && entry.first != link.engine_id;
  });
}

void Core::leave(Link& link) {
  if (link.leaving) return;
  std::vector<LinkId> peers;
  for (const auto& [key, id] : by_block_peer) {
    if (key.first == link.id) peers.push_back(id);
  }
  for (const LinkId id : peers) {
    if (Link* peer = find(id)) leave(*peer);
  }
  forget_engine(link);
  link.leaving = true;
  leaving.insert(link.id);
  refresh_policies(link);
  timers.set({Timer::Kind::kLeave, {link.id, 0}}, now + kLeaveBound);
}

// A connection's last policies go when nothing of it is left in engine and kernel.
void Core::finish_leaving() {
  const std::set<LinkId> candidates = leaving;
  for (const LinkId id : candidates) {
    Link* link = find(id);
    if (link == nullptr || !link->ike_sas.empty() || link->any_live()) continue;
    if (link->parent == 0) {
      policies.want(link->name, {});
      policies_due = guard_due = true;
    }
    erase_link(*link);
  }
}

}  // namespace espalier::tunnel
