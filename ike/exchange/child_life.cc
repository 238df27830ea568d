// The life of a Child SA in the kernel: installing, taking over, draining, removing (declared in
// child.h).
#include <algorithm>
#include <utility>

#include "ike/exchange/child.h"

namespace espalier::ike::exchange {

Result<Ticket> install_inbound(Core& core, IkeSa& sa, ChildNegotiation& negotiated,
                               bool exchange_initiator, bool report_first_use) {
  auto keys =
      crypto::derive_child_keys(core.provider, sa.suite.prf, sa.keys.sk_d.view(), negotiated.suite,
                                negotiated.ni, negotiated.nr, negotiated.shared_secret.view());
  if (!keys) return forward(keys);
  auto child = std::make_unique<ChildSa>();
  child->info.id = negotiated.id = ++core.last_child_id;
  child->info.ike_sa = sa.id;
  child->info.connection = sa.connection_id;
  child->info.child_index = negotiated.child_index;
  child->info.local = sa.local.address;
  child->info.remote = sa.remote.address;
  child->info.spi_in = negotiated.spi_in;
  child->info.spi_out = negotiated.spi_out;
  child->info.mode = negotiated.mode;
  child->info.suite = negotiated.suite;
  child->info.esn = negotiated.esn;
  if (sa.nat_local || sa.nat_remote)
    child->info.encapsulation = UdpPorts{sa.local.port, sa.remote.port};
  child->info.local_selectors = negotiated.local;
  child->info.remote_selectors = negotiated.remote;
  child->replaces = negotiated.replaces;
  child->began = exchange_initiator;
  const Bytes& nonce = lower(negotiated.ni, negotiated.nr);
  for (std::size_t i = 0; i < std::min(nonce.size(), sizeof child->rank); ++i)
    child->rank = child->rank << 8U | nonce[i];
  child->outbound_keys = std::make_unique<crypto::EspKeys>(
      std::move(exchange_initiator ? keys->i_to_r : keys->r_to_i));
  InstallInbound install;
  install.ticket = core.new_ticket(sa);
  install.child = child->info;
  install.keys = std::move(exchange_initiator ? keys->r_to_i : keys->i_to_r);
  install.report_first_use = report_first_use;
  install.replaces = negotiated.replaces;
  const Ticket ticket = install.ticket;
  core.child_owner.emplace(child->info.id, sa.id);
  core.child_by_spi_in.emplace(child->info.spi_in, child->info.id);
  core.child_by_spi_out.emplace(child->info.spi_out, child->info.id);
  sa.children.push_back(std::move(child));
  core.outputs.emplace_back(std::move(install));
  return ticket;
}

Ticket install_outbound(Core& core, IkeSa& sa, ChildSa& child, bool detached) {
  InstallOutbound install;
  install.ticket = core.new_ticket(sa);
  install.child = child.info;
  if (child.outbound_keys) install.keys = std::move(*child.outbound_keys);
  child.outbound_keys.reset();
  child.outbound_asked = true;
  const auto current = core.current.find({child.info.connection, child.info.child_index});
  if (current != core.current.end() && current->second != child.info.id)
    install.replaces = current->second;
  if (detached) core.outbound_asked.emplace(install.ticket, child.info.id);
  const Ticket ticket = install.ticket;
  core.outputs.emplace_back(std::move(install));
  return ticket;
}

namespace {

// Also one that the kernel was asked for and has not answered yet.
void take_outbound(Core& core, ChildSa& child) {
  if (!child.outbound_asked) return;
  child.outbound_asked = child.outbound_installed = false;
  core.outputs.emplace_back(RemoveChild{child.info, false, true});
}

}  // namespace

void outbound_stands(Core& core, IkeSa& sa, ChildSa& child) {
  (void)sa;
  child.outbound_installed = true;
  ChildSaId& current = core.current[{child.info.connection, child.info.child_index}];
  const ChildSaId before = std::exchange(current, child.info.id);
  if (before == 0 || before == child.info.id) return;
  // Only what this one replaces loses its outbound SA. Of two that crossed, each may yet be the one
  // that stays; the kernel uses the newer.
  ChildSa* old = core.find_child(before);
  if (old != nullptr && child.replaces == before) take_outbound(core, *old);
}

void release_outbound(Core& core, IkeSa& sa, ChildSa& child) {
  if (child.outbound_keys && child.inbound_installed && child.state == ChildSa::State::kInstalled) {
    child.release_at = kNever;
    install_outbound(core, sa, child, true);
  }
}

namespace {

bool stands_beside(const ChildSa& other, const ChildSa& child) {
  const ChildSaInfo& one = child.info;
  const ChildSaInfo& two = other.info;
  return one.id != two.id && other.state == ChildSa::State::kInstalled && other.replaced_by == 0 &&
         one.child_index == two.child_index && one.mode == two.mode &&
         one.local_selectors == two.local_selectors && one.remote_selectors == two.remote_selectors;
}

// By the time it is due, the peer has had our answer to what it began, or has given us up.
void queue_delete_of_duplicate(Core& core, IkeSa& sa, const ChildSa& child) {
  Task task;
  task.kind = Task::Kind::kDeleteChild;
  task.child = child.info.id;
  task.only_if_duplicate = true;
  task.not_before = core.now + core.settings.give_up;
  sa.tasks.push_back(std::move(task));
}

}  // namespace

const ChildSa* preferred_to(const IkeSa& sa, const ChildSa& child) {
  const ChildSa* best = nullptr;
  for (const auto& other : sa.children) {
    if (other->rank <= child.rank || !stands_beside(*other, child)) continue;
    if (best == nullptr || best->rank < other->rank) best = other.get();
  }
  return best;
}

void child_up(Core& core, IkeSa& sa, ChildSa& child) {
  child.state = ChildSa::State::kInstalled;
  child.established = core.now;
  const ChildConfig& config = sa.connection->children[child.info.child_index];
  child.rekey_at =
      config.lifetime > Duration::zero() ? core.now + core.spread(config.lifetime, 10) : kNever;
  ++core.counters.child_sas_established;
  if (child.replaces != 0) ++core.counters.child_sas_rekeyed;
  core.report(ChildSaUp{child.info, child.replaces});
  for (const auto& other : sa.children) {
    if (other->info.id == child.replaces || !stands_beside(*other, child)) continue;
    const ChildSa& goes = other->rank < child.rank ? *other : child;
    if (goes.began) queue_delete_of_duplicate(core, sa, goes);
  }
  // The end that answered an exchange rekeys a little later, so that crossings are rare.
}

namespace {

// What else could carry the traffic of a Child that goes: another one of the same kind that stands.
ChildSa* successor_of(Core& core, const ChildSa& gone, IkeSa** owner) {
  for (IkeSa* sa : core.of_connection(gone.info.connection)) {
    for (const auto& child : sa->children) {
      if (child->info.id != gone.info.id && child->info.child_index == gone.info.child_index &&
          child->state == ChildSa::State::kInstalled &&
          (child->outbound_keys || child->outbound_installed)) {
        *owner = sa;
        return child.get();
      }
    }
  }
  return nullptr;
}

// Where it was the one that carries, its successor is now; without one, none is.
void hand_on_current(Core& core, const ChildSa& child) {
  const auto current = core.current.find({child.info.connection, child.info.child_index});
  if (current == core.current.end() || current->second != child.info.id) return;
  IkeSa* owner = nullptr;
  const ChildSa* next = successor_of(core, child, &owner);
  if (next != nullptr) {
    current->second = next->info.id;
  } else {
    core.current.erase(current);
  }
}

void forget_child(Core& core, const ChildSa& child) {
  core.child_owner.erase(child.info.id);
  const auto by_spi = core.child_by_spi_in.find(child.info.spi_in);
  if (by_spi != core.child_by_spi_in.end() && by_spi->second == child.info.id)
    core.child_by_spi_in.erase(by_spi);
  for (auto [it, end] = core.child_by_spi_out.equal_range(child.info.spi_out); it != end; ++it) {
    if (it->second == child.info.id) {
      core.child_by_spi_out.erase(it);
      break;
    }
  }
  hand_on_current(core, child);
}

// Where it carries our traffic, the next one must now, heard of by the peer or not. One that gave
// way earlier hurries nobody: the peer may still be making the keys of the newest.
void before_outbound_goes(Core& core, const ChildSa& child) {
  if (!child.outbound_asked) return;
  IkeSa* owner = nullptr;
  ChildSa* next = successor_of(core, child, &owner);
  if (next != nullptr) release_outbound(core, *owner, *next);
}

void announce_down(Core& core, const ChildSa& child, Reason reason) {
  if (child.established == TimePoint{} || child.state == ChildSa::State::kDraining) return;
  IkeSa* owner = nullptr;
  const bool replaced = child.replaced_by != 0 || successor_of(core, child, &owner) != nullptr;
  core.report(ChildSaDown{child.info, reason, replaced});
}

}  // namespace

void remove_child(Core& core, IkeSa& sa, ChildSaId id, Reason reason) {
  const auto found = std::find_if(sa.children.begin(), sa.children.end(),
                                  [&](const auto& child) { return child->info.id == id; });
  if (found == sa.children.end()) return;
  const std::unique_ptr<ChildSa> child = std::move(*found);
  sa.children.erase(found);
  before_outbound_goes(core, *child);
  core.outputs.emplace_back(
      RemoveChild{child->info, true, child->outbound_asked, reason == Reason::kTimeout});
  announce_down(core, *child, reason);
  forget_child(core, *child);
}

void drain_child(Core& core, IkeSa& sa, ChildSa& child, Reason reason) {
  (void)sa;
  if (child.state == ChildSa::State::kDraining) return;
  before_outbound_goes(core, child);
  take_outbound(core, child);
  announce_down(core, child, reason);
  hand_on_current(core, child);
  child.state = ChildSa::State::kDraining;
  child.rekey_at = kNever;
  child.outbound_keys.reset();
  child.remove_at = core.now + core.settings.drain;
}

void remove_all_children(Core& core, IkeSa& sa, Reason reason) {
  // None of them takes over from another now.
  for (const auto& child : sa.children) child->outbound_keys.reset();
  while (!sa.children.empty()) remove_child(core, sa, sa.children.front()->info.id, reason);
}

void move_children(Core& core, IkeSa& from, IkeSa& to) {
  for (auto& child : from.children) {
    child->info.ike_sa = to.id;
    core.child_owner[child->info.id] = to.id;
    to.children.push_back(std::move(child));
  }
  from.children.clear();
}

void report_refusal(Core& core, const IkeSa& sa, std::size_t child_index, Side side,
                    const ChildRefusal& refusal) {
  core.report_failure(sa, child_index, side, refusal.reason, refusal.text);
}

}  // namespace espalier::ike::exchange
