#include "nodeagent/rpc/messages.h"

#include <string>

namespace espalier::rpc {
namespace {

namespace v1 = agent::v1;
using telemetry::MaybeTime;
using telemetry::name_of;

std::string text(std::string_view view) {
  return std::string(view);
}

// `target` is a mutable_… call: absent stays absent.
template <typename Mutable>
void set_time(const MaybeTime& time, Mutable target) {
  if (time) target()->set_seconds(time->time_since_epoch().count());
}

void fill(v1::Traffic& out, const telemetry::Traffic& traffic) {
  out.set_bytes(traffic.bytes);
  out.set_packets(traffic.packets);
}

void fill(v1::Failure& out, const telemetry::Failure& failure) {
  out.mutable_at()->set_seconds(failure.at.time_since_epoch().count());
  out.set_side(text(name_of(failure.side)));
  out.set_reason(failure.reason);
  out.set_sentence(failure.sentence);
  out.set_what_to_do(failure.what_to_do);
}

void fill(v1::Child& out, const telemetry::ChildStatus& child) {
  out.set_name(child.name);
  out.set_state(text(name_of(child.state)));
  out.set_mode(text(name_of(child.mode)));
  out.set_spi_in(telemetry::esp_spi_text(child.spi_in));
  out.set_spi_out(telemetry::esp_spi_text(child.spi_out));
  out.set_reqid(child.reqid);
  out.set_local_selectors(child.local_selectors);
  out.set_remote_selectors(child.remote_selectors);
  out.set_esp_suite(child.esp_suite);
  out.set_esn(child.esn);
  out.set_offload(child.offload);
  set_time(child.established_at, [&] { return out.mutable_established_at(); });
  set_time(child.rekey_at, [&] { return out.mutable_rekey_at(); });
  set_time(child.last_used, [&] { return out.mutable_last_used(); });
  fill(*out.mutable_in(), child.in);
  fill(*out.mutable_out(), child.out);
}

void fill(v1::IkeSa& out, const telemetry::IkeSaStatus& ike) {
  out.set_spi_i(telemetry::ike_spi_text(ike.spi_i));
  out.set_spi_r(telemetry::ike_spi_text(ike.spi_r));
  out.set_role(text(name_of(ike.role)));
  set_time(ike.established_at, [&] { return out.mutable_established_at(); });
  set_time(ike.rekey_at, [&] { return out.mutable_rekey_at(); });
  out.set_suite(ike.suite);
  out.set_authentication(ike.authentication);
  out.set_ppk_id(ike.ppk_id);
  out.set_nat_local(ike.nat_local);
  out.set_nat_remote(ike.nat_remote);
  out.set_encapsulation(text(name_of(ike.encapsulation)));
}

void fill(v1::Connection& out, const telemetry::ConnectionStatus& connection) {
  out.set_name(connection.name);
  out.set_peer(connection.peer);
  out.set_owner(connection.owner);
  out.set_enforcement(text(name_of(connection.enforcement)));
  out.set_state(text(name_of(connection.state)));
  out.set_blocking(connection.blocking);
  out.set_released(connection.released);
  out.set_local(connection.local.to_string());
  out.set_remote(connection.remote.to_string());
  out.set_local_identity(connection.local_identity);
  out.set_remote_identity(connection.remote_identity);
  if (connection.ike_sa) fill(*out.mutable_ike_sa(), *connection.ike_sa);
  for (const auto& child : connection.children) fill(*out.add_children(), child);
  if (connection.last_failure) fill(*out.mutable_last_failure(), *connection.last_failure);
  set_time(connection.retry_at, [&] { return out.mutable_retry_at(); });
  v1::ConnectionCounters& counters = *out.mutable_counters();
  counters.set_handshakes(connection.counters.handshakes);
  counters.set_handshake_failures(connection.counters.handshake_failures);
  counters.set_ike_rekeys(connection.counters.ike_rekeys);
  counters.set_child_rekeys(connection.counters.child_rekeys);
  counters.set_rekey_failures(connection.counters.rekey_failures);
  counters.set_retransmits(connection.counters.retransmits);
  counters.set_liveness_lost(connection.counters.liveness_lost);
}

void fill(v1::Plan& out, const telemetry::PlanStatus& plan) {
  out.set_hash(plan.hash);
  out.set_applied(plan.applied);
  set_time(plan.applied_at, [&] { return out.mutable_applied_at(); });
  out.set_applied_hash(plan.applied_hash);
  for (const auto& problem : plan.problems) {
    v1::Problem& to = *out.add_problems();
    to.set_file(problem.file);
    to.set_line(problem.line);
    to.set_field(problem.field);
    to.set_message(problem.message);
  }
}

void fill(v1::Kernel& out, const telemetry::KernelStatus& kernel) {
  out.set_esp(kernel.esp);
  out.set_esp_error(kernel.esp_error);
  out.set_release(kernel.release);
  for (const auto& capability : kernel.capabilities) {
    v1::Capability& to = *out.add_capabilities();
    to.set_name(capability.name);
    to.set_available(capability.available);
    to.set_detail(capability.detail);
  }
  for (const auto& count : kernel.policies) {
    v1::PolicyCount& to = *out.add_policies();
    to.set_direction(text(name_of(count.direction)));
    to.set_expected(count.expected);
    to.set_present(count.present);
  }
  for (const auto& row : kernel.xfrm_stat) {
    v1::NamedCount& to = *out.add_xfrm_stat();
    to.set_name(row.name);
    to.set_value(row.value);
  }
  for (const auto& count : kernel.plaintext) {
    v1::PlaintextCount& to = *out.add_plaintext();
    to.set_direction(text(name_of(count.direction)));
    to.set_family(count.family == IpFamily::kV4 ? "ipv4" : "ipv6");
    fill(*to.mutable_blocked(), count.blocked);
    fill(*to.mutable_passed(), count.passed);
  }
  out.set_repairs(kernel.repairs);
}

void fill(v1::Engine& out, const telemetry::EngineStatus& engine) {
  out.set_messages_in(engine.messages_in);
  out.set_messages_out(engine.messages_out);
  out.set_retransmits_out(engine.retransmits_out);
  out.set_half_open(engine.half_open);
  out.set_crypto_backlog(engine.crypto_backlog);
  for (const auto& event : engine.events) {
    v1::NamedCount& to = *out.add_events();
    to.set_name(event.name);
    to.set_value(event.value);
  }
}

void fill(v1::Released& out, const telemetry::Release& release) {
  out.set_name(release.name);
  out.set_in_clear(release.in_clear);
  out.set_why(release.why);
  out.mutable_since()->set_seconds(release.since.time_since_epoch().count());
  for (const auto& connection : release.connections) out.add_connections(connection);
}

std::string_view name_of_outcome(Outcome outcome) {
  switch (outcome) {
    case Outcome::kTaken:
      return "Taken";
    case Outcome::kReached:
      return "Reached";
    case Outcome::kFailed:
      return "Failed";
    case Outcome::kTimedOut:
      return "TimedOut";
  }
  return "Unknown";
}

}  // namespace

bool is_meant(const telemetry::ConnectionStatus& connection, std::string_view name) {
  return name.empty() || connection.name == name || connection.peer == name ||
         telemetry::is_owner_name(connection.owner, name);
}

void fill(v1::StatusResponse& out, const telemetry::Snapshot& snapshot, std::string_view name) {
  v1::AgentInfo& agent = *out.mutable_agent();
  agent.set_node(snapshot.node);
  agent.set_version(snapshot.version);
  agent.mutable_at()->set_seconds(snapshot.at.time_since_epoch().count());
  agent.mutable_started_at()->set_seconds(snapshot.started_at.time_since_epoch().count());
  fill(*out.mutable_plan(), snapshot.plan);
  fill(*out.mutable_kernel(), snapshot.kernel);
  fill(*out.mutable_engine(), snapshot.engine);
  for (const auto& connection : snapshot.connections) {
    if (is_meant(connection, name)) fill(*out.add_connections(), connection);
  }
  for (const auto& certificate : snapshot.certificates) {
    v1::Certificate& to = *out.add_certificates();
    to.set_role(certificate.role);
    to.set_name(certificate.name);
    to.set_subject(certificate.subject);
    to.set_issuer(certificate.issuer);
    for (const auto& san : certificate.san) to.add_san(san);
    to.mutable_not_before()->set_seconds(certificate.not_before.time_since_epoch().count());
    to.mutable_not_after()->set_seconds(certificate.not_after.time_since_epoch().count());
  }
  for (const auto& release : snapshot.releases) fill(*out.add_releases(), release);
}

void fill(v1::TrafficStatusResponse& out, const telemetry::Snapshot& snapshot,
          std::string_view name) {
  out.mutable_at()->set_seconds(snapshot.at.time_since_epoch().count());
  for (const auto& connection : snapshot.connections) {
    if (!is_meant(connection, name)) continue;
    for (const auto& child : connection.children) {
      if (child.spi_in == 0 && child.spi_out == 0) continue;  // a trap carries nothing
      v1::ChildTraffic& to = *out.add_children();
      to.set_connection(connection.name);
      to.set_peer(connection.peer);
      fill(*to.mutable_child(), child);
      for (const auto& totals : connection.totals) {
        if (totals.child != child.name) continue;
        fill(*to.mutable_total_in(), totals.in);
        fill(*to.mutable_total_out(), totals.out);
      }
    }
  }
}

void fill(v1::ExplainResponse& out, const std::vector<telemetry::Explanation>& explanations) {
  for (const auto& explanation : explanations) {
    const telemetry::CoverageRule& rule = explanation.rule;
    v1::Explanation& to = *out.add_explanations();
    to.set_sentence(explanation.sentence);
    to.set_wins(explanation.wins);
    to.set_connection(rule.connection);
    to.set_child(rule.child);
    to.set_owner(rule.owner);
    to.set_enforcement(text(name_of(rule.enforcement)));
    to.set_local(rule.local.to_string());
    to.set_remote(rule.remote.to_string());
    to.set_protocol(rule.protocol);
    to.set_port(rule.port);
    to.set_reason(rule.reason);
    to.set_released(rule.released);
    if (rule.connection.empty()) continue;
    to.set_state(text(name_of(explanation.state)));
    to.set_child_state(text(name_of(explanation.child_state)));
  }
}

void fill(v1::VerifyResponse& out, const std::vector<telemetry::Check>& checks) {
  for (const auto& check : checks) {
    v1::Check& to = *out.add_checks();
    to.set_name(check.name);
    to.set_verdict(text(name_of(check.verdict)));
    to.set_finding(check.finding);
    to.set_what_to_do(check.what_to_do);
  }
  out.set_verdict(text(name_of(telemetry::worst(checks))));
}

void fill(v1::ReleaseResponse& out, const ReleaseOutcome& outcome) {
  for (const auto& release : outcome.releases) fill(*out.add_releases(), release);
  for (const auto& name : outcome.ended) out.add_ended(name);
  out.set_not_kept(outcome.not_kept);
}

void fill(v1::CommandResult& out, const CommandOutcome& outcome) {
  out.set_connection(outcome.connection);
  out.set_state(text(name_of(outcome.state)));
  out.set_outcome(text(name_of_outcome(outcome.outcome)));
  if (outcome.failure) fill(*out.mutable_failure(), *outcome.failure);
}

}  // namespace espalier::rpc
