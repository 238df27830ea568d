// Every field of a plan, by the names the manifests use where they have one.
#include <fmt/format.h>

#include "crds/types/duration.h"
#include "operator/plan/outline.h"

namespace espalier::plan {

namespace {

std::string_view name_of(Mode mode) {
  return mode == Mode::kTransport ? "Transport" : "Tunnel";
}
std::string_view name_of(Establish establish) {
  switch (establish) {
    case Establish::kEager:
      return "Eager";
    case Establish::kOnDemand:
      return "OnDemand";
    case Establish::kPassive:
      return "Passive";
  }
  return "unknown";
}
std::string_view name_of(Enforcement enforcement) {
  return enforcement == Enforcement::kRequired ? "Required" : "Preferred";
}
std::string_view name_of(OnNegotiation action) {
  return action == OnNegotiation::kHold ? "Hold" : "Pass";
}
std::string_view name_of(OnFailure action) {
  return action == OnFailure::kDrop ? "Drop" : "Pass";
}
std::string_view name_of(Esn esn) {
  switch (esn) {
    case Esn::kEither:
      return "either";
    case Esn::kOn:
      return "on";
    case Esn::kOff:
      return "off";
  }
  return "unknown";
}
std::string_view name_of(Offload) {
  return "None";
}
std::string_view name_of(AuthType type) {
  return type == AuthType::kX509 ? "X509" : "PSK";
}
std::string_view name_of(PpkMode mode) {
  switch (mode) {
    case PpkMode::kNever:
      return "Never";
    case PpkMode::kPrefer:
      return "Prefer";
    case PpkMode::kInsist:
      return "Insist";
  }
  return "unknown";
}
std::string_view name_of(Initiate initiate) {
  switch (initiate) {
    case Initiate::kInitiator:
      return "begins";
    case Initiate::kAfterDelay:
      return "begins after a delay";
    case Initiate::kPassive:
      return "waits";
  }
  return "unknown";
}
std::string_view name_of(UdpEncapsulation udp) {
  switch (udp) {
    case UdpEncapsulation::kAuto:
      return "Auto";
    case UdpEncapsulation::kAlways:
      return "Always";
    case UdpEncapsulation::kNever:
      return "Never";
  }
  return "unknown";
}
std::string_view name_of(LivenessAction action) {
  switch (action) {
    case LivenessAction::kRestart:
      return "Restart";
    case LivenessAction::kTrap:
      return "Trap";
    case LivenessAction::kClear:
      return "Clear";
  }
  return "unknown";
}
Outline word(std::string_view name) {
  return Outline::of(std::string(name));
}
Outline flag(bool value) {
  return Outline::plain(value ? "true" : "false");
}
Outline number(std::uint64_t value) {
  return Outline::plain(fmt::format("{}", value));
}

Outline duration(Duration value) {
  return Outline::of(crds::format_duration(value));
}

template <typename T>
Outline texts(const std::vector<T>& values) {
  Outline list = Outline::list();
  for (const T& value : values) {
    if constexpr (std::is_same_v<T, std::string>) {
      list.add(Outline::of(value));
    } else {
      list.add(Outline::of(value.to_string()));
    }
  }
  return list;
}

Outline auth(const AuthSide& side) {
  Outline map;
  map.put("type", word(name_of(side.type)));
  map.put("secret", Outline::of(side.secret.to_string()));
  return map;
}

Outline ppk(const PpkPlan& plan) {
  Outline map;
  map.put("mode", word(name_of(plan.mode)));
  Outline keys = Outline::list();
  for (const PpkKey& key : plan.keys) {
    Outline entry;
    entry.put("id", Outline::of(key.id));
    entry.put("secret", Outline::of(key.secret.to_string()));
    keys.add(std::move(entry));
  }
  map.put("keys", std::move(keys));
  return map;
}

Outline liveness(const Liveness& plan) {
  Outline map;
  map.put("delay", duration(plan.delay));
  map.put("timeout", duration(plan.timeout));
  map.put("action", word(name_of(plan.action)));
  return map;
}

Outline child_outline(const ChildPlan& child) {
  Outline map;
  map.put("name", Outline::of(child.name));
  map.put("owner", Outline::of(child.owner.to_string()));
  map.put("enforcement", word(name_of(child.enforcement)));
  map.put("mode", word(name_of(child.mode)));
  Outline rules = Outline::list();
  for (const CoverRule& rule : child.rules) {
    Outline entry;
    entry.put("traffic", Outline::of(rule.selector.to_string()));
    entry.put("precedence", number(rule.precedence));
    rules.add(std::move(entry));
  }
  map.put("rules", std::move(rules));
  map.put("localSelectors", texts(child.local_ts));
  map.put("remoteSelectors", texts(child.remote_ts));
  map.put("narrowing", flag(child.narrowing));
  map.put("proposals", texts(child.esp_proposals));
  map.put("pfs", flag(child.pfs));
  map.put("esn", word(name_of(child.esn)));
  map.put("lifetime", duration(child.lifetime));
  map.put("replayWindow", number(child.replay_window));
  map.put("establish", word(name_of(child.establish)));
  if (child.idle_timeout) map.put("idleTimeout", duration(*child.idle_timeout));
  map.put("onNegotiation", word(name_of(child.on_negotiation)));
  map.put("onFailure", word(name_of(child.on_failure)));
  map.put("offload", word(name_of(child.offload)));
  return map;
}

Outline connection_outline(const ConnectionPlan& connection) {
  Outline map;
  map.put("name", Outline::of(connection.name));
  map.put("peer", Outline::of(connection.peer));
  map.put("owner", Outline::of(connection.owner.to_string()));
  if (connection.local_address)
    map.put("localAddress", Outline::of(connection.local_address->to_string()));
  map.put("remoteAddresses", texts(connection.remote_addresses));
  map.put("remoteBlocks", texts(connection.remote_blocks));
  map.put("localIdentity", Outline::of(connection.local_identity));
  if (connection.remote_identity)
    map.put("remoteIdentity", Outline::of(*connection.remote_identity));
  map.put("localAuthentication", auth(connection.local));
  map.put("remoteAuthentication", auth(connection.remote));
  map.put("ppk", ppk(connection.ppk));
  map.put("proposals", texts(connection.ike_proposals));
  map.put("lifetime", duration(connection.ike_lifetime));
  map.put("fragmentation", flag(connection.fragmentation));
  map.put("initiate", word(name_of(connection.initiate)));
  map.put("udp", word(name_of(connection.udp)));
  map.put("liveness", liveness(connection.liveness));
  Outline children = Outline::list();
  for (const ChildPlan& child : connection.children) children.add(child_outline(child));
  map.put("children", std::move(children));
  return map;
}

}  // namespace

Outline rest_outline(const NodePlan& plan) {
  Outline map;
  map.put("node", Outline::of(plan.node));
  map.put("hash", Outline::of(plan.hash));
  map.put("addresses", texts(plan.addresses));
  map.put("podCIDRs", texts(plan.pod_cidrs));
  Outline notes = Outline::list();
  for (const PlanNote& note : plan.notes) {
    Outline entry;
    entry.put("kind", word(name_of(note.kind)));
    entry.put("about", Outline::of(note.about.to_string()));
    entry.put("text", Outline::of(note.text));
    notes.add(std::move(entry));
  }
  map.put("notes", std::move(notes));
  Outline bypass = Outline::list();
  for (const BypassRule& rule : plan.bypass) {
    Outline entry;
    entry.put("traffic", Outline::of(rule.selector.to_string()));
    entry.put("why", Outline::of(rule.why));
    entry.put("precedence", number(rule.precedence));
    bypass.add(std::move(entry));
  }
  map.put("bypass", std::move(bypass));
  return map;
}

Outline outline_of(const ConnectionPlan& connection) {
  return connection_outline(connection);
}

Outline outline_of(const NodePlan& plan) {
  Outline map = rest_outline(plan);
  Outline connections = Outline::list();
  for (const ConnectionPlan& connection : plan.connections) {
    connections.add(connection_outline(connection));
  }
  map.put("connections", std::move(connections));
  return map;
}

}  // namespace espalier::plan
