// Two nodes: who decides about each flow between them, and what follows for one of the two.
#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>

#include "operator/plan/contest.h"
#include "operator/plan/draft.h"
#include "operator/plan/settings.h"

namespace espalier::plan {

namespace {

constexpr std::array<IpFamily, 2> kFamilies = {IpFamily::kV4, IpFamily::kV6};

std::string_view name_of(IpFamily family) {
  return family == IpFamily::kV4 ? "v4" : "v6";
}

bool encrypts(const Candidate& winner) {
  return winner.policy->spec.enforcement != crds::Enforcement::kBypass;
}

// "pods", or "pods/web" of a policy that is for some pods only.
std::string child_name(const char* what, const Candidate& winner) {
  return winner.some_pods ? fmt::format("{}/{}", what, winner.policy->meta.name) : what;
}

class Pair {
 public:
  Pair(const Contest& contest, std::size_t self, std::size_t peer, Draft& draft)
      : contest_(contest),
        self_(*contest.nodes()[self]),
        peer_(*contest.nodes()[peer]),
        draft_(draft),
        first_(self_.meta.name < peer_.meta.name) {
    for (const Flow flow : kFlows) hold_contest(self, peer, flow);
    for (const IpFamily family : kFamilies) {
      if (address_of(self_, family) && address_of(peer_, family)) shared_.push_back(family);
    }
    tell_of_overlay(self, peer);
  }

  void plan() {
    if (shared_.empty()) return tell_of_families();
    choose_profile();
    for (const IpFamily family : kFamilies) plan_nodes(family);
    plan_pods();
    for (auto& [family, connection] : connections_) {
      draft_.plan.connections.push_back(std::move(connection));
    }
  }

 private:
  // Those who win something of the flow, the first first.
  using Winners = std::vector<Candidate>;
  [[nodiscard]] const Winners& winners(Flow flow) const {
    return winners_[static_cast<std::size_t>(flow)];
  }
  [[nodiscard]] const Candidate* winner_of(Flow flow, const crds::IPsecPolicy* policy) const {
    for (const Candidate& each : winners(flow)) {
      if (each.policy == policy) return &each;
    }
    return nullptr;
  }
  static Flow node_flow(IpFamily family) {
    return family == IpFamily::kV4 ? Flow::kNodeV4 : Flow::kNodeV6;
  }

  // Does the pair have such traffic at all?
  [[nodiscard]] bool possible(Flow flow) const {
    const auto both_have = [&](IpFamily family) {
      return address_of(self_, family) && address_of(peer_, family);
    };
    switch (flow) {
      case Flow::kNodeV4:
        return both_have(IpFamily::kV4);
      case Flow::kNodeV6:
        return both_have(IpFamily::kV6);
      case Flow::kPodToPod:
      case Flow::kPodToNode:
        return true;
    }
    return false;
  }

  void hold_contest(std::size_t self, std::size_t peer, Flow flow) {
    if (!possible(flow)) return;
    std::vector<Candidate> candidates = contest_.candidates(self, peer, flow);
    const std::size_t count = deciders(candidates);
    for (std::size_t i = 1; i < candidates.size(); ++i) {
      const auto lost_to = [&](const Candidate& winner) {
        tell_shadowed(draft_, plan::name_of(flow), candidates[i], winner, peer_.meta.name);
      };
      // The first of all takes its pods' part from everybody, the last decider the rest from those
      // behind it.
      if (candidates[0].some_pods) lost_to(candidates[0]);
      if (i >= count) lost_to(candidates[count - 1]);
    }
    candidates.resize(count);
    winners_[static_cast<std::size_t>(flow)] = std::move(candidates);
  }

  void tell_of_overlay(std::size_t self, std::size_t peer) {
    if (!contest_.overlay(self, peer)) return;
    for (std::size_t policy = 0; policy < contest_.policies().size(); ++policy) {
      if (!contest_.lost_in_overlay(policy, self, peer)) continue;
      draft_.notes.add(NoteKind::kOverlay, owner_of(*contest_.policies()[policy]),
                       "pods cannot be told apart in an overlay, so it has no effect",
                       peer_.meta.name);
    }
    for (const IpFamily family : kFamilies) {
      for (const Candidate& decides : winners(node_flow(family))) {
        if (!encrypts(decides)) continue;
        const auto& spec = decides.policy->spec;
        if (std::any_of(spec.traffic.begin(), spec.traffic.end(),
                        [](crds::Traffic t) { return t != crds::Traffic::kNodeToNode; })) {
          draft_.notes.add(
              NoteKind::kOverlay, owner_of(*decides.policy),
              spec.selects_pods()
                  ? "pods cannot be told apart in an overlay, so all of NodeToNode is covered"
                  : "pod traffic travels in an overlay and is covered by NodeToNode",
              peer_.meta.name);
        }
      }
    }
  }

