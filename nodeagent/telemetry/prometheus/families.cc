#include "nodeagent/telemetry/prometheus/families.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

#include "nodeagent/telemetry/health.h"
#include "nodeagent/telemetry/prometheus/family.h"

namespace espalier::telemetry {
namespace {

using Build = FamilyBuilder;

constexpr std::array kConnectionStates = {
    ConnectionState::kDown,        ConnectionState::kTrapped,  ConnectionState::kConnecting,
    ConnectionState::kEstablished, ConnectionState::kRekeying, ConnectionState::kOutdated,
    ConnectionState::kAdopted,     ConnectionState::kWaiting,  ConnectionState::kBlocked};
constexpr std::array kChildStates = {ChildState::kUp, ChildState::kTrap, ChildState::kDown,
                                     ChildState::kDraining, ChildState::kAdopted};

std::string_view family_name(IpFamily family) {
  return family == IpFamily::kV4 ? "ipv4" : "ipv6";
}

// "XfrmInNoStates" counts what came in; the kernel has four prefixes.
std::string_view direction_of_row(std::string_view row) {
  if (row.starts_with("XfrmIn")) return "in";
  if (row.starts_with("XfrmOut")) return "out";
  if (row.starts_with("XfrmFwd")) return "fwd";
  return "other";
}

void agent(const Snapshot& snapshot, const Families::Visit& visit) {
  auto build = Build::gauge("ipsec_build_info", "The program's version, in a label.");
  build.add({{"version", snapshot.version}}, true);
  visit(build.family());

  auto started = Build::gauge("ipsec_agent_start_timestamp_seconds", "When the agent started.");
  started.add({}, snapshot.started_at);
  visit(started.family());

  auto taken = Build::gauge("ipsec_snapshot_timestamp_seconds",
                            "When the agent's loop said what follows; old: the loop is stuck.");
  taken.add({}, snapshot.at);
  visit(taken.family());

  auto ready = Build::gauge("ipsec_node_ready", "1 when the node is ready, as /readyz says.");
  ready.add({}, not_ready(snapshot).empty());
  visit(ready.family());

  // These two have the names that every Prometheus client library gives them.
  auto cpu = Build::counter("process_cpu_seconds_total", "User and system processor time.");
  cpu.add({}, snapshot.process.cpu_seconds);
  visit(cpu.family());
  auto resident = Build::gauge("process_resident_memory_bytes", "Resident memory.");
  resident.add({}, snapshot.process.resident_bytes);
  visit(resident.family());

  auto busy = Build::counter("ipsec_agent_busy_seconds_total",
                             "Processor time by kind of work; what is missing to "
                             "process_cpu_seconds_total is everything else.");
  for (const BusySeconds& each : snapshot.process.busy)
    busy.add({{"work", each.work}}, each.seconds);
  visit(busy.family());
}

void plan(const PlanStatus& plan, const Families::Visit& visit) {
  auto info = Build::gauge("ipsec_plan_info", "The newest plan and the one in force, by hash.");
  info.add({{"hash", plan.hash}, {"applied_hash", plan.applied_hash}}, true);
  visit(info.family());

  auto applied = Build::gauge("ipsec_plan_applied", "1 when the newest plan is in force.");
  applied.add({}, plan.applied && plan.hash == plan.applied_hash);
  visit(applied.family());

  auto at = Build::gauge("ipsec_plan_applied_timestamp_seconds", "Since when a plan is in force.");
  if (plan.applied_at) at.add({}, *plan.applied_at);
  visit(at.family());

  auto took = Build::histogram("ipsec_policy_apply_duration_seconds",
                               "From a plan to all of its steps in the kernel.");
  took.add({}, plan.apply_seconds);
  visit(took.family());

  auto problems = Build::gauge("ipsec_plan_problems", "Errors in the manifests or the plan.");
  problems.add({}, plan.problems.size());
  visit(problems.family());
}

void releases(const std::vector<Release>& releases, const Families::Visit& visit) {
  auto build = Build::gauge("ipsec_releases",
                            "What somebody opened by hand (espalierctl release); 0: nothing.");
  build.add({}, std::uint64_t{releases.size()});
  visit(build.family());
}

void kernel(const KernelStatus& kernel, const Families::Visit& visit) {
  auto capability = Build::gauge("ipsec_kernel_capability", "1 when the kernel has it.");
  capability.add({{"capability", "ESP"}}, kernel.esp);
  for (const Capability& each : kernel.capabilities) {
    capability.add({{"capability", each.name}}, each.available);
  }
  visit(capability.family());

  auto errors = Build::counter("ipsec_xfrm_errors_total",
                               "Rows of /proc/net/xfrm_stat; reason is the kernel's name.");
  for (const XfrmStat& row : kernel.xfrm_stat) {
    errors.add({{"direction", direction_of_row(row.name)}, {"reason", row.name}}, row.value);
  }
  visit(errors.family());

  auto states = Build::gauge("ipsec_xfrm_states", "The agent's SAs in the kernel.");
  for (const StateCount& each : kernel.states) {
    states.add({{"direction", name_of(each.direction)}, {"offload", each.offload}},
               std::uint64_t{each.count});
  }
  visit(states.family());

  auto present = Build::gauge("ipsec_xfrm_policies", "The agent's policies in the kernel.");
  auto expected =
      Build::gauge("ipsec_xfrm_policies_expected", "The policies that the plan asks for.");
  for (const PolicyCount& each : kernel.policies) {
    present.add({{"direction", name_of(each.direction)}}, std::uint64_t{each.present});
    expected.add({{"direction", name_of(each.direction)}}, std::uint64_t{each.expected});
  }
  visit(present.family());
  visit(expected.family());

  auto repairs = Build::counter("ipsec_kernel_repairs_total",
                                "Own objects found missing or changed, and set right.");
  repairs.add({}, kernel.repairs);
  visit(repairs.family());
}

void plaintext(const KernelStatus& kernel, const Families::Visit& visit) {
  const auto tell = [&](const char* name, const char* help, auto value) {
    auto build = Build::counter(name, help);
    for (const PlaintextCount& each : kernel.plaintext) {
      build.add({{"direction", name_of(each.direction)}, {"family", family_name(each.family)}},
                value(each));
    }
    visit(build.family());
  };
  tell("ipsec_plaintext_blocked_packets_total",
       "Clear packets dropped where the plan requires ESP.",
       [](const PlaintextCount& each) { return each.blocked.packets; });
  tell("ipsec_plaintext_blocked_bytes_total", "Octets of the clear packets that were dropped.",
       [](const PlaintextCount& each) { return each.blocked.bytes; });
  tell("ipsec_plaintext_passed_packets_total",
       "Clear packets let through where the plan prefers ESP.",
       [](const PlaintextCount& each) { return each.passed.packets; });
  tell("ipsec_plaintext_passed_bytes_total", "Octets of the clear packets that were let through.",
       [](const PlaintextCount& each) { return each.passed.bytes; });
}

void engine(const EngineStatus& engine, const Families::Visit& visit) {
  auto messages = Build::counter("ipsec_ike_messages_total", "IKE datagrams.");
  messages.add({{"direction", "in"}}, engine.messages_in);
  messages.add({{"direction", "out"}}, engine.messages_out);
  visit(messages.family());

  auto retransmits = Build::counter("ipsec_ike_retransmits_total", "IKE requests sent again.");
  retransmits.add({}, engine.retransmits_out);
  visit(retransmits.family());

  auto half_open = Build::gauge("ipsec_ike_half_open", "Handshakes before IKE_AUTH, as responder.");
  half_open.add({}, std::uint64_t{engine.half_open});
  visit(half_open.family());

  auto backlog = Build::gauge("ipsec_ike_crypto_backlog", "Public-key jobs that wait or run.");
  backlog.add({}, std::uint64_t{engine.crypto_backlog});
  visit(backlog.family());

  auto exchanges = Build::counter("ipsec_ike_exchanges_total", "Exchanges by how they ended.");
  for (const ExchangeCount& each : engine.exchanges) {
    exchanges.add({{"exchange", each.exchange}, {"result", each.result}}, each.count);
  }
  visit(exchanges.family());

  auto events = Build::counter("ipsec_ike_events_total", "What else the IKE engine counts.");
  for (const NamedCount& each : engine.events) events.add({{"event", each.name}}, each.value);
  visit(events.family());

  auto handshakes = Build::histogram("ipsec_ike_handshake_duration_seconds",
                                     "From the first IKE_SA_INIT to the IKE SA.");
  handshakes.add({}, engine.handshake_seconds);
  visit(handshakes.family());
}

// A peer is as good as the worst of its connections.
int badness(ConnectionState state) {
  switch (state) {
    case ConnectionState::kEstablished:
      return 0;
    case ConnectionState::kRekeying:
      return 1;
    case ConnectionState::kTrapped:
      return 2;
    case ConnectionState::kConnecting:
      return 3;
    case ConnectionState::kDown:
      return 4;
    case ConnectionState::kOutdated:
      return 5;
    case ConnectionState::kAdopted:
      return 6;
    case ConnectionState::kWaiting:
      return 7;
    case ConnectionState::kBlocked:
      return 8;
  }
  return 8;
}

void states(const Snapshot& snapshot, const Families::Visit& visit) {
  std::map<ConnectionState, std::uint64_t> connections;
  std::map<ChildState, std::uint64_t> children;
  std::map<std::string_view, ConnectionState> worst;
  std::map<std::pair<std::string_view, std::string_view>, std::uint64_t> offloads;
  std::map<ConnectionState, std::uint64_t> ike_sas;
  for (const ConnectionStatus& connection : snapshot.connections) {
    ++connections[connection.state];
    if (connection.ike_sa) ++ike_sas[connection.state];
    const auto known = worst.try_emplace(connection.peer, connection.state).first;
    if (badness(connection.state) > badness(known->second)) known->second = connection.state;
    for (const ChildStatus& child : connection.children) {
      ++children[child.state];
      const std::string_view offload = child.offload;  // "crypto eth0"
      const std::size_t blank = offload.find(' ');
      if (blank == std::string_view::npos) continue;
      ++offloads[{offload.substr(blank + 1), offload.substr(0, blank)}];
    }
  }
  std::map<ConnectionState, std::uint64_t> peers;
  for (const auto& peer : worst) ++peers[peer.second];

  auto of_connections = Build::gauge("ipsec_connections", "Connections of the plan by state.");
  auto of_peers = Build::gauge("ipsec_peers", "Peers by the state of their worst connection.");
  for (const ConnectionState state : kConnectionStates) {
    of_connections.add({{"state", name_of(state)}}, connections[state]);
    of_peers.add({{"state", name_of(state)}}, peers[state]);
  }
  visit(of_connections.family());
  visit(of_peers.family());

  auto of_ike = Build::gauge("ipsec_ike_sas", "IKE SAs that stand, by state.");
  for (const ConnectionState state :
       {ConnectionState::kEstablished, ConnectionState::kRekeying, ConnectionState::kOutdated}) {
    of_ike.add({{"state", name_of(state)}}, ike_sas[state]);
  }
  visit(of_ike.family());

  auto of_children = Build::gauge("ipsec_child_sas", "Child SAs (and traps) by state.");
  for (const ChildState state : kChildStates) {
    of_children.add({{"state", name_of(state)}}, children[state]);
  }
  visit(of_children.family());

  auto of_offload = Build::gauge("ipsec_offload_active", "Child SAs that a device carries.");
  for (const auto& [where, count] : offloads) {
    of_offload.add({{"device", where.first}, {"mode", where.second}}, count);
  }
  visit(of_offload.family());

  auto expiry = Build::gauge("ipsec_certificate_expiry_timestamp_seconds",
                             "When a certificate of this node ends.");
  for (const CertificateStatus& each : snapshot.certificates) {
    expiry.add({{"role", each.role}, {"name", each.name}}, each.not_after);
  }
  visit(expiry.family());
}

constexpr const char* kBytesName = "ipsec_traffic_bytes_total";
constexpr const char* kBytesHelp = "Octets that child SAs carried, before encryption.";
constexpr const char* kPacketsName = "ipsec_traffic_packets_total";
constexpr const char* kPacketsHelp = "Packets that child SAs carried.";
constexpr const char* kReplayName = "ipsec_replay_window_drops_total";
constexpr const char* kReplayHelp = "Packets that came twice, or too late for the replay window.";
constexpr const char* kIntegrityName = "ipsec_integrity_failures_total";
constexpr const char* kIntegrityHelp = "Packets that were not the peer's, or not as it sent them.";
constexpr const char* kHandshakesName = "ipsec_handshakes_total";
constexpr const char* kHandshakesHelp = "Attempts to establish an IKE SA, by result.";
constexpr const char* kRekeysName = "ipsec_rekeys_total";
constexpr const char* kRekeysHelp = "Rekeys of IKE SAs and child SAs that succeeded.";
constexpr const char* kRekeyFailuresName = "ipsec_rekey_failures_total";
constexpr const char* kRekeyFailuresHelp = "Rekeys of IKE SAs and child SAs that failed.";
constexpr const char* kLostName = "ipsec_peer_lost_total";
constexpr const char* kLostHelp = "How often a peer no longer answered.";

void per_peer(const Snapshot& snapshot, const Families::Visit& visit) {
  const auto traffic = [&](const char* name, const char* help, auto value) {
    auto build = Build::counter(name, help);
    for (const ConnectionStatus& connection : snapshot.connections) {
      for (const ChildTotals& child : connection.totals) {
        for (const auto& [direction, moved] : {std::pair{"in", &child.in}, {"out", &child.out}}) {
          build.add({{"peer", connection.peer},
                     {"connection", connection.name},
                     {"child", child.child},
                     {"direction", direction}},
                    value(*moved));
        }
      }
    }
    visit(build.family());
  };
  traffic(kBytesName, kBytesHelp, [](const Traffic& moved) { return moved.bytes; });
  traffic(kPacketsName, kPacketsHelp, [](const Traffic& moved) { return moved.packets; });

  auto replayed = Build::counter(kReplayName, kReplayHelp);
  auto damaged = Build::counter(kIntegrityName, kIntegrityHelp);
  for (const ConnectionStatus& connection : snapshot.connections) {
    for (const ChildTotals& child : connection.totals) {
      const Build::Labels labels = {
          {"peer", connection.peer}, {"connection", connection.name}, {"child", child.child}};
      replayed.add(labels, child.drops.replay);
      damaged.add(labels, child.drops.integrity);
    }
  }
  visit(replayed.family());
  visit(damaged.family());

  auto up = Build::gauge("ipsec_peer_up", "1 when the connection has its SAs or its traps.");
  auto handshakes = Build::counter(kHandshakesName, kHandshakesHelp);
  auto rekeys = Build::counter(kRekeysName, kRekeysHelp);
  auto rekey_failures = Build::counter(kRekeyFailuresName, kRekeyFailuresHelp);
  auto lost = Build::counter(kLostName, kLostHelp);
  for (const ConnectionStatus& connection : snapshot.connections) {
    const std::string_view peer = connection.peer;
    const std::string_view name = connection.name;
    const ConnectionCounters& counters = connection.counters;
    up.add({{"peer", peer}, {"connection", name}}, badness(connection.state) <= 2);
    handshakes.add({{"peer", peer}, {"connection", name}, {"result", "ok"}}, counters.handshakes);
    handshakes.add({{"peer", peer}, {"connection", name}, {"result", "failed"}},
                   counters.handshake_failures);
    rekeys.add({{"peer", peer}, {"connection", name}, {"kind", "ike"}}, counters.ike_rekeys);
    rekeys.add({{"peer", peer}, {"connection", name}, {"kind", "child"}}, counters.child_rekeys);
    rekey_failures.add({{"peer", peer}, {"connection", name}}, counters.rekey_failures);
    lost.add({{"peer", peer}, {"connection", name}}, counters.liveness_lost);
  }
  visit(up.family());
  visit(handshakes.family());
  visit(rekeys.family());
  visit(rekey_failures.family());
  visit(lost.family());
}

void per_node(const ConnectionSums::Counts& sums, const Families::Visit& visit) {
  const auto traffic = [&](const char* name, const char* help, auto value) {
    auto build = Build::counter(name, help);
    for (const auto& [child, moved] : sums.in) {
      build.add({{"child", child}, {"direction", "in"}}, value(moved));
    }
    for (const auto& [child, moved] : sums.out) {
      build.add({{"child", child}, {"direction", "out"}}, value(moved));
    }
    visit(build.family());
  };
  traffic(kBytesName, kBytesHelp, [](const Traffic& moved) { return moved.bytes; });
  traffic(kPacketsName, kPacketsHelp, [](const Traffic& moved) { return moved.packets; });

  auto replayed = Build::counter(kReplayName, kReplayHelp);
  auto damaged = Build::counter(kIntegrityName, kIntegrityHelp);
  for (const auto& [child, drops] : sums.drops) {
    replayed.add({{"child", child}}, drops.replay);
    damaged.add({{"child", child}}, drops.integrity);
  }
  visit(replayed.family());
  visit(damaged.family());

  const ConnectionCounters& counters = sums.counters;
  auto handshakes = Build::counter(kHandshakesName, kHandshakesHelp);
  handshakes.add({{"result", "ok"}}, counters.handshakes);
  handshakes.add({{"result", "failed"}}, counters.handshake_failures);
  visit(handshakes.family());
  auto rekeys = Build::counter(kRekeysName, kRekeysHelp);
  rekeys.add({{"kind", "ike"}}, counters.ike_rekeys);
  rekeys.add({{"kind", "child"}}, counters.child_rekeys);
  visit(rekeys.family());
  auto rekey_failures = Build::counter(kRekeyFailuresName, kRekeyFailuresHelp);
  rekey_failures.add({}, counters.rekey_failures);
  visit(rekey_failures.family());
  auto lost = Build::counter(kLostName, kLostHelp);
  lost.add({}, counters.liveness_lost);
  visit(lost.family());
}

}  // namespace

void Families::for_each(const Snapshot& snapshot, const Visit& visit) {
  agent(snapshot, visit);
  plan(snapshot.plan, visit);
  releases(snapshot.releases, visit);
  kernel(snapshot.kernel, visit);
  plaintext(snapshot.kernel, visit);
  engine(snapshot.engine, visit);
  states(snapshot, visit);
  if (peers_ == PeerSeries::kOn) {
    per_peer(snapshot, visit);
  } else {
    per_node(sums_.take(snapshot), visit);
  }
}

}  // namespace espalier::telemetry
