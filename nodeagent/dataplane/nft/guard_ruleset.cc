#include "nodeagent/dataplane/nft/guard_ruleset.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>

#include <fmt/format.h>

namespace espalier::dataplane::nft {

namespace {

constexpr std::string_view kTable = "inet espalier";

constexpr std::array kDirections{Direction::kIn, Direction::kOut};
constexpr std::array kFamilies{IpFamily::kV4, IpFamily::kV6};

std::string_view suffix_of(IpFamily family) {
  return family == IpFamily::kV4 ? "v4" : "v6";
}
std::string_view keyword_of(IpFamily family) {
  return family == IpFamily::kV4 ? "ip" : "ip6";
}

std::string counter_name(std::string_view what, Direction direction, IpFamily family) {
  return fmt::format("{}_{}_{}", what, name_of(direction), suffix_of(family));
}

std::string set_name(std::size_t tier, IpFamily family) {
  return fmt::format("t{}_{}", tier, suffix_of(family));
}

const std::vector<PrefixPair>& pairs_of(const Tier& tier, IpFamily family) {
  return family == IpFamily::kV4 ? tier.v4 : tier.v6;
}

std::string text_of(const PrefixPair& pair) {
  return pair.local.to_string() + " . " + pair.remote.to_string();
}
std::string text_of(const Prefix& prefix) {
  return prefix.to_string();
}
std::string text_of(const IpAddress& address) {
  return address.to_string();
}

template <typename Element>
std::string elements_of(const std::vector<Element>& elements) {
  std::string text;
  for (const auto& element : elements) text += (text.empty() ? "" : ", ") + text_of(element);
  return text;
}

std::string pods_name(const PodSets& sets, IpFamily family) {
  return fmt::format("pods{}_{}", sets.group.number, suffix_of(family));
}
std::string remotes_name(const PodSets& sets, IpFamily family) {
  return fmt::format("remotes{}_{}", sets.group.number, suffix_of(family));
}
const std::vector<Prefix>& remotes_of(const PodSets& sets, IpFamily family) {
  return family == IpFamily::kV4 ? sets.remotes_v4 : sets.remotes_v6;
}
const std::vector<IpAddress>& pods_of(const PodSets& sets, IpFamily family) {
  return family == IpFamily::kV4 ? sets.pods_v4 : sets.pods_v6;
}

// What is done with a packet of the tier's, and of its group.
std::string verdict_of(const Tier& tier, Direction direction, IpFamily family) {
  const auto text =
      tier.group ? fmt::format("meta mark & {:#x} == 0 ", outside_bit(*tier.group)) : std::string();
  switch (tier.verdict) {
    case ClearVerdict::kPass:
      return text + "accept";
    case ClearVerdict::kCount:
      return text +
             fmt::format("counter name {} accept", counter_name("passed", direction, family));
    case ClearVerdict::kBlock:
      return text + fmt::format("counter name {} drop", counter_name("blocked", direction, family));
  }
  return text + "accept";
}

// Three ways to look at a packet: which of its addresses is ours, which the other's.
struct View {
  std::string_view chain;
  Direction direction;
  std::string_view local;  // behind "ip" or "ip6"
  std::string_view remote;
  std::string_view before;  // what stands before the local address's keyword
};
constexpr std::array kViews{
    View{"in_rules", Direction::kIn, "daddr", "saddr", ""},
    View{"out_rules", Direction::kOut, "saddr", "daddr", ""},
    View{"out_translated_rules", Direction::kOut, "saddr", "daddr", "ct original "},
};

std::string ports_of(const Selector& selector, const View& view) {
  constexpr std::uint8_t kIcmp = 1;
  constexpr std::uint8_t kIcmpV6 = 58;
  const auto rule = view.direction == Direction::kOut ? selector : selector.reversed();
  if (rule.protocol == 0) return {};
  if (rule.protocol == kIcmp || rule.protocol == kIcmpV6) {
    const auto* const icmp = rule.protocol == kIcmp ? "icmp" : "icmpv6";
    auto text = rule.source_port == 0 ? fmt::format("meta l4proto {} ", rule.protocol)
                                      : fmt::format("{} type {} ", icmp, rule.source_port);
    if (rule.destination_port != 0) text += fmt::format("{} code {} ", icmp, rule.destination_port);
    return text;
  }
  auto text = fmt::format("meta l4proto {} ", rule.protocol);
  if (rule.source_port != 0) text += fmt::format("th sport {} ", rule.source_port);
  if (rule.destination_port != 0) text += fmt::format("th dport {} ", rule.destination_port);
  return text;
}

std::string render_single(const Selector& selector, const Tier& tier, const View& view) {
  const auto family = selector.family();
  const auto keyword = keyword_of(family);
  auto text = fmt::format("    meta nfproto {} ", family == IpFamily::kV4 ? "ipv4" : "ipv6");
  if (selector.source.length() > 0) {
    text +=
        fmt::format("{}{} {} {} ", view.before, keyword, view.local, selector.source.to_string());
  }
  if (selector.destination.length() > 0) {
    text += fmt::format("{} {} {} ", keyword, view.remote, selector.destination.to_string());
  }
  return text + ports_of(selector, view) + verdict_of(tier, view.direction, family) + "\n";
}

std::string render_tier(const Tier& tier, std::size_t number, const View& view) {
  std::string text;
  for (const auto& selector : tier.singles) text += render_single(selector, tier, view);
  for (const auto family : kFamilies) {
    const auto keyword = keyword_of(family);
    text += fmt::format("    {}{} {} . {} {} @{} {}\n", view.before, keyword, view.local, keyword,
                        view.remote, set_name(number, family),
                        verdict_of(tier, view.direction, family));
  }
  return text;
}

// RFC 4861 and RFC 8415 / RFC 2131: without these, neighbours and addresses are never found.
std::string render_always(const Layout& layout, Direction direction) {
  auto text = std::string("    meta l4proto esp accept\n");
  if (!layout.ike_ports.empty()) {
    text +=
        fmt::format("    udp {} {{ {} }} accept\n", direction == Direction::kIn ? "dport" : "sport",
                    fmt::join(layout.ike_ports, ", "));
  }
  return text +
         "    icmpv6 type 133-137 accept\n"
         "    udp sport . udp dport { 67 . 68, 68 . 67, 546 . 547, 547 . 546 } accept\n";
}

std::string render_counters(const std::vector<ClearTrafficCount>& counts) {
  std::string text;
  for (const auto direction : kDirections) {
    for (const auto family : kFamilies) {
      ClearTrafficCount begin;
      for (const auto& count : counts) {
        if (count.direction == direction && count.family == family) begin = count;
      }
      text += fmt::format("  counter {} {{ packets {} bytes {} }}\n",
                          counter_name("blocked", direction, family), begin.blocked_packets,
                          begin.blocked_bytes);
      text += fmt::format("  counter {} {{ packets {} bytes {} }}\n",
                          counter_name("passed", direction, family), begin.passed_packets,
                          begin.passed_bytes);
    }
  }
  return text;
}

template <typename Element>
std::string render_set(const std::string& name, const std::string& what,
                       const std::vector<Element>& elements) {
  auto text = fmt::format("  set {} {{ {};", name, what);
  if (!elements.empty()) text += fmt::format(" elements = {{ {} }}", elements_of(elements));
  return text + " }\n";
}

std::string render_sets(const Layout& layout) {
  const auto type_of = [](IpFamily family) {
    return std::string(family == IpFamily::kV4 ? "ipv4_addr" : "ipv6_addr");
  };
  std::string text;
  for (std::size_t i = 0; i < layout.tiers.size(); ++i) {
    for (const auto family : kFamilies) {
      const auto type = type_of(family);
      text += render_set(set_name(i, family), "type " + type + " . " + type + "; flags interval",
                         pairs_of(layout.tiers[i], family));
    }
  }
  for (const auto& sets : layout.pods) {
    if (!sets.known) continue;
    for (const auto family : kFamilies) {
      const auto type = "type " + type_of(family);
      text += render_set(remotes_name(sets, family), type + "; flags interval",
                         remotes_of(sets, family));
      text += render_set(pods_name(sets, family),
                         fmt::format("{}; comment \"pods of {}\"", type, sets.name),
                         pods_of(sets, family));
    }
  }
  return text;
}

// Whose packet it is, by both of its addresses. Marks that an earlier look left are made new.
std::string render_marking(const PodSets& sets) {
  const auto outside = outside_bit(sets.group.number);
  auto text = fmt::format("  chain mark_pods{} {{\n    meta mark set meta mark | {:#x}\n",
                          sets.group.number, kPodMarkSeen | outside);
  for (const auto family : kFamilies) {
    for (const auto* const end : {"saddr", "daddr"}) {
      text += fmt::format("    {} {} @{} meta mark set meta mark & {:#x}\n", keyword_of(family),
                          end, pods_name(sets, family), ~outside);
    }
  }
  return text + "  }\n";
}

// "… set … mark & ~field | value": our bits alone.
std::string written(std::string_view what, std::uint32_t value) {
  return fmt::format("{0} set {0} & {1:#x} | {2:#x}", what, ~kPodMarkField, value);
}

// Chains that mark what passes, and those that the hooks begin with.
std::string render_pods(const Layout& layout) {
  const auto& pods = layout.pods;
  std::string text;
  for (const auto& sets : pods) {
    if (sets.known) text += render_marking(sets);
  }
  text += "  chain mark_pods {\n    meta l4proto esp return\n";
  if (!layout.ike_ports.empty()) {
    for (const auto* const port : {"sport", "dport"}) {
      text += fmt::format("    udp {} {{ {} }} return\n", port, fmt::join(layout.ike_ports, ", "));
    }
  }
  // An answer goes as its request came.
  for (const auto& sets : pods) {
    const auto value = mark_to_write(sets.group).value;
    text += fmt::format("    ct direction reply ct mark & {:#x} == {:#x} {} return\n",
                        kPodMarkField, value, written("meta mark", value));
  }
  text += fmt::format("    ct direction original ct mark & {:#x} != 0 {}\n", kPodMarkField,
                      written("ct mark", 0));
  for (const auto& sets : pods) {
    if (!sets.known) continue;
    for (const auto family : kFamilies) {
      for (const auto* const end : {"saddr", "daddr"}) {
        text += fmt::format("    {} {} @{} jump mark_pods{}\n", keyword_of(family), end,
                            remotes_name(sets, family), sets.group.number);
      }
    }
  }
  text += "  }\n";
  // What came by ESP: an SA of a group has written whose it is; any other SA's is of no group.
  text += fmt::format("  chain came_by_esp {{\n    meta mark & {:#x} == 0 {}\n", kPodMarkField,
                      written("meta mark", kPodMarkField));
  for (const auto& sets : pods) {
    const auto value = mark_to_write(sets.group).value;
    text += fmt::format("    ct direction original meta mark & {:#x} == {:#x} {} return\n",
                        kPodMarkField, value, written("ct mark", value));
  }
  text += fmt::format("    ct direction original ct mark & {:#x} != 0 {}\n  }}\n", kPodMarkField,
                      written("ct mark", 0));
  return text;
}

template <typename Element>
std::string render_command(std::string_view verb, const std::string& name,
                           const std::vector<Element>& of, const std::vector<Element>& without) {
  std::vector<Element> elements;
  std::set_difference(of.begin(), of.end(), without.begin(), without.end(),
                      std::back_inserter(elements));
  if (elements.empty()) return {};
  return fmt::format("{} element {} {} {{ {} }}\n", verb, kTable, name, elements_of(elements));
}

// The number behind a word, which stands behind a counter's name.
std::optional<std::uint64_t> number_behind(std::string_view& text, std::string_view word) {
  const auto at = text.find(word);
  if (at == std::string_view::npos) return std::nullopt;
  text.remove_prefix(at + word.size());
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{}) return std::nullopt;
  return value;
}

}  // namespace

