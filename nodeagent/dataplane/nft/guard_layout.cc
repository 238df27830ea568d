#include "nodeagent/dataplane/nft/guard_layout.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

namespace espalier::dataplane::nft {

namespace {

bool contains(const PrefixPair& outer, const PrefixPair& inner) {
  return outer.local.contains(inner.local) && outer.remote.contains(inner.remote);
}

bool overlaps(const PrefixPair& one, const PrefixPair& other) {
  return one.local.overlaps(other.local) && one.remote.overlaps(other.remote);
}

// Sorted by address, then length: whatever holds a prefix stands before it, with nothing between
// but others that the holder holds.
std::vector<Prefix> without_held(std::vector<Prefix> prefixes) {
  std::sort(prefixes.begin(), prefixes.end());
  std::vector<Prefix> kept;
  for (const auto& prefix : prefixes) {
    if (kept.empty() || !kept.back().contains(prefix)) kept.push_back(prefix);
  }
  return kept;
}

// What a set can hold stays in `pairs`; the rest goes to `singles`, or is held by another anyway.
// Many remotes stand beside few locals, so only pairs under nested locals are compared one by one.
void separate(std::vector<PrefixPair>& pairs, std::vector<Selector>& singles) {
  std::map<Prefix, std::vector<Prefix>> by_local;
  for (const auto& pair : pairs) by_local[pair.local].push_back(pair.remote);
  pairs.clear();
  for (auto& [local, remotes] : by_local) remotes = without_held(std::move(remotes));

  for (const auto& [local, remotes] : by_local) {
    std::vector<const std::pair<const Prefix, std::vector<Prefix>>*> wider;
    for (const auto& other : by_local) {
      if (other.first != local && other.first.contains(local)) wider.push_back(&other);
    }
    for (const auto& remote : remotes) {
      const PrefixPair pair{local, remote};
      bool held = false;
      bool crosses = false;
      for (const auto* outer : wider) {
        for (const auto& other : outer->second) {
          const PrefixPair standing{outer->first, other};
          held = held || contains(standing, pair);
          crosses = crosses || overlaps(standing, pair);
        }
      }
      if (held) continue;
      if (crosses) {
        singles.push_back({local, remote});
      } else {
        pairs.push_back(pair);
      }
    }
  }
  std::sort(pairs.begin(), pairs.end());
}

bool fits_a_set(const Selector& selector) {
  return selector.protocol == 0 && selector.source_port == 0 && selector.destination_port == 0 &&
         selector.source.length() > 0 && selector.destination.length() > 0;
}

void put(Tier& tier, const Selector& selector) {
  if (!fits_a_set(selector)) {
    tier.singles.push_back(selector);
    return;
  }
  auto& pairs = selector.family() == IpFamily::kV4 ? tier.v4 : tier.v6;
  pairs.push_back({selector.source, selector.destination});
}

void finish(Tier& tier) {
  separate(tier.v4, tier.singles);
  separate(tier.v6, tier.singles);
  std::sort(tier.singles.begin(), tier.singles.end());
  tier.singles.erase(std::unique(tier.singles.begin(), tier.singles.end()), tier.singles.end());
}

// The sets of a group; its remotes are those of its rules.
PodSets sets_of(const GuardedPods& guarded, const std::vector<ClearTrafficRule>& rules) {
  PodSets sets;
  sets.group = guarded.group;
  sets.name = guarded.name;
  sets.known = guarded.pods.has_value();
  if (!sets.known) return sets;
  for (const auto& rule : rules) {
    if (rule.group != guarded.group.number) continue;
    auto& remotes = rule.outbound.family() == IpFamily::kV4 ? sets.remotes_v4 : sets.remotes_v6;
    remotes.push_back(rule.outbound.destination);
  }
  sets.remotes_v4 = without_held(std::move(sets.remotes_v4));
  sets.remotes_v6 = without_held(std::move(sets.remotes_v6));
  for (const auto& pod : *guarded.pods) (pod.is_v4() ? sets.pods_v4 : sets.pods_v6).push_back(pod);
  return sets;
}

}  // namespace

Result<Layout> lay_out(const ClearTrafficRules& rules) {
  Layout layout;
  layout.ike_ports = rules.ike_ports;
  std::sort(layout.ike_ports.begin(), layout.ike_ports.end());
  layout.ike_ports.erase(std::unique(layout.ike_ports.begin(), layout.ike_ports.end()),
                         layout.ike_ports.end());
  for (std::size_t i = 0; i < rules.rules.size(); ++i) {
    const auto& rule = rules.rules[i];
    if (rule.outbound.source.family() != rule.outbound.destination.family()) {
      return fail(Code::kInvalid, fmt::format("clear-traffic rule {}", i),
                  "mixes IPv4 and IPv6: " + rule.outbound.to_string());
    }
    const bool grouped =
        !rule.group || std::any_of(rules.groups.begin(), rules.groups.end(), [&](const auto& one) {
          return one.group.number == *rule.group;
        });
    if (!grouped) {
      return fail(Code::kInvalid, fmt::format("clear-traffic rule {}", i), "no such group of pods");
    }
    if (layout.tiers.empty() || layout.tiers.back().verdict != rule.verdict ||
        layout.tiers.back().group != rule.group) {
      layout.tiers.push_back(Tier{rule.verdict, rule.group});
    }
    put(layout.tiers.back(), rule.outbound);
  }
  // What passes last passes without a rule, too.
  while (!layout.tiers.empty() && layout.tiers.back().verdict == ClearVerdict::kPass) {
    layout.tiers.pop_back();
  }
  for (const auto& guarded : rules.groups) layout.pods.push_back(sets_of(guarded, rules.rules));
  for (auto& tier : layout.tiers) finish(tier);
  return layout;
}

bool same_shape(const Layout& one, const Layout& other) {
  const auto same = [](const Tier& left, const Tier& right) {
    return left.verdict == right.verdict && left.group == right.group &&
           left.singles == right.singles;
  };
  const auto same_pods = [](const PodSets& left, const PodSets& right) {
    return left.group == right.group && left.name == right.name && left.known == right.known;
  };
  return one.ike_ports == other.ike_ports &&
         std::equal(one.tiers.begin(), one.tiers.end(), other.tiers.begin(), other.tiers.end(),
                    same) &&
         std::equal(one.pods.begin(), one.pods.end(), other.pods.begin(), other.pods.end(),
                    same_pods);
}

}  // namespace espalier::dataplane::nft
