// How the guard's rules become few packet-filter rules over large sets. Pure.
//
// A tier is a run of rules with the same verdict for the same pods, so that their order does not
// matter. Its pairs of prefixes go into one set per family, which the kernel searches in one step;
// what names a protocol or a port, and what a set cannot hold (a prefix of length 0, pairs that
// overlap without one holding the other), is a rule of its own.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "nodeagent/dataplane/clear_traffic_guard.h"

namespace espalier::dataplane::nft {

struct PrefixPair {
  Prefix local{};
  Prefix remote{};
  friend auto operator<=>(const PrefixPair&, const PrefixPair&) = default;
};

struct Tier {
  ClearVerdict verdict = ClearVerdict::kPass;
  std::optional<std::uint8_t> group{};
  std::vector<PrefixPair> v4{};  // sorted; none overlaps another
  std::vector<PrefixPair> v6{};
  std::vector<Selector> singles{};  // outbound, sorted
  friend bool operator==(const Tier&, const Tier&) = default;
};

// A group's sets: whose packets are looked at, and who is in it.
struct PodSets {
  PodGroup group{};
  std::string name{};
  bool known = false;
  std::vector<Prefix> remotes_v4{};  // sorted; none holds another
  std::vector<Prefix> remotes_v6{};
  std::vector<IpAddress> pods_v4{};  // sorted
  std::vector<IpAddress> pods_v6{};
  friend bool operator==(const PodSets&, const PodSets&) = default;
};

struct Layout {
  std::vector<std::uint16_t> ike_ports{};
  std::vector<Tier> tiers{};
  std::vector<PodSets> pods{};
  friend bool operator==(const Layout&, const Layout&) = default;
};

// kInvalid names the rule whose selector mixes families, or whose group there is not.
[[nodiscard]] Result<Layout> lay_out(const ClearTrafficRules& rules);

// Whether only elements of sets differ.
[[nodiscard]] bool same_shape(const Layout& one, const Layout& other);

}  // namespace espalier::dataplane::nft