std::string render_table(const Layout& layout, const std::vector<ClearTrafficCount>& counts) {
  auto text = fmt::format("add table {0}\ndelete table {0}\ntable {0} {{\n", kTable);
  text += render_counters(counts);
  text += render_sets(layout);
  for (const auto& view : kViews) {
    text += fmt::format("  chain {} {{\n", view.chain);
    text += render_always(layout, view.direction);
    for (std::size_t i = 0; i < layout.tiers.size(); ++i) {
      text += render_tier(layout.tiers[i], i, view);
    }
    text += "  }\n";
  }
  const bool marks = !layout.pods.empty();
  if (marks) text += render_pods(layout);
  text +=
      "  chain inbound {\n"
      "    type filter hook prerouting priority mangle; policy accept;\n";
  if (marks) text += "    meta ipsec exists goto came_by_esp\n    jump mark_pods\n";
  text +=
      "    meta ipsec missing jump in_rules\n"
      "  }\n"
      "  chain inbound_translated {\n"
      "    type filter hook prerouting priority dstnat + 1; policy accept;\n";
  if (marks) text += "    ct status snat,dnat meta ipsec missing jump mark_pods\n";
  text +=
      "    ct status snat,dnat meta ipsec missing jump in_rules\n"
      "  }\n";
  // Behind the translation of the node's own packets (-100); a new mark makes the kernel route
  // anew.
  if (marks) {
    text +=
        "  chain outbound_marks {\n"
        "    type route hook output priority -99; policy accept;\n"
        "    jump mark_pods\n"
        "  }\n";
  }
  text +=
      "  chain outbound {\n"
      "    type filter hook postrouting priority srcnat + 200; policy accept;\n"
      "    rt ipsec missing jump out_rules\n"
      "    ct direction original ct status snat rt ipsec missing jump out_translated_rules\n"
      "  }\n"
      "}\n";
  return text;
}

