#include "nodeagent/tunnel/connection_status.h"

#include <algorithm>

#include "nodeagent/tunnel/advice.h"
#include "nodeagent/tunnel/sa_steps.h"

namespace espalier::tunnel {

namespace {

namespace crypto = ike::crypto;

telemetry::Mode mode_of(bool tunnel) {
  return tunnel ? telemetry::Mode::kTunnel : telemetry::Mode::kTransport;
}

std::string text_of(const std::vector<ike::wire::TrafficSelector>& selectors) {
  std::string text;
  for (const auto& selector : selectors) text += (text.empty() ? "" : " ") + selector.to_string();
  return text;
}

std::string text_of(const std::vector<plan::CoverRule>& rules, bool local) {
  std::vector<std::string> seen;
  std::string text;
  for (const auto& rule : rules) {
    std::string one = (local ? rule.selector.local : rule.selector.remote).to_string();
    if (std::find(seen.begin(), seen.end(), one) != seen.end()) continue;
    text += (text.empty() ? "" : " ") + one;
    seen.push_back(std::move(one));
  }
  return text;
}

telemetry::ChildStatus live_status(const Slot& slot, const LiveChild& child, const Views& views,
                                   const Dates& dates) {
  telemetry::ChildStatus status;
  status.name = slot.name();
  const auto view = views.children.find(child.info.id);
  const bool carries = view != views.children.end() && (view->second.current || child.outbound);
  status.state =
      child.up && carries ? telemetry::ChildState::kUp : telemetry::ChildState::kDraining;
  status.mode = mode_of(child.info.mode == ike::Mode::kTunnel);
  status.spi_in = child.inbound ? child.info.spi_in : 0;
  status.spi_out = child.outbound ? child.info.spi_out : 0;
  status.reqid = slot.reqid;
  status.local_selectors = text_of(child.info.local_selectors);
  status.remote_selectors = text_of(child.info.remote_selectors);
  status.esp_suite = crypto::to_string(child.info.suite);
  status.esn = child.info.esn;
  status.established_at = dates.maybe(child.since);
  if (view != views.children.end()) status.rekey_at = dates.maybe(view->second.rekey_at);
  status.last_used = dates.maybe(child.last_used);
  status.in = child.in;
  status.out = child.out;
  return status;
}

// An inbound and an outbound SA of an earlier run, told as one where there are both.
std::vector<telemetry::ChildStatus> adopted_status(const Slot& slot) {
  std::vector<telemetry::ChildStatus> result;
  std::vector<const AdoptedSa*> in, out;
  for (const auto& one : slot.adopted) {
    (one.sa.direction == dataplane::Direction::kIn ? in : out).push_back(&one);
  }
  for (std::size_t i = 0; i < std::max(in.size(), out.size()); ++i) {
    const dataplane::Sa& any = (i < in.size() ? in[i] : out[i])->sa;
    telemetry::ChildStatus status;
    status.name = slot.name();
    status.state = telemetry::ChildState::kAdopted;
    status.mode = mode_of(any.mode == dataplane::Mode::kTunnel);
    status.spi_in = i < in.size() ? in[i]->sa.spi : 0;
    status.spi_out = i < out.size() ? out[i]->sa.spi : 0;
    status.reqid = slot.reqid;
    status.esp_suite = crypto::to_string(engine_suite(any.algorithm));
    status.esn = any.esn;
    if (slot.plan != nullptr) {
      status.local_selectors = text_of(slot.plan->rules, true);
      status.remote_selectors = text_of(slot.plan->rules, false);
    }
    if (i < in.size()) status.in = in[i]->moved;
    if (i < out.size()) status.out = out[i]->moved;
    result.push_back(std::move(status));
  }
  return result;
}

void add_children(const Link& link, const Views& views, const Dates& dates,
                  telemetry::ConnectionStatus& status) {
  for (const Slot& slot : link.slots) {
    bool any = false;
    for (const auto& [id, child] : slot.live) {
      status.children.push_back(live_status(slot, child, views, dates));
      any = true;
    }
    for (auto& adopted : adopted_status(slot)) {
      status.children.push_back(std::move(adopted));
      any = true;
    }
    if (any || slot.plan == nullptr) continue;
    telemetry::ChildStatus none;
    none.name = slot.plan->name;
    const bool trap = slot.plan->establish == plan::Establish::kOnDemand && !link.held_down;
    none.state = trap ? telemetry::ChildState::kTrap : telemetry::ChildState::kDown;
    none.mode = mode_of(slot.plan->mode == plan::Mode::kTunnel);
    none.reqid = slot.reqid;
    none.local_selectors = text_of(slot.plan->rules, true);
    none.remote_selectors = text_of(slot.plan->rules, false);
    status.children.push_back(std::move(none));
  }
}

telemetry::ConnectionState state_of(const Link& link, const ike::IkeSaView* ike_sa) {
  using telemetry::ConnectionState;
  if (link.held_down || link.leaving) return ConnectionState::kDown;
  bool all_up = true, any_up = false, connecting = false, waiting = false, failed = false;
  bool all_carried = true, any_adopted = false;
  for (const Slot& slot : link.slots) {
    if (slot.plan == nullptr) continue;
    const bool up = slot.up(link.engine_id);
    any_up = any_up || up;
    const auto state = slot.establishment.state();
    connecting = connecting || state == Establishment::State::kConnecting;
    waiting = waiting || state == Establishment::State::kWaiting;
    failed = failed || slot.establishment.failures() > 0;
    // A child that waits for packets lacks nothing.
    const bool lacks_nothing = up || (state == Establishment::State::kIdle && !failed);
    all_up = all_up && lacks_nothing;
    any_adopted = any_adopted || slot.adopted_both_ways();
    all_carried = all_carried && (lacks_nothing || slot.adopted_both_ways());
  }
  const bool carried = any_adopted && all_carried;
  if (any_up && all_up) {
    if (link.blocked) return ConnectionState::kOutdated;
    const bool rekeying = ike_sa != nullptr && ike_sa->state == ike::IkeSaState::kRekeyed;
    return rekeying ? ConnectionState::kRekeying : ConnectionState::kEstablished;
  }
  if (link.blocked) return carried ? ConnectionState::kOutdated : ConnectionState::kBlocked;
  if (carried && failed) return ConnectionState::kAdopted;
  if (connecting) return ConnectionState::kConnecting;
  if (waiting) return failed ? ConnectionState::kWaiting : ConnectionState::kConnecting;
  return ConnectionState::kTrapped;
}

void add_ike_sa(const Link& link, const ike::IkeSaView& view, const Dates& dates,
                telemetry::ConnectionStatus& status) {
  telemetry::IkeSaStatus ike_sa;
  ike_sa.spi_i = view.spi_i;
  ike_sa.spi_r = view.spi_r;
  ike_sa.role = view.initiator ? telemetry::Role::kInitiator : telemetry::Role::kResponder;
  ike_sa.established_at = dates.maybe(view.established);
  ike_sa.rekey_at = dates.maybe(view.rekey_at);
  ike_sa.suite = view.suite;
  ike_sa.nat_local = view.nat_local;
  ike_sa.nat_remote = view.nat_remote;
  if (view.nat_local || view.nat_remote) ike_sa.encapsulation = telemetry::Encapsulation::kUdp;
  const auto& ppks = link.plan->ppk.keys;
  if (view.ppk_used) ike_sa.ppk_id = ppks.size() == 1 ? ppks.front().id : "one of several";
  ike_sa.authentication = link.plan->remote.type == plan::AuthType::kPsk ? "PSK" : "X.509";
  status.local = view.local;
  status.remote = view.remote;
  if (!view.peer_id.empty()) status.remote_identity = view.peer_id;
  status.ike_sa = std::move(ike_sa);
}

std::string_view word_for(const Error& error) {
  switch (error.code) {
    case Code::kNotFound:
      return "CredentialsMissing";
    case Code::kUnavailable:
      return "NoRoute";
    case Code::kUnsupported:
      return "NotYet";
    default:
      return "CredentialsUnusable";
  }
}

std::string remedy_for(const Error& error) {
  switch (error.code) {
    case Code::kNotFound:
      return "Add the Secret that is named, with the keys that its use needs.";
    case Code::kUnavailable:
      return "Give this node a route to the peer; it is tried again.";
    case Code::kUnsupported:
      return "Write it in a way that this version takes.";
    default:
      return "Correct what is named; the connection begins as soon as it is right.";
  }
}

std::optional<telemetry::Failure> failure_of(const Link& link, const Dates& dates) {
  telemetry::Failure failure;
  if (link.blocked) {
    failure.at = dates.at(link.blocked_at);
    failure.side = telemetry::Side::kLocal;
    failure.sentence = link.blocked->to_string();
    if (link.not_approved) {
      failure.reason = "NotApproved";
      failure.what_to_do = "Name what is allowed there, or run the agent without FIPS mode.";
    } else {
      failure.reason = word_for(*link.blocked);
      failure.what_to_do = remedy_for(*link.blocked);
    }
    return failure;
  }
  if (!link.last_failure) return std::nullopt;
  const FailureRecord& record = *link.last_failure;
  failure.at = dates.at(record.at);
  failure.side = side_of(record.side, record.reason);
  failure.reason = ike::name_of(record.reason);
  failure.sentence = record.sentence;
  failure.what_to_do = advice_for(record.reason, record.side == ike::Side::kLocal, link.plan->peer);
  return failure;
}

// The SA that carries the connection: the newest that stands, else the one being made.
const ike::IkeSaView* chosen(const Link& link, const Views& views) {
  const ike::IkeSaView* best = nullptr;
  const auto known = views.by_connection.find(link.engine_id);
  if (known == views.by_connection.end()) return nullptr;
  const auto rank = [](const ike::IkeSaView& view) {
    return std::pair(view.state == ike::IkeSaState::kEstablished ? 1 : 0, view.id);
  };
  for (const ike::IkeSaView& view : known->second) {
    if (best == nullptr || rank(view) > rank(*best)) best = &view;
  }
  return best;
}

}  // namespace

std::string owner_name(const plan::Owner& owner) {
  return owner.kind + "/" + (owner.ns.empty() ? "" : owner.ns + "/") + owner.name;
}

telemetry::ConnectionStatus connection_status(const Link& link, const Views& views,
                                              const Dates& dates) {
  telemetry::ConnectionStatus status;
  status.name = link.name;
  status.peer = link.plan->peer;
  status.owner = owner_name(link.plan->owner);
  const bool required = std::any_of(link.slots.begin(), link.slots.end(), [](const Slot& slot) {
    return slot.plan != nullptr && slot.plan->enforcement == plan::Enforcement::kRequired;
  });
  status.enforcement =
      required ? telemetry::Enforcement::kRequired : telemetry::Enforcement::kPreferred;
  status.local = {link.local, 500};
  if (!link.plan->remote_addresses.empty()) {
    status.remote = {link.plan->remote_addresses.front(), 500};
  }
  status.local_identity = link.local_identity;
  status.remote_identity = link.remote_identity;
  const ike::IkeSaView* view = chosen(link, views);
  status.state = state_of(link, view);
  if (view != nullptr && view->state != ike::IkeSaState::kConnecting &&
      view->state != ike::IkeSaState::kHalfOpen) {
    add_ike_sa(link, *view, dates, status);
  }
  add_children(link, views, dates, status);
  status.totals = link.ledger.totals();
  status.last_failure = failure_of(link, dates);
  TimePoint retry = kNever;
  for (const Slot& slot : link.slots) {
    if (slot.establishment.state() == Establishment::State::kWaiting) {
      retry = std::min(retry, slot.establishment.due());
    }
  }
  if (status.state == telemetry::ConnectionState::kWaiting ||
      status.state == telemetry::ConnectionState::kAdopted) {
    status.retry_at = dates.maybe(retry);
  }
  status.counters = link.counters;
  if (view != nullptr) status.counters.retransmits = view->retransmits;
  return status;
}

}  // namespace espalier::tunnel
