// What an earlier run left in the kernel: found, matched with the plan, followed, and let go when
// its successors stand.
#include <algorithm>

#include "nodeagent/dataplane/ownership.h"
#include "nodeagent/tunnel/core.h"
#include "nodeagent/tunnel/journal.h"

namespace espalier::tunnel {

namespace {

bool offered(const plan::ChildPlan& plan, const dataplane::Sa& sa) {
  const auto suite = engine_suite(sa.algorithm);
  for (const auto& keywords : plan.esp_proposals) {
    const auto proposal = ike::crypto::parse_esp_proposal(keywords);
    if (!proposal) continue;
    const bool encr =
        std::find(proposal->encr.begin(), proposal->encr.end(), suite.encr) != proposal->encr.end();
    const bool integ = suite.integ == ike::crypto::IntegId::kNone
                           ? proposal->integ.empty()
                           : std::find(proposal->integ.begin(), proposal->integ.end(),
                                       suite.integ) != proposal->integ.end();
    if (encr && integ) return true;
  }
  return false;
}

bool same_mode(plan::Mode a, dataplane::Mode b) {
  return (a == plan::Mode::kTransport) == (b == dataplane::Mode::kTransport);
}

}  // namespace

Status Core::start(std::string_view journal) {
  auto remembered = decode_journal(journal);
  if (!remembered) return forward(remembered);
  reqids.restore_next(remembered->next_reqid);
  for (const auto& [key, reqid] : remembered->reqids) reqids.restore(key, reqid);
  for (const auto& [policy, number] : remembered->groups) groups.restore(policy, number);
  saved_journal = journal;

  auto standing = ports.kernel->dump_policies();
  if (!standing) return forward(standing);
  policies.observe(*standing, remembered->clear_policies);
  auto dumped = ports.kernel->dump_sas();
  if (!dumped) return forward(dumped);
  std::set<std::uint32_t> avoid;
  for (auto& state : *dumped) {
    if (!dataplane::owns_reqid(state.sa.reqid)) continue;
    if (!reqids.key_of(state.sa.reqid)) avoid.insert(state.sa.reqid);
    // What is only reserved runs out by itself.
    if (!state.larval) found.push_back(std::move(state));
  }
  for (const auto& state : *standing) {
    const auto& transform = state.policy.transform;
    if (!transform || !dataplane::owns_reqid(transform->reqid)) continue;
    if (!reqids.key_of(transform->reqid)) avoid.insert(transform->reqid);
    found_policies.push_back(state);
  }
  reqids.avoid(std::move(avoid));
  return {};
}

// The first plan is here: what was found is adopted or, where nothing wants it, removed.
void Core::take_over() {
  std::size_t adopted = 0;
  for (const auto& state : std::exchange(found, {})) {
    if (const auto ref = owner_of(state.sa)) {
      adopt(*ref, state.sa, traffic_of(state), drops_of(state));
      ++adopted;
    } else {
      batch.remove(id_of(state.sa));
    }
  }
  // A child without rules had its policies from what was negotiated: they stay with its SAs.
  for (const auto& state : std::exchange(found_policies, {})) {
    const auto known = by_reqid.find(state.policy.transform->reqid);
    if (known == by_reqid.end()) continue;
    Slot* slot = find_slot(known->second);
    if (slot == nullptr || slot->plan == nullptr || !slot->plan->rules.empty() ||
        slot->adopted.empty()) {
      continue;
    }
    WantedPolicy wanted;
    wanted.policy = state.policy;
    wanted.policy.index = 0;
    wanted.stage =
        state.policy.direction == dataplane::Direction::kOut ? Stage::kOutbound : Stage::kInbound;
    slot->adopted_policies.push_back(std::move(wanted));
  }
  if (adopted == 0) return;
  tell(telemetry::EventId::kSasAdopted, nullptr, {{"count", std::to_string(adopted)}});
  for (const auto& [id, link] : links) {
    if (!link->any_adopted()) continue;
    refresh_policies(*link);
    if (!link->held_down && !link->leaving) configure(*link, link->plan.get());
    if (link->parent != 0) want_children(*link);
  }
}

// The slot that an SA belongs to, if the plan still wants it as it is.
std::optional<SlotRef> Core::owner_of(const dataplane::Sa& sa) {
  const auto known = by_reqid.find(sa.reqid);
  if (known == by_reqid.end()) return std::nullopt;
  SlotRef ref = known->second;
  Link* link = find(ref.link);
  if (link == nullptr || link->leaving) return std::nullopt;
  const plan::ChildPlan* child = link->slots[ref.slot].plan;
  if (child == nullptr || !same_mode(child->mode, sa.mode) || !offered(*child, sa)) {
    return std::nullopt;
  }
  const bool in = sa.direction == dataplane::Direction::kIn;
  const IpAddress& local = in ? sa.destination : sa.source;
  const IpAddress& remote = in ? sa.source : sa.destination;
  const auto wanted_local =
      link->engine_id != 0 ? std::optional(link->local) : link->plan->local_address;
  if (wanted_local && *wanted_local != local) return std::nullopt;
  if (!link->plan->remote_blocks.empty() && link->any_peer()) {
    Link* peer = block_peer(*link, remote);
    if (peer == nullptr) return std::nullopt;
    return SlotRef{peer->id, ref.slot};
  }
  const auto& remotes = link->plan->remote_addresses;
  // Behind a NAT the peer's address is what was seen, not what was written.
  if (!remotes.empty() && !sa.encapsulation &&
      std::find(remotes.begin(), remotes.end(), remote) == remotes.end()) {
    return std::nullopt;
  }
  return ref;
}

void Core::adopt(const SlotRef& ref, const dataplane::Sa& sa, const telemetry::Traffic& moved,
                 const telemetry::Drops& drops) {
  Slot* slot = find_slot(ref);
  slot->adopted.push_back({sa, moved, now});
  const bool in = sa.direction == dataplane::Direction::kIn;
  find(ref.link)->ledger.start_at(adopted_key(sa.spi, in), in ? moved : telemetry::Traffic{},
                                  in ? telemetry::Traffic{} : moved, drops);
  if (sa.mode == dataplane::Mode::kTunnel && sa.direction == dataplane::Direction::kOut) {
    slot->peer = sa.destination;
  }
  sas.insert_or_assign(id_of(sa), SaRef{ref, 0, in});
}

bool Core::outlives_its_ike_sa(const Link& link, const Slot& slot, const LiveChild& child) const {
  if (slot.plan == nullptr || slot.plan->enforcement != plan::Enforcement::kRequired) return false;
  if (link.held_down || link.leaving || stopping) return false;
  if (!slot.establishment.begins_again()) return false;  // else nothing would replace it
  if (!child.up || !child.inbound || !child.outbound) return false;
  if (child.info.connection != link.engine_id) return false;
  return std::none_of(slot.live.begin(), slot.live.end(), [&](const auto& entry) {
    return entry.first != child.info.id && entry.second.outbound;
  });
}

bool Core::keep_in_kernel(const SlotRef& ref, const LiveChild& child) {
  Link* link = find(ref.link);
  Slot* slot = find_slot(ref);
  const SaSettings settings = settings_of(*link, *slot);
  auto in = inbound_sa(child.info, settings, false);
  auto out = outbound_sa(child.info, settings);
  if (!in || !out) return false;
  adopt(ref, *in, child.in, child.drops);
  adopt(ref, *out, child.out, {});
  link->ledger.retire(child.info.spi_in);
  slot->live.erase(child.info.id);
  return true;
}

void Core::release_adopted(Link& link, Slot& slot, bool outbound_only) {
  std::erase_if(slot.adopted, [&](const AdoptedSa& one) {
    if (outbound_only && one.sa.direction != dataplane::Direction::kOut) return false;
    let_go(id_of(one.sa));
    return true;
  });
  if (!slot.adopted.empty()) return;
  slot.adopted_policies.clear();
  slot.succeeded_at = kNever;
  refresh_policies(link);
}

// Its counters are read once more before it goes.
void Core::let_go(const dataplane::SaId& id) {
  const auto known = sas.find(id);
  if (known != sas.end()) last_looks.insert(sas.extract(known));
  batch.remove(id);
}

void Core::count_adopted(const SaRef& ref, const dataplane::SaState& state) {
  Slot* slot = find_slot(ref.at);
  if (slot == nullptr) return;
  const telemetry::Traffic moved = traffic_of(state);
  const std::uint64_t key = adopted_key(state.sa.spi, ref.inbound);
  auto& ledger = find(ref.at.link)->ledger;
  if (ref.inbound) {
    ledger.observe(slot->name(), key, moved, {}, drops_of(state));
  } else {
    ledger.observe(slot->name(), key, {}, moved);
  }
  for (AdoptedSa& one : slot->adopted) {
    if (id_of(one.sa) != id_of(state.sa)) continue;
    if (one.moved.packets != moved.packets) one.quiet_since = now;
    one.moved = moved;
  }
}

// The kernel says that it is gone.
void Core::drop_adopted(const dataplane::SaId& id, const SaRef& ref) {
  Link* link = find(ref.at.link);
  Slot* slot = find_slot(ref.at);
  if (slot == nullptr) return;
  std::erase_if(slot->adopted, [&](const AdoptedSa& one) { return id_of(one.sa) == id; });
  link->ledger.retire(adopted_key(id.spi, ref.inbound));
  if (slot->adopted.empty()) slot->adopted_policies.clear();
  refresh_policies(*link);
}

// A successor carries our traffic: the old way out goes at once, the old way in when the peer has
// moved too.
void Core::succeeded(const SlotRef& ref) {
  Slot* slot = find_slot(ref);
  if (slot == nullptr || slot->adopted.empty()) return;
  release_adopted(*find(ref.link), *slot, true);
  if (slot->adopted.empty() || slot->succeeded_at != kNever) return;
  slot->succeeded_at = now;
  for (AdoptedSa& one : slot->adopted) one.quiet_since = now;
  timers.set({Timer::Kind::kDrain, ref}, now + options.drain_idle);
}

// After their counters were read (carrying.cc).
void Core::check_drain(const SlotRef& ref) {
  Link* link = find(ref.link);
  Slot* slot = find_slot(ref);
  if (slot == nullptr || slot->adopted.empty() || slot->succeeded_at == kNever) return;
  const TimePoint bound = slot->succeeded_at + options.drain_bound;
  TimePoint quiet = now;
  for (const AdoptedSa& one : slot->adopted) {
    quiet = std::max(quiet, one.quiet_since + options.drain_idle);
  }
  if (now < bound && now < quiet) {
    timers.set({Timer::Kind::kDrain, ref}, std::min(quiet, bound));
    return;
  }
  release_adopted(*link, *slot, false);
  if (!link->held_down && !link->leaving) configure(*link, link->plan.get());
}

}  // namespace espalier::tunnel
