#include "cli/kubectl/pair.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "cli/table/amount.h"
#include "cli/table/text.h"

namespace espalier::cli::kubectl {
namespace {

bool matches(const Json& explanation, const IpAddress& here, const IpAddress& there) {
  const auto local = Prefix::parse(text_at(explanation, "local"));
  const auto remote = Prefix::parse(text_at(explanation, "remote"));
  return local && remote && local->contains(here) && remote->contains(there);
}

// The rule that takes a pair's packets, and those before it that take a part of them.
struct Verdict {
  const Json* winner = nullptr;  // null: no rule covers them
  std::vector<const Json*> parts;
};

Verdict verdict_of(const Json& explained, const IpAddress& here, const IpAddress& there) {
  Verdict verdict;
  for (const Json& explanation : at(explained, "explanations")) {
    if (!matches(explanation, here, there)) continue;
    if (number_at(explanation, "protocol") == 0) {
      verdict.winner = &explanation;
      return verdict;
    }
    verdict.parts.push_back(&explanation);
  }
  return verdict;
}

// "Encrypted", "Clear", "Blocked", "OnDemand".
std::string fate_of(const Json* winner) {
  if (winner == nullptr || text_at(*winner, "connection").empty()) return "Clear";
  const std::string child = text_at(*winner, "childState");
  if (child == "Up" || child == "Adopted") return "Encrypted";
  if (child == "Trap" || text_at(*winner, "state") == "Trapped") return "OnDemand";
  const bool released = at(*winner, "released") == Json(true);
  return text_at(*winner, "enforcement") == "Required" && !released ? "Blocked" : "Clear";
}

Json counters_of(const Json& traffic, const Json& winner) {
  for (const Json& row : at(traffic, "children")) {
    if (text_at(row, "connection") == text_at(winner, "connection") &&
        text_at(row, "child/name") == text_at(winner, "child") &&
        text_at(row, "child/state") == "Up")
      return at(row, "child");
  }
  return nullptr;
}

std::string counters_text(const Json& child) {
  const auto amount = [&](const char* direction) {
    const std::string path = direction;
    return fmt::format("{} {} in {} packets", direction,
                       bytes_text(static_cast<std::uint64_t>(number_at(child, path + "/bytes"))),
                       number_at(child, path + "/packets"));
  };
  return fmt::format("its SAs (in {}, out {}) have carried {}, {}", text_at(child, "spiIn"),
                     text_at(child, "spiOut"), amount("in"), amount("out"));
}

std::string pod_text(const Pod& pod) {
  std::string addresses;
  for (const IpAddress& address : pod.addresses)
    addresses += (addresses.empty() ? "" : ", ") + address.to_string();
  return fmt::format("{} ({} on {}{})", pod.name, addresses.empty() ? "no address" : addresses,
                     pod.node.empty() ? "no node yet" : pod.node,
                     pod.host_network ? ", host network" : "");
}

// One end, one family.
struct Line {
  Json json;
  std::string text;
  bool fine = false;
};

Line explain_end(const End& end, const IpAddress& here, const IpAddress& there,
                 const NodeAnswer& explained) {
  const std::string indent = fmt::format("  {}  ", end.here->node);
  const std::string blank(width_of(indent), ' ');
  Line line;
  line.json = Json{{"node", end.here->node}, {"from", here.to_string()}, {"to", there.to_string()}};
  if (!explained.answered) {
    line.json["error"] = explained.error;
    line.text = wrapped(indent, printable("its agent does not answer: " + explained.error));
    return line;
  }
  const Verdict verdict = verdict_of(explained.json, here, there);
  const std::string fate = fate_of(verdict.winner);
  line.json["fate"] = fate;
  line.fine = fate == "Encrypted" || fate == "OnDemand";
  if (verdict.winner == nullptr) {
    line.text = wrapped(indent, "no rule covers this: it passes in clear.");
  } else {
    line.json["winner"] = *verdict.winner;
    line.text = wrapped(indent, printable(text_at(*verdict.winner, "sentence")));
    if (!text_at(*verdict.winner, "owner").empty()) {
      line.text += wrapped(blank, printable("by " + text_at(*verdict.winner, "owner") + ", " +
                                            text_at(*verdict.winner, "enforcement")));
    }
    const Json child = counters_of(end.traffic.json, *verdict.winner);
    if (!child.is_null()) {
      line.json["child"] = child;
      line.text += wrapped(blank, printable(counters_text(child)));
    }
  }
  for (const Json* part : verdict.parts) {
    line.json["parts"].push_back(*part);
    line.text += wrapped(blank, printable("but " + text_at(*part, "sentence")));
  }
  return line;
}

std::optional<IpAddress> same_family(const Pod& pod, const IpAddress& as) {
  for (const IpAddress& address : pod.addresses) {
    if (address.family() == as.family()) return address;
  }
  return std::nullopt;
}

}  // namespace

Pod pod_of(const Json& object) {
  Pod pod;
  pod.name = text_at(object, "metadata/namespace") + "/" + text_at(object, "metadata/name");
  pod.node = text_at(object, "spec/nodeName");
  pod.host_network = at(object, "spec/hostNetwork") == Json(true);
  for (const Json& entry : at(object, "status/podIPs")) {
    if (const auto address = IpAddress::parse(text_at(entry, "ip")))
      pod.addresses.push_back(*address);
  }
  return pod;
}

Outcome pair_outcome(const Pod& from, const Pod& to, const std::vector<End>& ends) {
  Outcome outcome;
  outcome.json = Json{{"from", from.name}, {"to", to.name}, {"ends", Json::array()}};
  outcome.text = wrapped("", printable(pod_text(from))) + wrapped("<-> ", printable(pod_text(to)));
  for (const Pod* pod : {&from, &to}) {
    if (!pod->node.empty() && !pod->addresses.empty()) continue;
    outcome.text += wrapped("", printable(pod->name + " has no address yet."));
    outcome.status = kNotFine;
    return outcome;
  }
  if (from.node == to.node) {
    outcome.json["sameNode"] = true;
    outcome.text += wrapped(
        "", printable("Both are on " + from.node + ": nothing between them leaves the node."));
    return outcome;
  }
  bool fine = true;
  bool silent = false;
  bool any = false;
  for (const IpAddress& address : from.addresses) {
    const auto other = same_family(to, address);
    if (!other) continue;
    any = true;
    outcome.text += address.is_v4() ? "IPv4\n" : "IPv6\n";
    for (const End& end : ends) {
      const bool forth = end.here == &from;
      const IpAddress& here = forth ? address : *other;
      const IpAddress& there = forth ? *other : address;
      for (std::size_t i = 0; i < end.by_address.size(); ++i) {
        if (end.there->addresses[i] != there) continue;
        Line line = explain_end(end, here, there, end.by_address[i]);
        silent = silent || !end.by_address[i].answered;
        fine = fine && line.fine;
        outcome.json["ends"].push_back(std::move(line.json));
        outcome.text += line.text;
      }
    }
  }
  if (!any) outcome.text += "They have no address family in common.\n";
  outcome.status = silent ? kNoAgent : fine && any ? kFine : kNotFine;
  return outcome;
}

}  // namespace espalier::cli::kubectl
