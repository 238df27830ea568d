#include <algorithm>

#include "nodeagent/tunnel/address_ranges.h"
#include "nodeagent/tunnel/core.h"

namespace espalier::tunnel {

namespace {

// Where policies of negotiated selectors stand among a plan's: the peer chose them, so everything
// that was written down comes before.
constexpr plan::Precedence kNegotiatedPrecedence = (1U << 24U) - 1;

// What a child without rules covers: what was negotiated.
std::vector<plan::CoverRule> negotiated_rules(const Slot& slot) {
  std::vector<plan::CoverRule> rules;
  for (const auto& [id, child] : slot.live) {
    if (!child.inbound) continue;
    for (const auto& local : child.info.local_selectors) {
      for (const auto& remote : child.info.remote_selectors) {
        if (local.family() != remote.family()) continue;
        for (const Prefix& from : prefixes_of(local.start, local.end)) {
          for (const Prefix& to : prefixes_of(remote.start, remote.end)) {
            plan::CoverRule rule;
            rule.selector.local = from;
            rule.selector.remote = to;
            rule.precedence = kNegotiatedPrecedence;
            if (std::find(rules.begin(), rules.end(), rule) == rules.end()) rules.push_back(rule);
          }
        }
      }
    }
  }
  return rules;
}

}  // namespace

bool Slot::outbound() const {
  const auto stands = [](const auto& entry) { return entry.second.outbound; };
  return std::any_of(live.begin(), live.end(), stands) || adopted_outbound();
}

bool Slot::adopted_outbound() const {
  return std::any_of(adopted.begin(), adopted.end(), [](const AdoptedSa& one) {
    return one.sa.direction == dataplane::Direction::kOut;
  });
}

bool Slot::adopted_both_ways() const {
  return adopted_outbound() &&
         std::any_of(adopted.begin(), adopted.end(), [](const AdoptedSa& one) {
           return one.sa.direction == dataplane::Direction::kIn;
         });
}

std::string Slot::name() const {
  return plan != nullptr ? plan->name : "(removed)";
}

telemetry::Traffic traffic_of(const dataplane::SaState& state) {
  return {state.usage.bytes, state.usage.packets};
}

telemetry::Drops drops_of(const dataplane::SaState& state) {
  return {std::uint64_t{state.replayed} + state.outside_window, state.failed_integrity};
}

std::uint64_t adopted_key(std::uint32_t spi, bool inbound) {
  return (inbound ? 1ULL << 32 : 1ULL << 33) | spi;
}

bool Slot::up(ike::ConnectionId engine_id) const {
  return std::any_of(live.begin(), live.end(), [&](const auto& entry) {
    return entry.second.up && entry.second.info.connection == engine_id;
  });
}

bool Link::any_live() const {
  return std::any_of(slots.begin(), slots.end(),
                     [](const Slot& slot) { return !slot.live.empty(); });
}

bool Link::any_adopted() const {
  return std::any_of(slots.begin(), slots.end(),
                     [](const Slot& slot) { return !slot.adopted.empty(); });
}

Core::Core(ike::Engine& e, const Ports& p, Options o)
    : engine(e),
      ports(p),
      options(o),
      pace{o.begin_delay, o.backoff_first,          o.backoff_cap,
           o.jitter,      std::chrono::seconds(30), std::chrono::seconds(90)},
      chance(o.seed) {}

Link* Core::find(LinkId id) {
  const auto found_link = links.find(id);
  return found_link == links.end() ? nullptr : found_link->second.get();
}

Link* Core::find_engine(ike::ConnectionId id) {
  const auto known = by_engine_id.find(id);
  return known == by_engine_id.end() ? nullptr : find(known->second);
}

Link* Core::find_name(std::string_view name) {
  const auto known = by_name.find(name);
  return known == by_name.end() ? nullptr : find(known->second);
}

Slot* Core::find_slot(const SlotRef& ref) {
  Link* link = find(ref.link);
  return link != nullptr && ref.slot < link->slots.size() ? &link->slots[ref.slot] : nullptr;
}

Slot* Core::find_slot(ike::ConnectionId id, std::size_t child_index, Link** link) {
  *link = find_engine(id);
  if (*link == nullptr) return nullptr;
  return find_slot({(*link)->id, child_index});
}

Link& Core::create_link(const std::string& name) {
  auto link = std::make_unique<Link>();
  link->id = ++last_link;
  link->name = name;
  Link& reference = *link;
  by_name.insert_or_assign(name, reference.id);
  links.emplace(reference.id, std::move(link));
  return reference;
}

void Core::erase_link(Link& link) {
  for (std::size_t i = 0; i < link.slots.size(); ++i) {
    const SlotRef ref{link.id, i};
    for (const auto kind : {Timer::Kind::kBegin, Timer::Kind::kDrain, Timer::Kind::kIdle}) {
      timers.set({kind, ref}, kNever);
    }
    connecting.erase(ref);
    const auto reqid = by_reqid.find(link.slots[i].reqid);
    if (reqid != by_reqid.end() && reqid->second == ref) by_reqid.erase(reqid);
  }
  for (const auto kind : {Timer::Kind::kRetire, Timer::Kind::kLeave, Timer::Kind::kForget}) {
    timers.set({kind, {link.id, 0}}, kNever);
  }
  std::erase_if(by_engine_id, [&](const auto& entry) { return entry.second == link.id; });
  std::erase_if(by_block_peer, [&](const auto& entry) { return entry.second == link.id; });
  leaving.erase(link.id);
  const auto named = by_name.find(link.name);
  if (named != by_name.end() && named->second == link.id) by_name.erase(named);
  links.erase(link.id);
}

// Required never passes in clear. Preferred does, where its owner said so, while there is no SA;
// the kernel takes an optional template outbound only in transport mode, so in tunnel mode the
// policy is there only while it blocks or an SA lives.
OutboundForm Core::outbound_form(const Link& link, const Slot& slot) const {
  const plan::ChildPlan& child = *slot.plan;
  if (child.enforcement == plan::Enforcement::kRequired) return OutboundForm::kRequire;
  // The peer takes its SAs away as soon as it hears of the end: nothing goes by ours from before
  // on.
  if (link.leaving) return OutboundForm::kAbsent;
  const bool transport = child.mode == plan::Mode::kTransport;
  const bool pass_after_failure = child.on_failure == plan::OnFailure::kPass;
  if (slot.outbound()) {
    return transport && pass_after_failure ? OutboundForm::kUse : OutboundForm::kRequire;
  }
  const bool failed = slot.establishment.failures() > 0 &&
                      slot.establishment.state() != Establishment::State::kConnecting;
  const bool pass = link.blocked || failed ? pass_after_failure
                                           : child.on_negotiation == plan::OnNegotiation::kPass;
  if (!pass) return OutboundForm::kRequire;
  return transport ? OutboundForm::kUse : OutboundForm::kAbsent;
}

std::vector<WantedPolicy> Core::policies_of_link(const Link& link) const {
  std::vector<WantedPolicy> result;
  if (link.parent != 0) return result;  // the block's policies cover it
  const auto& remotes = link.plan->remote_addresses;
  for (const Slot& slot : link.slots) {
    if (slot.plan == nullptr) continue;
    ChildForm form;
    form.reqid = slot.reqid;
    form.local = link.plan->local_address;
    if (!form.local && link.engine_id != 0) form.local = link.local;
    form.remote = slot.peer;
    if (!form.remote && !remotes.empty()) form.remote = remotes.front();
    form.remote_fixed = remotes.size() == 1 && (!slot.peer || *slot.peer == remotes.front());
    form.outbound = outbound_form(link, slot);
    auto wanted =
        slot.plan->rules.empty()
            ? espalier::tunnel::policies_of(*slot.plan, negotiated_rules(slot), form, groups)
            : espalier::tunnel::policies_of(*slot.plan, slot.plan->rules, form, groups);
    result.insert(result.end(), wanted.begin(), wanted.end());
    result.insert(result.end(), slot.adopted_policies.begin(), slot.adopted_policies.end());
  }
  return result;
}

void Core::refresh_policies(const Link& link) {
  if (link.parent != 0) return;
  policies.want(link.name, policies_of_link(link));
  policies_due = policies_due || policies.has_steps();
}

void Core::tell(telemetry::EventId id, const Link* link,
                std::vector<telemetry::EventField> fields) const {
  if (ports.events == nullptr) return;
  telemetry::Event event{id, {}};
  if (link != nullptr) {
    event.fields.push_back({"connection", link->name});
    event.fields.push_back({"peer", link->plan->peer});
  }
  for (auto& field : fields) event.fields.push_back(std::move(field));
  ports.events->on_event(event);
}

}  // namespace espalier::tunnel
