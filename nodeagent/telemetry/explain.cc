#include "nodeagent/telemetry/explain.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

namespace espalier::telemetry {
namespace {

const ConnectionStatus* find_connection(const Snapshot& snapshot, std::string_view name) {
  for (const ConnectionStatus& connection : snapshot.connections) {
    if (connection.name == name) return &connection;
  }
  return nullptr;
}

ChildState state_of_child(const ConnectionStatus& connection, std::string_view name) {
  ChildState best = ChildState::kDown;
  for (const ChildStatus& child : connection.children) {
    if (child.name != name) continue;
    if (child.state == ChildState::kUp) return child.state;
    if (best == ChildState::kDown) best = child.state;
  }
  return best;
}

bool is_named(const CoverageRule& rule, const ConnectionStatus* connection,
              std::string_view query) {
  return rule.connection == query || rule.child == query || is_owner_name(rule.owner, query) ||
         (connection != nullptr && connection->peer == query);
}

// "From anywhere" says nothing about an address of this node.
bool speaks_of(const CoverageRule& rule, const IpAddress& address) {
  return rule.remote.contains(address) || (rule.local.length() > 0 && rule.local.contains(address));
}

bool is_selected(const CoverageRule& rule, const Snapshot& snapshot, const IpAddress& address) {
  if (!snapshot.selected_pods) return true;
  const auto pods = snapshot.selected_pods->find(rule.pods);
  return pods != snapshot.selected_pods->end() &&
         std::binary_search(pods->second.begin(), pods->second.end(), address);
}

std::string protocol_text(const CoverageRule& rule) {
  if (rule.protocol == 0) return "";
  // IANA's protocol numbers.
  const std::string name = rule.protocol == 6     ? "TCP"
                           : rule.protocol == 17  ? "UDP"
                           : rule.protocol == 132 ? "SCTP"
                                                  : fmt::format("protocol {}", rule.protocol);
  return " (" + name + (rule.port == 0 ? "" : fmt::format(" port {}", rule.port)) + ")";
}

// Of the pods that the rule is for: "; among them 10.244.1.7", where that is asked for.
std::string pods_text(const CoverageRule& rule, const Snapshot& snapshot,
                      const std::optional<IpAddress>& address) {
  if (rule.pods.empty()) return "";
  if (!snapshot.selected_pods) {
    return fmt::format(" for pods of IPsecPolicy {}, all until it is known which these are,",
                       rule.pods);
  }
  const std::string whose = fmt::format(" for the pods that IPsecPolicy {} selects", rule.pods);
  if (!address) return whose;
  if (is_selected(rule, snapshot, *address)) {
    return whose + ", among them " + address->to_string() + ",";
  }
  return whose + ", not " + address->to_string() + " itself,";
}

// Whether an earlier rule takes every packet between `address` and the other end of `rule`.
bool is_shadowed(const CoverageRule& rule, const IpAddress& address, const Snapshot& snapshot,
                 const std::vector<Explanation>& earlier) {
  for (const Explanation& before : earlier) {
    const CoverageRule& first = before.rule;
    // A rule for some pods takes every packet of one of them alone.
    if (!first.pods.empty() && first.pods != rule.pods && !is_selected(first, snapshot, address)) {
      continue;
    }
    const bool all_ports = first.protocol == 0 || (first.protocol == rule.protocol &&
                                                   (first.port == 0 || first.port == rule.port));
    const bool towards = rule.remote.contains(address) && first.remote.contains(address) &&
                         first.local.contains(rule.local);
    const bool from = rule.local.contains(address) && first.local.contains(address) &&
                      first.remote.contains(rule.remote);
    if (all_ports && (towards || from)) return true;
  }
  return false;
}

std::string carried_by(const CoverageRule& rule) {
  return fmt::format("child {} of {}", rule.child, rule.connection);
}

std::string sentence_of(const CoverageRule& rule, const ConnectionStatus* connection,
                        ChildState child, const std::string& pods) {
  const std::string flow = fmt::format("{} to {}{}{}", rule.local.to_string(),
                                       rule.remote.to_string(), protocol_text(rule), pods);
  if (rule.enforcement == Enforcement::kBypass || connection == nullptr) {
    return fmt::format("{} passes in clear{}.", flow,
                       rule.reason.empty() ? "" : ": " + rule.reason);
  }
  const bool carries = child == ChildState::kUp || child == ChildState::kAdopted;
  if (carries) return fmt::format("{} is encrypted by {}.", flow, carried_by(rule));
  if (rule.released) {
    return fmt::format("{} passes in clear: somebody released it by hand.", flow);
  }
  if (child == ChildState::kTrap || connection->state == ConnectionState::kTrapped) {
    return fmt::format("{} starts {} with its first packet.", flow, carried_by(rule));
  }
  if (rule.enforcement == Enforcement::kPreferred && !connection->blocking) {
    return fmt::format("{} passes in clear until {} stands.", flow, carried_by(rule));
  }
  std::string why;
  if (connection->last_failure && connection->state != ConnectionState::kConnecting) {
    why = " (" + connection->last_failure->sentence + ")";
  }
  return fmt::format("{} is blocked until {} stands; the connection is {}{}.", flow,
                     carried_by(rule), name_of(connection->state), why);
}

}  // namespace

bool is_owner_name(std::string_view owner, std::string_view query) {
  return owner == query || (owner.size() > query.size() && owner.ends_with(query) &&
                            owner[owner.size() - query.size() - 1] == '/');
}

std::vector<Explanation> explain(const Snapshot& snapshot, std::string_view query) {
  if (query.empty()) return {};
  const std::optional<IpAddress> address = IpAddress::parse(query);
  std::vector<Explanation> found;
  for (const CoverageRule& rule : snapshot.coverage) {
    const ConnectionStatus* connection = find_connection(snapshot, rule.connection);
    const bool matches = address ? speaks_of(rule, *address) : is_named(rule, connection, query);
    if (!matches) continue;
    Explanation explanation;
    explanation.rule = rule;
    if (connection != nullptr) {
      explanation.state = connection->state;
      explanation.child_state = state_of_child(*connection, rule.child);
    }
    explanation.wins = !address || !is_shadowed(rule, *address, snapshot, found);
    explanation.sentence =
        sentence_of(rule, connection, explanation.child_state, pods_text(rule, snapshot, address));
    found.push_back(std::move(explanation));
  }
  return found;
}

}  // namespace espalier::telemetry
