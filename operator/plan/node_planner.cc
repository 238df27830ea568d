#include "operator/plan/node_planner.h"

#include "operator/plan/contest.h"
#include "operator/plan/draft.h"

namespace espalier::plan {

namespace {

const crds::NodeEndpoint* endpoint_of(const Contest& contest, std::string_view node) {
  const auto at = contest.find(node);
  return at ? contest.nodes()[*at] : nullptr;
}

}  // namespace

NodePlanner::NodePlanner(std::string node) : node_(std::move(node)) {}
NodePlanner::~NodePlanner() = default;
NodePlanner::NodePlanner(NodePlanner&&) noexcept = default;
NodePlanner& NodePlanner::operator=(NodePlanner&&) noexcept = default;

bool NodePlanner::same_for_all(const Contest& contest) const {
  return contest_ && !dropped_ && contest.policies() == contest_->policies() &&
         endpoint_of(contest, node_) == endpoint_of(*contest_, node_);
}

void NodePlanner::forget_changed(const Contest& contest) {
  for (auto pair = pairs_.begin(); pair != pairs_.end();) {
    const bool same = endpoint_of(contest, pair->first) == pair->second.peer;
    pair = same ? std::next(pair) : pairs_.erase(pair);
  }
}

const NodePlan& NodePlanner::update(const World& world) {
  auto contest = std::make_unique<Contest>(world, contest_.get());
  if (same_for_all(*contest)) {
    forget_changed(*contest);
  } else {
    pairs_.clear();
  }

  // The connections of the pairs that stay move over. A node's name has no '/' and no space, so
  // those of Tunnels and blocks are found under none.
  Draft draft = begin_draft(*contest, node_);
  std::vector<std::pair<std::string, Fingerprint>> kept;  // in order of their names
  kept.reserve(plan_.connections.size());
  draft.plan.connections.reserve(plan_.connections.size() + 8);
  for (std::size_t i = 0; i < plan_.connections.size(); ++i) {
    ConnectionPlan& connection = plan_.connections[i];
    if (pairs_.find(connection.peer) == pairs_.end()) continue;
    kept.emplace_back(connection.name, fingerprints_[i]);
    draft.plan.connections.push_back(std::move(connection));
  }

  pairs_planned_ = 0;
  const auto self = contest->find(node_);
  for (std::size_t peer = 0; self && peer < contest->nodes().size(); ++peer) {
    const crds::NodeEndpoint* endpoint = contest->nodes()[peer];
    if (peer == *self || pairs_.find(endpoint->meta.name) != pairs_.end()) continue;
    Draft made;
    plan_pair(*contest, *self, peer, made);
    ++pairs_planned_;
    for (ConnectionPlan& connection : made.plan.connections) {
      draft.plan.connections.push_back(std::move(connection));
    }
    pairs_.emplace(endpoint->meta.name,
                   Pair{endpoint, std::move(made.plan.bypass), std::move(made.notes),
                        std::move(made.effective_exemptions)});
  }
  for (const auto& [name, pair] : pairs_) {
    draft.plan.bypass.insert(draft.plan.bypass.end(), pair.bypass.begin(), pair.bypass.end());
    draft.notes.add(pair.notes);
    draft.effective_exemptions.insert(pair.effective_exemptions.begin(),
                                      pair.effective_exemptions.end());
  }
  plan_beside_pairs(world, *contest, draft);
  dropped_ = settle(draft);

  fingerprints_.clear();
  auto known = kept.begin();
  for (const ConnectionPlan& connection : draft.plan.connections) {
    while (known != kept.end() && known->first < connection.name) ++known;
    const bool same = !dropped_ && known != kept.end() && known->first == connection.name;
    fingerprints_.push_back(same ? known->second : fingerprint_of(connection));
  }
  draft.plan.hash = hash_of(draft.plan, fingerprints_);
  plan_ = std::move(draft.plan);
  contest_ = std::move(contest);
  world_ = world;
  return plan_;
}

}  // namespace espalier::plan
