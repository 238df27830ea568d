// How the guard's rules become few packet-filter rules over large sets. Pure.
//
// A tier is a run of rules with the same verdict, so that their order does not matter. Its pairs of
// prefixes go into one set per family, which the kernel searches in one step; what names a
// protocol or a port, and what a set cannot hold (a prefix of length 0, pairs that overlap without
// one holding the other), is a rule of its own.
#pragma once

#include <compare>
#include <cstdint>
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
  std::vector<PrefixPair> v4{};  // sorted; none overlaps another
  std::vector<PrefixPair> v6{};
  std::vector<Selector> singles{};  // outbound, sorted
  friend bool operator==(const Tier&, const Tier&) = default;
};

struct Layout {
  std::vector<std::uint16_t> ike_ports{};
  std::vector<Tier> tiers{};
  friend bool operator==(const Layout&, const Layout&) = default;
};

// kInvalid names the rule whose selector mixes families.
[[nodiscard]] Result<Layout> lay_out(const ClearTrafficRules& rules);

// Whether only elements of sets differ.
[[nodiscard]] bool same_shape(const Layout& one, const Layout& other);

}  // namespace espalier::dataplane::nft
