#include "cli/kubectl/answers.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "cli/kubectl/agent_views.h"
#include "cli/table/amount.h"
#include "cli/table/table.h"
#include "cli/table/text.h"

namespace espalier::cli::kubectl {
namespace {

// A node's answer for scripts.
Json answer_json(const NodeAnswer& answer) {
  Json json{{"node", answer.node}, {"pod", answer.pod}, {"answered", answer.answered}};
  if (answer.answered) {
    json["agent"] = answer.json;
  } else {
    json["error"] = answer.error;
  }
  return json;
}

// Those who did not answer, and what to look at.
std::string silent_text(const std::vector<NodeAnswer>& answers) {
  std::string out;
  for (const NodeAnswer& answer : answers) {
    if (answer.answered) continue;
    out += "\n" + wrapped("", printable("node " + answer.node + ": its agent does not answer"));
    out += wrapped("  why  ", printable(answer.error));
    if (answer.pod.empty()) continue;
    out += wrapped("  do   ", printable("kubectl describe pod and kubectl logs of " + answer.pod +
                                        "; or ask on the node: espalierctl status"));
  }
  return out;
}

int status_of(const std::vector<NodeAnswer>& answers) {
  const bool all = std::all_of(answers.begin(), answers.end(),
                               [](const NodeAnswer& answer) { return answer.answered; });
  return all ? kFine : kNoAgent;
}

Json condition_of(const Json& object, std::string_view type) {
  for (const Json& condition : at(object, "status/conditions")) {
    if (text_at(condition, "type") == type) return condition;
  }
  return nullptr;
}

std::string full_name(const Json& object) {
  const std::string ns = text_at(object, "metadata/namespace");
  return (ns.empty() ? "" : ns + "/") + text_at(object, "metadata/name");
}

// "IPsecPolicy cluster: Ready is False, PeersMissing" and why, for each condition that is not True.
std::string troubles_of(const Json& object) {
  std::string out;
  std::set<std::string> said;  // Ready repeats what another condition says
  for (const Json& condition : at(object, "status/conditions")) {
    const std::string message = text_at(condition, "message");
    if (text_at(condition, "status") == "True" || !said.insert(message).second) continue;
    out += "\n" + wrapped("", printable(fmt::format("{} {}: {} is {}, {}", text_at(object, "kind"),
                                                    full_name(object), text_at(condition, "type"),
                                                    text_at(condition, "status"),
                                                    text_at(condition, "reason"))));
    if (!message.empty()) out += wrapped("  why  ", printable(message));
  }
  return out;
}

std::vector<const Json*> of_kind(const Json& objects, std::string_view kind) {
  std::vector<const Json*> found;
  for (const Json& object : at(objects, "items")) {
    if (text_at(object, "kind") == kind) found.push_back(&object);
  }
  std::sort(found.begin(), found.end(),
            [](const Json* a, const Json* b) { return full_name(*a) < full_name(*b); });
  return found;
}

// What people look at first: the Ready condition.
struct Ready {
  std::string status;
  std::string reason;
  std::string message;
};

Ready ready_of(const Json* object) {
  if (object == nullptr) return {};
  const Json condition = condition_of(*object, "Ready");
  return {text_at(condition, "status"), text_at(condition, "reason"),
          text_at(condition, "message")};
}

std::string counted(const Json& object, std::string_view path) {
  const Json& counts = at(object, path);
  if (counts.is_null()) return "";
  return fmt::format("{}/{}", number_at(counts, "ready"), number_at(counts, "wanted"));
}

Json object_json(const Json& object, std::string_view counts) {
  const Ready ready = ready_of(&object);
  Json json{{"name", full_name(object)}};
  if (!text_at(object, "spec/enforcement").empty())
    json["enforcement"] = text_at(object, "spec/enforcement");
  if (!text_at(object, "status/node").empty()) json["node"] = text_at(object, "status/node");
  json["ready"] = ready.status;
  json["reason"] = ready.reason;
  json["message"] = ready.message;
  if (!at(object, counts).is_null()) json["nodes"] = at(object, counts);
  return json;
}

struct Clear {
  std::int64_t blocked = 0;
  std::int64_t passed = 0;
};

Clear clear_of(const Json& agent) {
  Clear clear;
  for (const Json& count : at(agent, "kernel/plaintext")) {
    clear.blocked += number_at(count, "blocked/packets");
    clear.passed += number_at(count, "passed/packets");
  }
  return clear;
}

std::string connections_of(const Json& agent) {
  std::size_t up = 0;
  std::size_t all = 0;
  for (const Json& connection : at(agent, "connections")) {
    const std::string state = text_at(connection, "state");
    ++all;
    if (state == "Established" || state == "Rekeying" || state == "Trapped") ++up;
  }
  return fmt::format("{}/{}", up, all);
}

// One direction of a pair and a child.
struct Flow {
  std::string from;
  std::string to;
  std::string child;
  friend auto operator<=>(const Flow&, const Flow&) = default;
};
struct Carried {
  std::int64_t sent_bytes = 0;
  std::int64_t sent_packets = 0;
  std::int64_t received_bytes = 0;
  std::int64_t received_packets = 0;
  bool sender_said = false;  // the end that sends has answered
  bool receiver_said = false;
};

std::map<Flow, Carried> flows_of(const std::vector<NodeAnswer>& answers) {
  std::map<Flow, Carried> flows;
  for (const NodeAnswer& answer : answers) {
    for (const Json& row : at(answer.json, "children")) {
      const std::string peer = text_at(row, "peer");
      const std::string child = text_at(row, "child/name");
      Carried& out = flows[{answer.node, peer, child}];
      out.sent_bytes += number_at(row, "child/out/bytes");
      out.sent_packets += number_at(row, "child/out/packets");
      out.sender_said = true;
      Carried& in = flows[{peer, answer.node, child}];
      in.received_bytes += number_at(row, "child/in/bytes");
      in.received_packets += number_at(row, "child/in/packets");
      in.receiver_said = true;
    }
  }
  return flows;
}

std::string bytes_of(bool said, std::int64_t bytes) {
  return said ? bytes_text(static_cast<std::uint64_t>(bytes)) : "";
}
std::string packets_of(bool said, std::int64_t packets) {
  return said ? std::to_string(packets) : "";
}

}  // namespace

Outcome status_outcome(const Json& objects, const std::vector<NodeAnswer>& answers) {
  Outcome outcome;
  outcome.status = status_of(answers);
  outcome.json =
      Json{{"policies", Json::array()}, {"tunnels", Json::array()}, {"nodes", Json::array()}};
  std::string troubles;

  Table policies({{"POLICY", Align::kLeft, 12},
                  {"ENFORCEMENT"},
                  {"NODES UP", Align::kRight},
                  {"READY"},
                  {"REASON", Align::kLeft, 12}});
  for (const Json* policy : of_kind(objects, "IPsecPolicy")) {
    const Ready ready = ready_of(policy);
    policies.add({full_name(*policy), text_at(*policy, "spec/enforcement"),
                  counted(*policy, "status/nodes"), ready.status, ready.reason});
    outcome.json["policies"].push_back(object_json(*policy, "status/nodes"));
    troubles += troubles_of(*policy);
  }
  Table tunnels({{"TUNNEL", Align::kLeft, 12},
                 {"NODE", Align::kLeft, 8},
                 {"READY"},
                 {"REASON", Align::kLeft, 12}});
  for (const Json* tunnel : of_kind(objects, "Tunnel")) {
    const Ready ready = ready_of(tunnel);
    tunnels.add({full_name(*tunnel), text_at(*tunnel, "status/node"), ready.status, ready.reason});
    outcome.json["tunnels"].push_back(object_json(*tunnel, "status/nodes"));
    troubles += troubles_of(*tunnel);
  }

  std::map<std::string, NodeAnswer> nodes;
  std::map<std::string, const Json*> endpoints;
  std::map<std::string, const Json*> plans;
  for (const Json* endpoint : of_kind(objects, "NodeEndpoint"))
    endpoints[full_name(*endpoint)] = endpoint;
  for (const Json* plan : of_kind(objects, "NodePolicy")) plans[full_name(*plan)] = plan;
  for (const auto* known : {&endpoints, &plans}) {
    for (const auto& [name, object] : *known) {
      nodes[name].node = name;
      nodes[name].error = "no pod of the agent is on this node";
    }
  }
  for (const NodeAnswer& answer : answers) nodes[answer.node] = answer;

  Table table({{"NODE", Align::kLeft, 10},
               {"AGENT", Align::kLeft, 7},
               {"READY"},
               {"REASON", Align::kLeft, 10},
               {"PEERS", Align::kRight},
               {"CONNECTIONS", Align::kRight},
               {"CLEAR BLOCKED", Align::kRight},
               {"PASSED", Align::kRight}});
  std::vector<NodeAnswer> listed;
  for (const auto& [name, answer] : nodes) {
    const auto plan = plans.find(name);
    const Ready ready = ready_of(plan == plans.end() ? nullptr : plan->second);
    const Clear clear = clear_of(answer.json);
    const std::string peers = plan == plans.end() ? "" : counted(*plan->second, "status/peers");
    table.add(
        {name, answer.answered ? text_at(answer.json, "agent/version") : "silent", ready.status,
         ready.reason, peers, answer.answered ? connections_of(answer.json) : "",
         packets_of(answer.answered, clear.blocked), packets_of(answer.answered, clear.passed)});
    Json json = answer_json(answer);
    json["ready"] = ready.status;
    json["reason"] = ready.reason;
    json["message"] = ready.message;
    outcome.json["nodes"].push_back(std::move(json));
    if (const auto endpoint = endpoints.find(name); endpoint != endpoints.end())
      troubles += troubles_of(*endpoint->second);
    if (plan != plans.end()) troubles += troubles_of(*plan->second);
    if (answer.answered) troubles += failures_of(answer);
    listed.push_back(answer);
  }
  if (status_of(listed) != kFine) outcome.status = kNoAgent;

  if (!policies.empty()) outcome.text += policies.text();
  if (policies.empty())
    outcome.text += "There is no IPsecPolicy: nothing is encrypted between nodes.\n";
  if (!tunnels.empty()) outcome.text += "\n" + tunnels.text();
  if (!table.empty()) outcome.text += "\n" + table.text();
  if (table.empty()) outcome.text += "\nNo node is known: does the operator run?\n";
  outcome.text += troubles + silent_text(listed);
  return outcome;
}

Outcome traffic_outcome(const std::vector<NodeAnswer>& answers) {
  Outcome outcome;
  outcome.status = status_of(answers);
  outcome.json = Json{{"flows", Json::array()}, {"nodes", Json::array()}};
  Table table({{"FROM", Align::kLeft, 10},
               {"TO", Align::kLeft, 10},
               {"CHILD", Align::kLeft, 8},
               {"SENT", Align::kRight},
               {"PACKETS", Align::kRight},
               {"RECEIVED", Align::kRight},
               {"PACKETS", Align::kRight}});
  for (const auto& [flow, carried] : flows_of(answers)) {
    table.add({flow.from, flow.to, flow.child, bytes_of(carried.sender_said, carried.sent_bytes),
               packets_of(carried.sender_said, carried.sent_packets),
               bytes_of(carried.receiver_said, carried.received_bytes),
               packets_of(carried.receiver_said, carried.received_packets)});
    Json json{{"from", flow.from}, {"to", flow.to}, {"child", flow.child}};
    if (carried.sender_said)
      json["sent"] = Json{{"bytes", carried.sent_bytes}, {"packets", carried.sent_packets}};
    if (carried.receiver_said)
      json["received"] =
          Json{{"bytes", carried.received_bytes}, {"packets", carried.received_packets}};
    outcome.json["flows"].push_back(std::move(json));
  }
  for (const NodeAnswer& answer : answers) outcome.json["nodes"].push_back(answer_json(answer));
  outcome.text = table.empty() ? "No SA carries traffic.\n" : table.text();
  outcome.text += silent_text(answers);
  return outcome;
}

Outcome verify_outcome(const std::vector<NodeAnswer>& answers, bool strict) {
  Outcome outcome;
  outcome.json = Json{{"verdict", "ok"}, {"nodes", Json::array()}};
  bool failed = answers.empty();
  bool warned = false;
  for (const NodeAnswer& answer : answers) {
    outcome.json["nodes"].push_back(answer_json(answer));
    if (!answer.answered) continue;
    const std::string verdict = text_at(answer.json, "verdict");
    failed = failed || (verdict != "ok" && verdict != "warn");
    warned = warned || verdict == "warn";
    outcome.text += wrapped("", printable(fmt::format("{}: {} ({} checks)", answer.node, verdict,
                                                      at(answer.json, "checks").size())));
    outcome.text += findings_of(answer);
  }
  const bool silent = status_of(answers) != kFine;
  if (answers.empty()) outcome.text = "No pod of an agent was found.\n";
  if (failed || silent) {
    outcome.json["verdict"] = "fail";
  } else if (warned) {
    outcome.json["verdict"] = "warn";
  }
  outcome.text += silent_text(answers);
  if (failed || (strict && warned)) outcome.status = kNotFine;
  if (silent) outcome.status = kNoAgent;
  return outcome;
}

}  // namespace espalier::cli::kubectl