  void tell_of_families() {
    for (const Flow flow : {Flow::kPodToPod, Flow::kPodToNode}) {
      for (const Candidate& decides : winners(flow)) {
        if (!encrypts(decides)) continue;
        draft_.notes.add(NoteKind::kNoSharedFamily, owner_of(*decides.policy),
                         "the nodes have no address family in common, so nothing is covered",
                         peer_.meta.name);
      }
    }
  }

  // One set of ike, authentication and ppk per pair, from the best of those who encrypt.
  void choose_profile() {
    for (const Flow flow : kFlows) {
      for (const Candidate& decides : winners(flow)) {
        if (encrypts(decides) && (!profile_ || beats(decides, *profile_))) profile_ = decides;
      }
    }
    if (!profile_) return;
    for (const Flow flow : kFlows) {
      for (const Candidate& other : winners(flow)) {
        if (!encrypts(other) || other.policy == profile_->policy ||
            same_profile(other.policy->spec, profile_->policy->spec)) {
          continue;
        }
        draft_.notes.add(NoteKind::kProfileConflict, owner_of(*other.policy),
                         fmt::format("ike, authentication and ppk are those of IPsecPolicy {} ({})",
                                     profile_->policy->meta.name, reason_to_beat(*profile_, other)),
                         peer_.meta.name);
      }
    }
  }

  ConnectionPlan& connection(IpFamily family) {
    const auto known = connections_.find(family);
    if (known != connections_.end()) return known->second;
    ConnectionPlan made = connection_from(*profile_->policy);
    made.name = fmt::format("{}/{}", peer_.meta.name, name_of(family));
    made.peer = peer_.meta.name;
    made.local_address = address_of(self_, family);
    made.remote_addresses = {*address_of(peer_, family)};
    made.local_identity = self_.spec.identity;
    made.remote_identity = peer_.spec.identity;
    made.initiate = first_ ? Initiate::kInitiator : Initiate::kAfterDelay;
    return connections_.emplace(family, std::move(made)).first->second;
  }

  // The rule, in clear or through the child, and what the winner exempts from it.
  void add_rule(const Candidate& winner, const Prefix& local, const Prefix& remote,
                ChildPlan* child) {
    const crds::IPsecPolicy& policy = *winner.policy;
    const Selector selector{local, remote, 0, 0, 0, std::nullopt, winner.pods()};
    const Precedence precedence = policy_precedence(policy.spec.priority, winner.peer_length,
                                                    policy.spec.enforcement, Part::kNode);
    if (child) {
      child->rules.push_back({selector, precedence});
      exempt_from(selector, policy, winner.peer_length, Part::kNodeExemption, draft_);
    } else {
      draft_.plan.bypass.push_back({selector, precedence, owner_of(policy).to_string()});
    }
  }

  void plan_nodes(IpFamily family) {
    if (!possible(node_flow(family))) return;
    const Prefix local = Prefix::host(*address_of(self_, family));
    const Prefix remote = Prefix::host(*address_of(peer_, family));
    if (winners(node_flow(family)).empty()) return tell_if_uncovered(family);
    for (const Candidate& decides : winners(node_flow(family))) {
      if (!encrypts(decides)) {
        add_rule(decides, local, remote, nullptr);
        continue;
      }
      ChildPlan child = child_from(*decides.policy, child_name("nodes", decides), Mode::kTransport);
      child.local_ts = {local};
      child.remote_ts = {remote};
      add_rule(decides, local, remote, &child);
      connection(family).children.push_back(std::move(child));
    }
  }

  // peers that name a node by one family only leave the other one alone: say so.
  void tell_if_uncovered(IpFamily family) {
    const IpFamily other = family == IpFamily::kV4 ? IpFamily::kV6 : IpFamily::kV4;
    for (const Candidate& covered : winners(node_flow(other))) {
      if (!encrypts(covered)) continue;
      draft_.notes.add(
          NoteKind::kFamilyNotNamed, owner_of(*covered.policy),
          fmt::format("peers name no {} address, so that family of NodeToNode stays in clear",
                      family == IpFamily::kV4 ? "IPv4" : "IPv6"),
          peer_.meta.name);
    }
  }

