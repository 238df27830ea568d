#include "nodeagent/tunnel/status.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "nodeagent/tunnel/connection_status.h"
#include "nodeagent/tunnel/core.h"

namespace espalier::tunnel {

namespace {

Views views_of(const ike::Engine& engine) {
  Views views;
  engine.each_ike_sa(
      [&](const ike::IkeSaView& view) { views.by_connection[view.connection].push_back(view); });
  engine.each_child_sa(
      [&](const ike::ChildSaView& view) { views.children.emplace(view.info.id, view); });
  return views;
}

telemetry::PlanStatus plan_status(const Core& core, const Dates& dates) {
  telemetry::PlanStatus status;
  if (!core.planned) return status;
  status.hash = core.plan->hash;
  status.applied_hash = core.plan->hash;
  const auto troubles = core.policies.troubles();
  status.applied = troubles.empty();
  status.applied_at = dates.at(core.planned_at);
  for (const auto& trouble : troubles) {
    telemetry::Problem problem;
    problem.field = trouble.group.empty() ? "exemptions" : "connection " + trouble.group;
    problem.message = trouble.policy.to_string() + ": " + trouble.text;
    status.problems.push_back(std::move(problem));
  }
  for (const auto& policy : core.groups.left_out()) {
    status.applied = false;
    status.problems.push_back(
        {"", 0, "IPsecPolicy " + policy,
         fmt::format(
             "selects pods as {} other policies of this node do, which is as many as can be "
             "told apart: what it requires is required of all pods, and it lets nothing "
             "pass in clear",
             core.groups.all().size())});
  }
  if (core.journal_error) {
    status.problems.push_back({"", 0, "journal", core.journal_error->to_string()});
  }
  if (core.guard_error) {
    // Without the marks the pods are not told apart.
    if (!core.groups.all().empty()) status.applied = false;
    status.problems.push_back({"", 0, "clear traffic guard", core.guard_error->to_string()});
  }
  return status;
}

telemetry::KernelStatus kernel_status(const Core& core) {
  telemetry::KernelStatus status;
  const std::pair<dataplane::Direction, telemetry::Direction> directions[] = {
      {dataplane::Direction::kIn, telemetry::Direction::kIn},
      {dataplane::Direction::kOut, telemetry::Direction::kOut},
      {dataplane::Direction::kForward, telemetry::Direction::kForward}};
  for (const auto& [ours, theirs] : directions) {
    const auto count = core.policies.count(ours);
    status.policies.push_back({theirs, count.expected, count.present});
  }
  telemetry::StateCount in{telemetry::Direction::kIn, "none", 0};
  telemetry::StateCount out{telemetry::Direction::kOut, "none", 0};
  for (const auto& [id, ref] : core.sas) ++(ref.inbound ? in : out).count;
  status.states = {in, out};
  status.repairs = core.repairs;
  status.plaintext = core.plaintext;
  return status;
}

telemetry::EngineStatus engine_status(const Core& core) {
  telemetry::EngineStatus status;
  const ike::EngineCounters counters = core.engine.counters();
  status.messages_in = counters.datagrams_in;
  status.messages_out = counters.datagrams_out;
  status.retransmits_out = counters.retransmits;
  status.half_open = static_cast<std::uint32_t>(counters.half_open);
  status.crypto_backlog = static_cast<std::uint32_t>(counters.crypto_in_flight);
  for (const auto& [end, count] : counters.exchanges)
    status.exchanges.push_back({std::string(end.first), std::string(end.second), count});
  status.handshake_seconds = core.handshake_seconds;
  status.events = {{"duplicates", counters.duplicates},
                   {"invalid_messages", counters.invalid_messages},
                   {"unknown_spi", counters.unknown_spi},
                   {"cookies_sent", counters.cookies_sent},
                   {"ike_sas_established", counters.ike_sas_established},
                   {"ike_sas_rekeyed", counters.ike_sas_rekeyed},
                   {"ike_sas_failed", counters.ike_sas_failed},
                   {"child_sas_established", counters.child_sas_established},
                   {"child_sas_rekeyed", counters.child_sas_rekeyed},
                   {"child_sas_failed", counters.child_sas_failed},
                   {"peers_lost", counters.peers_lost}};
  return status;
}

telemetry::CoverageRule coverage(const plan::Selector& selector) {
  telemetry::CoverageRule rule;
  rule.local = selector.local;
  rule.remote = selector.remote;
  rule.protocol = selector.protocol;
  rule.port = selector.remote_port != 0 ? selector.remote_port : selector.local_port;
  rule.pods = selector.pods;
  return rule;
}

// Most decisive first.
std::vector<telemetry::CoverageRule> coverage_of(const plan::NodePlan& plan,
                                                 const PodGroups& groups) {
  std::vector<std::pair<std::uint32_t, telemetry::CoverageRule>> rules;
  const auto order_of = [&](const plan::Selector& selector, plan::Precedence precedence) {
    return scope_of(selector, precedence, true, groups).order;
  };
  for (const auto& bypass : plan.bypass) {
    telemetry::CoverageRule rule = coverage(bypass.selector);
    rule.enforcement = telemetry::Enforcement::kBypass;
    rule.reason = bypass.why;
    rules.emplace_back(order_of(bypass.selector, bypass.precedence), std::move(rule));
  }
  for (const auto& connection : plan.connections) {
    for (const auto& child : connection.children) {
      for (const auto& cover : child.rules) {
        telemetry::CoverageRule rule = coverage(cover.selector);
        rule.connection = connection.name;
        rule.child = child.name;
        rule.owner = owner_name(child.owner);
        rule.enforcement = child.enforcement == plan::Enforcement::kRequired
                               ? telemetry::Enforcement::kRequired
                               : telemetry::Enforcement::kPreferred;
        rules.emplace_back(order_of(cover.selector, cover.precedence), std::move(rule));
      }
    }
  }
  std::stable_sort(rules.begin(), rules.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<telemetry::CoverageRule> result;
  result.reserve(rules.size());
  for (auto& [order, rule] : rules) result.push_back(std::move(rule));
  return result;
}

void add_certificates(const Credentials& credentials,
                      std::vector<telemetry::CertificateStatus>& result) {
  const auto add = [&](const char* role, const std::string& name,
                       const ike::crypto::CertificateInfo& info) {
    result.push_back(
        {role, name, info.subject, info.issuer, info.sans, info.not_before, info.not_after});
  };
  for (const auto& [name, own] : credentials.certificates()) {
    if (own) add("node", name, own->info);
  }
  for (const auto& [name, trust] : credentials.trusts()) {
    if (!trust) continue;
    for (const auto& anchor : trust->anchors) add("trust", name, anchor);
  }
}

}  // namespace

telemetry::Snapshot snapshot_of(const Core& core, TimePoint now, WallTime wall) {
  const Dates dates(now, wall);
  const Views views = views_of(core.engine);
  telemetry::Snapshot snapshot;
  snapshot.at = wall;
  if (core.plan) {
    snapshot.node = core.plan->node;
    snapshot.coverage = coverage_of(*core.plan, core.groups);
    snapshot.selected_pods = core.pods;
  }
  snapshot.plan = plan_status(core, dates);
  snapshot.kernel = kernel_status(core);
  snapshot.engine = engine_status(core);
  for (const auto& [id, link] : core.links) {
    auto status = connection_status(*link, views, dates);
    const std::string& group = link->parent == 0 ? link->name : core.links.at(link->parent)->name;
    status.blocking =
        status.enforcement == telemetry::Enforcement::kRequired && core.policies.stands(group);
    snapshot.connections.push_back(std::move(status));
  }
  std::sort(snapshot.connections.begin(), snapshot.connections.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  if (core.credentials) add_certificates(*core.credentials, snapshot.certificates);
  return snapshot;
}

}  // namespace espalier::tunnel
