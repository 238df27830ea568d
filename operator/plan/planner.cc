#include "operator/plan/planner.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <unordered_set>
#include <utility>

#include "operator/plan/contest.h"
#include "operator/plan/draft.h"
#include "operator/plan/outline.h"

namespace espalier::plan {

namespace {

NodePlan plan_with(const World& world, const Contest& contest, std::string_view node) {
  Draft draft = begin_draft(contest, node);
  if (const auto self = contest.find(node)) {
    for (std::size_t peer = 0; peer < contest.nodes().size(); ++peer) {
      if (peer != *self) plan_pair(contest, *self, peer, draft);
    }
  }
  plan_beside_pairs(world, contest, draft);
  return finish(std::move(draft));
}

// The kernel holds one policy per selector: the rule that is meant keeps it. Between equals what
// encrypts stays.
class UniqueSelectors {
 public:
  explicit UniqueSelectors(const NodePlan& plan) {
    for (const ConnectionPlan& connection : plan.connections) {
      for (const ChildPlan& child : connection.children) {
        for (const CoverRule& rule : child.rules) offer(rule.selector, rule.precedence);
      }
    }
    for (const BypassRule& rule : plan.bypass) offer(rule.selector, rule.precedence);
  }

  // True once per selector: for the first rule that has the best precedence.
  bool take(const Selector& selector, Precedence precedence) {
    const auto best = best_.find(selector);
    if (best == best_.end() || best->second != precedence) return false;
    best_.erase(best);
    return true;
  }

 private:
  void offer(const Selector& selector, Precedence precedence) {
    const auto [best, fresh] = best_.emplace(selector, precedence);
    if (!fresh) best->second = std::min(best->second, precedence);
  }

  std::map<Selector, Precedence> best_;
};

struct SelectorHash {
  std::size_t operator()(const Selector& selector) const {
    const std::hash<IpAddress> address;
    std::size_t hash = address(selector.local.address());
    for (const std::size_t part :
         {address(selector.remote.address()), static_cast<std::size_t>(selector.local.length()),
          static_cast<std::size_t>(selector.remote.length()),
          std::size_t{selector.protocol} << 32U | std::size_t{selector.local_port} << 16U |
              selector.remote_port,
          std::size_t{selector.icmp_type.value_or(0)}, std::hash<std::string>()(selector.pods)}) {
      hash = (hash ^ part) * 0x9e3779b97f4a7c15ULL;
      hash ^= hash >> 32U;
    }
    return hash;
  }
};

// As nearly always.
bool all_selectors_differ(const NodePlan& plan) {
  std::unordered_set<Selector, SelectorHash> seen;
  const auto fresh = [&seen](const auto& rule) { return seen.insert(rule.selector).second; };
  for (const ConnectionPlan& connection : plan.connections) {
    for (const ChildPlan& child : connection.children) {
      if (!std::all_of(child.rules.begin(), child.rules.end(), fresh)) return false;
    }
  }
  return std::all_of(plan.bypass.begin(), plan.bypass.end(), fresh);
}

// True if a connection lost a rule.
bool drop_double_rules(Draft& draft) {
  if (all_selectors_differ(draft.plan)) return false;
  UniqueSelectors unique(draft.plan);
  bool dropped = false;
  for (ConnectionPlan& connection : draft.plan.connections) {
    for (ChildPlan& child : connection.children) {
      const bool had_rules = !child.rules.empty();
      std::erase_if(child.rules, [&](const CoverRule& rule) {
        if (unique.take(rule.selector, rule.precedence)) return false;
        dropped = true;
        draft.notes.add(
            NoteKind::kShadowed, child.owner,
            rule.selector.to_string() + " is decided by another object that comes first", {});
        return true;
      });
      // A child that lost all its rules carries nothing; one that never had any waits for its peer.
      if (had_rules && child.rules.empty()) child.name.clear();
    }
    std::erase_if(connection.children, [](const ChildPlan& child) { return child.name.empty(); });
  }
  std::erase_if(draft.plan.connections,
                [](const ConnectionPlan& connection) { return connection.children.empty(); });
  std::erase_if(draft.plan.bypass, [&](const BypassRule& rule) {
    return !unique.take(rule.selector, rule.precedence);
  });
  return dropped;
}

// Where rules overlap, in which order they are meant.
constexpr auto kByOrder = [](const auto& a, const auto& b) {
  return std::tie(a.precedence, a.selector) < std::tie(b.precedence, b.selector);
};
constexpr auto kByName = [](const auto& a, const auto& b) { return a.name < b.name; };

}  // namespace

Draft begin_draft(const Contest& contest, std::string_view node) {
  Draft draft;
  draft.plan.node = std::string(node);
  const auto self = contest.find(node);
  if (!self) return draft;
  const crds::NodeEndpointSpec& spec = contest.nodes()[*self]->spec;
  draft.plan.addresses = spec.addresses;
  draft.plan.pod_cidrs = spec.pod_cidrs;
  std::sort(draft.plan.addresses.begin(), draft.plan.addresses.end());
  std::sort(draft.plan.pod_cidrs.begin(), draft.plan.pod_cidrs.end());
  return draft;
}

void plan_beside_pairs(const World& world, const Contest& contest, Draft& draft) {
  if (const auto self = contest.find(draft.plan.node)) {
    plan_blocks(contest, *self, draft);
    for (std::size_t policy = 0; policy < contest.policies().size(); ++policy) {
      if (contest.is_member(policy, *self)) add_idle_exemptions(*contest.policies()[policy], draft);
    }
  } else if (!contest.policies().empty()) {
    draft.notes.add(NoteKind::kNothingToCover, {"NodeEndpoint", {}, draft.plan.node},
                    "there is no NodeEndpoint of this name, so no IPsecPolicy applies", {});
  }
  plan_tunnels(world, contest, draft);
  add_always_exempt(world, draft);
}

bool settle(Draft& draft) {
  NodePlan& plan = draft.plan;
  // What a NodePlanner kept comes first and in order.
  const auto tail = std::is_sorted_until(plan.connections.begin(), plan.connections.end(), kByName);
  std::sort(tail, plan.connections.end(), kByName);
  std::inplace_merge(plan.connections.begin(), tail, plan.connections.end(), kByName);
  for (ConnectionPlan& connection : plan.connections) {
    std::sort(connection.children.begin(), connection.children.end(), kByName);
    for (ChildPlan& child : connection.children) {
      std::sort(child.rules.begin(), child.rules.end(), kByOrder);
    }
  }
  std::stable_sort(plan.bypass.begin(), plan.bypass.end(), kByOrder);
  const bool dropped = drop_double_rules(draft);
  plan.connections.shrink_to_fit();  // a plan lives long, and a connection is large
  plan.notes = draft.notes.notes();
  return dropped;
}

NodePlan finish(Draft draft) {
  (void)settle(draft);
  draft.plan.hash = hash_of(draft.plan);
  return std::move(draft.plan);
}

std::vector<NodePlan> plan(const World& world) {
  const Contest contest(world);
  std::set<std::string_view> names;
  for (const crds::NodeEndpoint* node : contest.nodes()) names.insert(node->meta.name);
  for (const auto& tunnel : world.tunnels) names.insert(tunnel->spec.local.node);
  std::vector<NodePlan> plans;
  for (const std::string_view name : names) plans.push_back(plan_with(world, contest, name));
  return plans;
}

NodePlan plan_node(const World& world, std::string_view node) {
  return plan_with(world, Contest(world), node);
}

}  // namespace espalier::plan