  using Blocks = std::vector<Prefix>;

  static Blocks hosts(const crds::NodeEndpoint& node) {
    Blocks all;
    for (const IpAddress& address : node.spec.addresses) all.push_back(Prefix::host(address));
    return all;
  }

  // Every pair of blocks of one family; false if there is none.
  bool add_rules(const Candidate& winner, const Blocks& locals, const Blocks& remotes,
                 ChildPlan* child) {
    bool any = false;
    for (const Prefix& local : locals) {
      for (const Prefix& remote : remotes) {
        if (local.family() != remote.family()) continue;
        add_rule(winner, local, remote, child);
        any = true;
      }
    }
    return any;
  }

  bool add_flow(Flow flow, const Candidate& decides, ChildPlan* child) {
    const Blocks& own_pods = self_.spec.pod_cidrs;
    const Blocks& their_pods = peer_.spec.pod_cidrs;
    if (flow == Flow::kPodToPod) return add_rules(decides, own_pods, their_pods, child);
    const bool out = add_rules(decides, own_pods, hosts(peer_), child);
    const bool in = add_rules(decides, hosts(self_), their_pods, child);
    return out || in;
  }

  // What a policy decides about pod traffic goes through one tunnel child. It hangs on the IKE SA
  // of the first family and carries both.
  void plan_pods() {
    for (const Candidate& pods : winners(Flow::kPodToPod)) {
      const bool together = winner_of(Flow::kPodToNode, pods.policy) != nullptr;
      plan_pod_child(
          together ? std::vector{Flow::kPodToPod, Flow::kPodToNode} : std::vector{Flow::kPodToPod},
          pods, "pods");
    }
    for (const Candidate& mixed : winners(Flow::kPodToNode)) {
      if (winner_of(Flow::kPodToPod, mixed.policy) == nullptr) {
        plan_pod_child({Flow::kPodToNode}, mixed, "pods-nodes");
      }
    }
  }

  void plan_pod_child(const std::vector<Flow>& flows, const Candidate& decides, const char* what) {
    if (!encrypts(decides)) {
      for (const Flow flow : flows) add_flow(flow, decides, nullptr);
      return;
    }
    ChildPlan child = child_from(*decides.policy, child_name(what, decides), Mode::kTunnel);
    for (const Flow flow : flows) {
      if (!add_flow(flow, decides, &child)) {
        draft_.notes.add(NoteKind::kNothingToCover, owner_of(*decides.policy),
                         fmt::format("{} has no pod blocks to cover", plan::name_of(flow)),
                         peer_.meta.name);
      }
    }
    if (child.rules.empty()) return;
    set_selectors(child);
    connection(shared_.front()).children.push_back(std::move(child));
  }

  // What is negotiated is the blocks that the rules name, each once.
  static void set_selectors(ChildPlan& child) {
    for (const CoverRule& rule : child.rules) {
      child.local_ts.push_back(rule.selector.local);
      child.remote_ts.push_back(rule.selector.remote);
    }
    for (Blocks* blocks : {&child.local_ts, &child.remote_ts}) {
      std::sort(blocks->begin(), blocks->end());
      blocks->erase(std::unique(blocks->begin(), blocks->end()), blocks->end());
    }
  }

  const Contest& contest_;
  const crds::NodeEndpoint& self_;
  const crds::NodeEndpoint& peer_;
  Draft& draft_;
  const bool first_;  // the lower name begins
  std::vector<IpFamily> shared_;
  std::array<Winners, kFlows.size()> winners_;
  std::optional<Candidate> profile_;
  std::map<IpFamily, ConnectionPlan> connections_;
};

}  // namespace

void tell_shadowed(Draft& draft, std::string_view flow, const Candidate& loser,
                   const Candidate& winner, const std::string& peer) {
  const std::string reason = reason_to_beat(winner, loser);
  const std::string& name = winner.policy->meta.name;
  draft.notes.add(
      NoteKind::kShadowed, owner_of(*loser.policy),
      winner.some_pods
          ? fmt::format("IPsecPolicy {} decides about {} of the pods that it selects ({})", name,
                        flow, reason)
          : fmt::format("{} is decided by IPsecPolicy {} ({})", flow, name, reason),
      peer);
}

void plan_pair(const Contest& contest, std::size_t self, std::size_t peer, Draft& draft) {
  Pair(contest, self, peer, draft).plan();
}

}  // namespace espalier::plan
