#include "nodeagent/tunnel/release.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "nodeagent/telemetry/explain.h"
#include "nodeagent/tunnel/connection_status.h"
#include "nodeagent/tunnel/fields.h"

namespace espalier::tunnel {

namespace {

constexpr std::string_view kHead = "espalier-releases";
constexpr std::string_view kVersion = "1";
constexpr std::string_view kInClear = "in-clear";
constexpr std::string_view kByEsp = "by-esp-where-it-stands";

bool opens(const telemetry::Release& release, const plan::ConnectionPlan& connection,
           const plan::ChildPlan& child) {
  return release.name.empty() || connection.name == release.name ||
         connection.peer == release.name ||
         telemetry::is_owner_name(owner_name(connection.owner), release.name) ||
         telemetry::is_owner_name(owner_name(child.owner), release.name);
}

bool is_released(const plan::ConnectionPlan& connection, const plan::ChildPlan& child,
                 std::span<const telemetry::Release> releases) {
  return std::any_of(releases.begin(), releases.end(), [&](const telemetry::Release& release) {
    return opens(release, connection, child);
  });
}

}  // namespace

plan::NodePlan opened(plan::NodePlan plan, std::span<const telemetry::Release> releases) {
  if (releases.empty()) return plan;
  for (plan::ConnectionPlan& connection : plan.connections) {
    for (plan::ChildPlan& child : connection.children) {
      if (!is_released(connection, child, releases)) continue;
      child.enforcement = plan::Enforcement::kPreferred;
      child.on_negotiation = plan::OnNegotiation::kPass;
      child.on_failure = plan::OnFailure::kPass;
    }
  }
  return plan;
}

bool is_in_clear(const plan::ConnectionPlan& connection,
                 std::span<const telemetry::Release> releases) {
  return std::all_of(
      connection.children.begin(), connection.children.end(), [&](const plan::ChildPlan& child) {
        return std::any_of(releases.begin(), releases.end(),
                           [&](const telemetry::Release& release) {
                             return release.in_clear && opens(release, connection, child);
                           });
      });
}

std::vector<std::string> connections_of(const telemetry::Release& release,
                                        const plan::NodePlan& plan) {
  std::vector<std::string> names;
  for (const plan::ConnectionPlan& connection : plan.connections) {
    if (std::any_of(connection.children.begin(), connection.children.end(),
                    [&](const auto& child) { return opens(release, connection, child); })) {
      names.push_back(connection.name);
    }
  }
  return names;
}

void tell_releases(telemetry::Snapshot& snapshot, const plan::NodePlan& plan,
                   std::span<const telemetry::Release> releases) {
  if (releases.empty()) return;
  std::set<std::string_view> connections;
  std::set<std::pair<std::string_view, std::string_view>> required;
  std::set<std::pair<std::string_view, std::string_view>> children;
  for (const plan::ConnectionPlan& connection : plan.connections) {
    for (const plan::ChildPlan& child : connection.children) {
      if (!is_released(connection, child, releases)) continue;
      connections.insert(connection.name);
      children.insert({connection.name, child.name});
      if (child.enforcement != plan::Enforcement::kRequired) continue;
      required.insert({connection.name, child.name});
      required.insert({connection.name, {}});
    }
  }
  for (telemetry::ConnectionStatus& status : snapshot.connections) {
    status.released = connections.contains(status.name);
    if (required.contains({status.name, {}})) {
      status.enforcement = telemetry::Enforcement::kRequired;
    }
  }
  for (telemetry::CoverageRule& rule : snapshot.coverage) {
    rule.released = children.contains({rule.connection, rule.child});
    if (required.contains({rule.connection, rule.child})) {
      rule.enforcement = telemetry::Enforcement::kRequired;
    }
  }
  for (const telemetry::Release& release : releases) {
    snapshot.releases.push_back(release);
    snapshot.releases.back().connections = connections_of(release, plan);
  }
}

std::string encode(std::span<const telemetry::Release> releases) {
  if (releases.empty()) return "";
  std::string text = fmt::format("{}\t{}\n", kHead, kVersion);
  for (const telemetry::Release& release : releases) {
    text += fmt::format("release\t{}\t{}\t{}\t{}\n", release.since.time_since_epoch().count(),
                        release.in_clear ? kInClear : kByEsp, release.name, release.why);
  }
  return text;
}

Result<Releases> decode_releases(std::string_view text) {
  Releases releases;
  if (text.empty()) return releases;
  std::size_t line_number = 0;
  const auto broken = [&](const char* what) {
    return fail(Code::kInvalid, fmt::format("releases:{}", line_number), what);
  };
  for (const std::string_view line : split(text, '\n')) {
    ++line_number;
    const auto fields = split(line, '\t');
    if (line_number == 1) {
      if (fields.size() != 2 || fields[0] != kHead) return broken("this is no file of releases");
      if (fields[1] != kVersion) {
        return fail(Code::kUnsupported, "releases:1", "written by another version of espalier");
      }
      continue;
    }
    if (line.empty()) continue;
    if (fields.size() != 5 || fields[0] != "release") return broken("not a release");
    const auto since = number<std::int64_t>(fields[1]);
    // Years that no clock shows would not come back as they were written.
    if (!since || *since < 0 || *since > 253'402'300'799) return broken("not a time");
    if (fields[2] != kInClear && fields[2] != kByEsp) return broken("not a kind of release");
    telemetry::Release release;
    release.since = WallTime(std::chrono::seconds(*since));
    release.in_clear = fields[2] == kInClear;
    release.name = fields[3];
    release.why = fields[4];
    if (std::any_of(releases.begin(), releases.end(),
                    [&](const auto& one) { return one.name == release.name; })) {
      return broken("a name twice");
    }
    releases.push_back(std::move(release));
  }
  return releases;
}

}  // namespace espalier::tunnel
