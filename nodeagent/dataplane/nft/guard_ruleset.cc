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

std::string elements_of(const std::vector<PrefixPair>& pairs) {
  std::string text;
  for (const auto& pair : pairs) {
    text += fmt::format("{}{} . {}", text.empty() ? "" : ", ", pair.local.to_string(),
                        pair.remote.to_string());
  }
  return text;
}

std::string verdict_of(ClearVerdict verdict, Direction direction, IpFamily family) {
  switch (verdict) {
    case ClearVerdict::kPass:
      return "accept";
    case ClearVerdict::kCount:
      return fmt::format("counter name {} accept", counter_name("passed", direction, family));
    case ClearVerdict::kBlock:
      return fmt::format("counter name {} drop", counter_name("blocked", direction, family));
  }
  return "accept";
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

std::string render_single(const Selector& selector, ClearVerdict verdict, const View& view) {
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
  return text + ports_of(selector, view) + verdict_of(verdict, view.direction, family) + "\n";
}

std::string render_tier(const Tier& tier, std::size_t number, const View& view) {
  std::string text;
  for (const auto& selector : tier.singles) text += render_single(selector, tier.verdict, view);
  for (const auto family : kFamilies) {
    const auto keyword = keyword_of(family);
    text += fmt::format("    {}{} {} . {} {} @{} {}\n", view.before, keyword, view.local, keyword,
                        view.remote, set_name(number, family),
                        verdict_of(tier.verdict, view.direction, family));
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

std::string render_sets(const Layout& layout) {
  std::string text;
  for (std::size_t i = 0; i < layout.tiers.size(); ++i) {
    for (const auto family : kFamilies) {
      const auto type = family == IpFamily::kV4 ? "ipv4_addr" : "ipv6_addr";
      text +=
          fmt::format("  set {} {{ type {} . {}; flags interval;", set_name(i, family), type, type);
      const auto elements = elements_of(pairs_of(layout.tiers[i], family));
      if (!elements.empty()) text += fmt::format(" elements = {{ {} }}", elements);
      text += " }\n";
    }
  }
  return text;
}

std::string render_command(std::string_view verb, std::size_t tier, IpFamily family,
                           const std::vector<PrefixPair>& pairs) {
  if (pairs.empty()) return {};
  return fmt::format("{} element {} {} {{ {} }}\n", verb, kTable, set_name(tier, family),
                     elements_of(pairs));
}

std::vector<PrefixPair> difference(const std::vector<PrefixPair>& of,
                                   const std::vector<PrefixPair>& without) {
  std::vector<PrefixPair> result;
  std::set_difference(of.begin(), of.end(), without.begin(), without.end(),
                      std::back_inserter(result));
  return result;
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
  text +=
      "  chain inbound {\n"
      "    type filter hook prerouting priority mangle; policy accept;\n"
      "    meta ipsec missing jump in_rules\n"
      "  }\n"
      "  chain inbound_translated {\n"
      "    type filter hook prerouting priority dstnat + 1; policy accept;\n"
      "    ct status snat,dnat meta ipsec missing jump in_rules\n"
      "  }\n"
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
    for (std::size_t i = 0; i < to.tiers.size() && i < from.tiers.size(); ++i) {
      for (const auto family : kFamilies) {
        const auto& before = pairs_of(from.tiers[i], family);
        const auto& after = pairs_of(to.tiers[i], family);
        text += adding ? render_command("add", i, family, difference(after, before))
                       : render_command("delete", i, family, difference(before, after));
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