std::string render_changes(const Layout& from, const Layout& to) {
  std::string text;
  for (const bool adding : {false, true}) {
    const auto* const verb = adding ? "add" : "delete";
    const auto change = [&](const std::string& name, const auto& before, const auto& after) {
      text += adding ? render_command(verb, name, after, before)
                     : render_command(verb, name, before, after);
    };
    for (const auto family : kFamilies) {
      for (std::size_t i = 0; i < to.tiers.size() && i < from.tiers.size(); ++i) {
        change(set_name(i, family), pairs_of(from.tiers[i], family), pairs_of(to.tiers[i], family));
      }
      for (std::size_t i = 0; i < to.pods.size() && i < from.pods.size(); ++i) {
        change(remotes_name(to.pods[i], family), remotes_of(from.pods[i], family),
               remotes_of(to.pods[i], family));
        change(pods_name(to.pods[i], family), pods_of(from.pods[i], family),
               pods_of(to.pods[i], family));
      }
    }
  }
  return text;
}

std::string render_removal() {
  return fmt::format("add table {0}\ndelete table {0}\n", kTable);
}

Result<std::vector<ClearTrafficCount>> parse_counts(std::string_view text) {
  std::vector<ClearTrafficCount> counts;
  for (const auto direction : kDirections) {
    for (const auto family : kFamilies) {
      ClearTrafficCount count;
      count.direction = direction;
      count.family = family;
      for (const auto* const what : {"blocked", "passed"}) {
        const auto name = counter_name(what, direction, family);
        const auto at = text.find("counter " + name + " {");
        auto rest = at == std::string_view::npos ? std::string_view{} : text.substr(at);
        const auto packets = number_behind(rest, "packets ");
        const auto bytes = number_behind(rest, "bytes ");
        if (!packets || !bytes) {
          return fail(Code::kInvalid, "clear-traffic guard", "no counter " + name);
        }
        const bool blocked = std::string_view(what) == "blocked";
        (blocked ? count.blocked_packets : count.passed_packets) = *packets;
        (blocked ? count.blocked_bytes : count.passed_bytes) = *bytes;
      }
      counts.push_back(count);
    }
  }
  return counts;
}

}  // namespace espalier::dataplane::nft
