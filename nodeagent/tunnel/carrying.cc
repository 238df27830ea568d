// The kernel's turn: batches carried out, its events taken, what others broke set right.
#include <algorithm>

#include "nodeagent/dataplane/ownership.h"
#include "nodeagent/tunnel/core.h"
#include "nodeagent/tunnel/journal.h"

namespace espalier::tunnel {

namespace {

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

// The engine and the kernel answer each other in a few turns; more means that one of them is
// broken.
constexpr int kTurns = 10000;

}  // namespace

SaSettings Core::settings_of(const Link& link, const Slot& slot) const {
  (void)link;
  SaSettings settings;
  settings.reqid = slot.reqid;
  if (slot.plan != nullptr) {
    settings.lifetime = slot.plan->lifetime;
    settings.replay_window = slot.plan->replay_window;
    settings.mark_written = mark_written_by(*slot.plan);
  }
  return settings;
}

void Core::pump() {
  for (int turn = 0; turn < kTurns; ++turn) {
    on_time();
    begin_queued();
    const bool asked = take_outputs();
    if (!asked && answers.empty() && batch.empty() && !policies_due && !guard_due &&
        checks.empty()) {
      if (leaving.empty()) break;
      finish_leaving();
      if (!policies_due && !guard_due) break;
      continue;
    }
    carry_out();
  }
  if (!sends.empty()) {
    ports.network->send(sends);
    sends.clear();
  }
}

void Core::carry_out() {
  std::vector<dataplane::Step> steps;
  // Marks stand before the policies that match them, so that others' traffic is not held meanwhile.
  if (guard_due && brings_groups()) {
    guard_due = false;
    set_guard(false);
  }
  if (std::exchange(policies_due, false)) {
    save_journal();
    auto wanted = policies.steps_to_set();
    repairs += wanted.repairs;
    if (wanted.repairs > 0) {
      tell(telemetry::EventId::kKernelDrift, nullptr,
           {{"policies", std::to_string(wanted.repairs)}});
    }
    steps = std::move(wanted.steps);
    if (planned || removing) {
      auto surplus = policies.steps_to_remove();
      std::move(surplus.begin(), surplus.end(), std::back_inserter(steps));
    }
  }
  KernelBatch::Watch watch;
  watch.added = [this](const dataplane::Sa& sa, const Status& status) { on_added(sa, status); };
  watch.last_seen = [this](const dataplane::SaState& state) { on_last_seen(state); };
  watch.policy = [this](const dataplane::Step& step, const Status& status) {
    policies.note(step, status);
    if (!status) {
      tell(telemetry::EventId::kKernelRefused, nullptr, {{"reason", status.error().to_string()}});
      plan_repair();
    }
  };
  watch.refused = [this](const dataplane::Step&, const Error& error) {
    tell(telemetry::EventId::kKernelRefused, nullptr, {{"reason", error.to_string()}});
  };
  auto more = batch.carry_out(*ports.kernel, std::move(steps), watch);
  for (const auto& [id, ref] : std::exchange(last_looks, {})) {
    if (Link* link = find(ref.at.link)) {
      link->ledger.retire(adopted_key(id.spi, ref.inbound));
    }
  }
  if (std::exchange(guard_due, false)) set_guard(false);

  // What waited for the installs may go out now, before the engine says more.
  if (!sends.empty()) {
    ports.network->send(sends);
    sends.clear();
  }
  for (const Timer& check : std::exchange(checks, {})) {
    if (check.kind == Timer::Kind::kDrain) {
      check_drain(check.at);
    } else {
      check_idle(check.at);
    }
  }
  forget_ended();
  for (auto& answer : std::exchange(answers, {})) engine.on_kernel(now, std::move(answer));
  for (auto& answer : more) engine.on_kernel(now, std::move(answer));
}

// Children that have nothing in the kernel any more, now that their last counters were read.
void Core::forget_ended() {
  for (const SlotRef& ref : std::exchange(ended, {})) {
    Slot* slot = find_slot(ref);
    if (slot == nullptr) continue;
    for (auto it = slot->live.begin(); it != slot->live.end();) {
      const auto& [id, child] = *it;
      if (child.inbound || child.outbound) {
        ++it;
        continue;
      }
      sas.erase(inbound_id(child.info));
      sas.erase(outbound_id(child.info));
      find(ref.link)->ledger.retire(child.info.spi_in);
      it = slot->live.erase(it);
    }
  }
}

void Core::save_journal() {
  const std::array version{reqids.version(), policies.clear_version(), groups.version()};
  if (version == journal_version) return;
  Journal journal{reqids.next(), reqids.all(), policies.clear_policies(), {}};
  for (const auto& [policy, group] : groups.all()) journal.groups.emplace(policy, group.number);
  std::string text = encode(journal);
  // A version also moves where nothing came of it; at a start, what was read is what would be
  // saved.
  if (text != saved_journal) {
    if (auto saved = ports.journal->save(text); !saved) {
      journal_error = saved.error();
      return;
    }
    journal_error.reset();
    saved_journal = std::move(text);
  }
  journal_version = version;
}

void Core::on_added(const dataplane::Sa& sa, const Status& status) {
  const auto known = sas.find(id_of(sa));
  if (known == sas.end()) return;
  const SaRef ref = known->second;
  Link* link = find(ref.at.link);
  Slot* slot = find_slot(ref.at);
  if (slot == nullptr) return;
  const auto live = slot->live.find(ref.child);
  if (live == slot->live.end()) return;
  if (status) {
    if (!ref.inbound) succeeded(ref.at);
    return;
  }
  tell(telemetry::EventId::kKernelRefused, link, {{"reason", status.error().to_string()}});
  (ref.inbound ? live->second.inbound : live->second.outbound) = false;
  sas.erase(known);
  refresh_policies(*link);
}

void Core::on_last_seen(const dataplane::SaState& state) {
  count_usage(state);
}

void Core::count_usage(const dataplane::SaState& state) {
  if (const auto going = last_looks.find(id_of(state.sa)); going != last_looks.end()) {
    return count_adopted(going->second, state);
  }
  const auto known = sas.find(id_of(state.sa));
  if (known == sas.end()) return;
  const SaRef& ref = known->second;
  if (ref.child == 0) return count_adopted(ref, state);
  Link* link = find(ref.at.link);
  Slot* slot = find_slot(ref.at);
  if (slot == nullptr) return;
  const telemetry::Traffic traffic = traffic_of(state);
  const auto live = slot->live.find(ref.child);
  if (live == slot->live.end()) return;
  LiveChild& child = live->second;
  telemetry::Traffic& mine = ref.inbound ? child.in : child.out;
  if (!(mine == traffic)) child.last_used = now;
  mine = traffic;
  if (ref.inbound) child.drops = drops_of(state);
  link->ledger.observe(slot->name(), child.info.spi_in, child.in, child.out, child.drops);
}

void Core::on_kernel_event(const dataplane::KernelEvent& event) {
  std::visit(Overloaded{
                 [&](const dataplane::Acquire& acquire) { on_acquire(acquire); },
                 [&](const dataplane::Expire& expire) { on_expire(expire.sa, expire.hard); },
                 [&](const dataplane::SaDeleted& deleted) { on_expire(deleted.sa, true); },
                 [&](const dataplane::Mapping& mapping) {
                   engine.on_kernel(now, ike::KernelMapping{mapping.sa.spi, mapping.new_source});
                 },
                 [&](const dataplane::PolicyDeleted& deleted) {
                   if (policies.on_event(deleted)) plan_repair();
                 },
                 [&](const dataplane::PolicySet& set) {
                   if (policies.on_event(set)) plan_repair();
                 },
                 [&](const dataplane::SasFlushed&) { read_again(); },
                 [&](const dataplane::PoliciesFlushed&) {
                   policies.forget_all();
                   plan_repair();
                 },
                 [&](const dataplane::Overrun&) { read_again(); },
             },
             event);
}

void Core::on_expire(const dataplane::SaId& id, bool hard) {
  const auto known = sas.find(id);
  if (known == sas.end()) return;
  const SaRef ref = known->second;
  Link* link = find(ref.at.link);
  Slot* slot = find_slot(ref.at);
  if (slot == nullptr) return;
  if (ref.child == 0) {
    if (!hard) return;
    sas.erase(known);
    drop_adopted(id, ref);
    return;
  }
  const auto live = slot->live.find(ref.child);
  if (live == slot->live.end()) return;
  LiveChild& child = live->second;
  if (!hard && ref.inbound && child.first_use) {
    child.first_use = false;
    if (auto sa = inbound_sa(child.info, settings_of(*link, *slot), false)) {
      batch.change(std::move(*sa));
    }
    engine.on_kernel(now, ike::KernelFirstUse{id.spi, id.destination});
    return;
  }
  if (hard) (ref.inbound ? child.inbound : child.outbound) = false;
  engine.on_kernel(now, ike::KernelExpired{id.spi, id.destination, hard});
}

// Repairs wait for each other, so that two programs that undo each other's work do not spin.
void Core::plan_repair() {
  timers.set({Timer::Kind::kRepair, {}}, std::max(now, repaired_at + options.repair_pause));
}

// Events were lost, or somebody took everything: what stands is found out by reading.
void Core::read_again() {
  if (auto dumped = ports.kernel->dump_sas()) {
    std::set<dataplane::SaId> standing;
    for (const auto& state : *dumped) {
      if (state.larval) continue;
      const auto id = id_of(state.sa);
      standing.insert(id);
      // Ours by its reqid, and nobody's: a leftover.
      if (planned && dataplane::owns_reqid(state.sa.reqid) && !sas.contains(id)) batch.remove(id);
    }
    std::vector<dataplane::SaId> missing;
    for (const auto& [id, ref] : sas) {
      if (!standing.contains(id)) missing.push_back(id);
    }
    for (const auto& id : missing) {
      ++repairs;
      on_expire(id, true);
    }
  }
  if (auto standing = ports.kernel->dump_policies()) {
    policies.observe(*standing, policies.clear_policies());
    plan_repair();
  }
}

}  // namespace espalier::tunnel
