#include "operator/plan/kept_rules.h"

#include <algorithm>
#include <set>

#include "operator/plan/contest.h"

namespace espalier::plan {

namespace {

// The policies of `contest` that are not, as the same object, in `other`.
std::vector<std::size_t> only_in(const Contest& contest, const Contest& other) {
  const std::set<const crds::IPsecPolicy*> known(other.policies().begin(), other.policies().end());
  std::vector<std::size_t> own;
  for (std::size_t policy = 0; policy < contest.policies().size(); ++policy) {
    if (known.count(contest.policies()[policy]) == 0) own.push_back(policy);
  }
  return own;
}

bool concerned(const Contest& contest, const std::vector<std::size_t>& policies, std::size_t node) {
  return std::any_of(policies.begin(), policies.end(),
                     [&](std::size_t policy) { return contest.concerns(policy, node); });
}

}  // namespace

KeptRules::KeptRules() = default;
KeptRules::~KeptRules() = default;
KeptRules::KeptRules(KeptRules&&) noexcept = default;
KeptRules& KeptRules::operator=(KeptRules&&) noexcept = default;

std::vector<std::string> KeptRules::update(const World& world) {
  auto contest = std::make_unique<Contest>(world, contest_.get());
  const bool same_servers = world.api_servers == world_.api_servers;
  if (!contest_ || contest->nodes() != contest_->nodes() || !same_servers ||
      world.service_cidrs != world_.service_cidrs) {
    refusals_.clear();
  }
  TunnelsByNode tunnels = tunnels_by_node(world, *contest, refusals_);
  std::vector<std::size_t> fresh;  // policies
  std::vector<std::size_t> gone;
  if (contest_) {
    fresh = only_in(*contest, *contest_);
    gone = only_in(*contest_, *contest);
  }

  // What a node's rules are made of is what it was.
  const auto untouched = [&](const std::string& name) {
    if (!contest_ || !same_servers) return false;
    const auto now = contest->find(name);
    const auto before = contest_->find(name);
    if (now.has_value() != before.has_value()) return false;
    if (now && (contest->nodes()[*now] != contest_->nodes()[*before] ||
                concerned(*contest, fresh, *now) || concerned(*contest_, gone, *before))) {
      return false;
    }
    const auto own = tunnels.find(name);
    const auto had = tunnels_.find(name);
    if (own == tunnels.end() || had == tunnels_.end()) {
      return own == tunnels.end() && had == tunnels_.end();
    }
    return own->second == had->second;
  };

  std::set<std::string> names;
  for (const crds::NodeEndpoint* node : contest->nodes()) names.insert(node->meta.name);
  for (const auto& [node, own] : tunnels) names.insert(node);
  std::vector<std::string> changed;
  nodes_planned_ = 0;
  for (auto known = all_.begin(); known != all_.end();) {
    if (names.count(known->first) != 0) {
      ++known;
      continue;
    }
    changed.push_back(known->first);
    known = all_.erase(known);
  }
  for (const std::string& name : names) {
    const auto known = all_.find(name);
    if (known != all_.end() && untouched(name)) continue;
    ++nodes_planned_;
    NodeRules made = rules_of_node(world, *contest, tunnels, name);
    if (known == all_.end()) {
      all_.emplace(name, std::move(made.spec));
    } else if (known->second != made.spec) {
      known->second = std::move(made.spec);
    } else {
      continue;
    }
    changed.push_back(name);
  }
  std::sort(changed.begin(), changed.end());
  contest_ = std::move(contest);
  tunnels_ = std::move(tunnels);
  world_ = world;
  return changed;
}

bool KeptRules::in_use(const crds::IPsecPolicy& policy) const {
  if (!contest_) return false;
  const auto& policies = contest_->policies();
  const auto at = std::find(policies.begin(), policies.end(), &policy);
  if (at == policies.end()) return false;
  const auto number = static_cast<std::size_t>(at - policies.begin());
  for (std::size_t node = 0; node < contest_->nodes().size(); ++node) {
    if (contest_->concerns(number, node)) return true;
  }
  return false;
}

const crds::NodePolicySpec* KeptRules::find(std::string_view node) const {
  const auto at = all_.find(node);
  return at == all_.end() ? nullptr : &at->second;
}

}  // namespace espalier::plan
