// Policies towards address blocks: what holds for the addresses in them that belong to no node.
//
// Pods in such a block are their nodes' business (PodToPod, PodToNode), so their blocks are cut
// out. Nodes in it have rules of their own, which come first.
#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "operator/plan/contest.h"
#include "operator/plan/draft.h"
#include "operator/plan/prefixes.h"
#include "operator/plan/settings.h"

namespace espalier::plan {

namespace {

// A piece of a policy's block, and how long the block is that it was cut from.
struct Piece {
  Prefix block;
  int peer_length = 0;
};

// All blocks of the policy in this family without their exceptions and without `others`.
std::vector<Piece> pieces_of(const crds::IPsecPolicySpec& spec, IpFamily family,
                             const std::vector<Prefix>& others) {
  std::vector<Piece> pieces;
  for (const crds::PolicyPeer& peer : spec.peers) {
    const crds::IpBlock& block = peer.ip_block;
    if (block.cidr.family() != family) continue;
    std::vector<Prefix> holes = others;
    holes.insert(holes.end(), block.except.begin(), block.except.end());
    for (const Prefix& piece : subtract(block.cidr, holes)) {
      pieces.push_back({piece, block.cidr.length()});
    }
  }
  return pieces;
}

// A policy wants to decide about the addresses of a block.
struct Claim {
  Prefix block;
  Candidate who;
};

class Blocks {
 public:
  Blocks(const Contest& contest, std::size_t self, Draft& draft)
      : contest_(contest), self_(*contest.nodes()[self]), index_(self), draft_(draft) {
    for (const crds::NodeEndpoint* node : contest.nodes()) {
      for (const IpAddress& address : node->spec.addresses) nodes_.insert(Prefix::host(address));
      pods_.insert(pods_.end(), node->spec.pod_cidrs.begin(), node->spec.pod_cidrs.end());
    }
    pods_ = merged(std::move(pods_));
  }

  void plan() {
    // By name, which is the last criterion of the contest: what an earlier policy took at the same
    // precedence is not there for a later one.
    for (std::size_t policy = 0; policy < contest_.policies().size(); ++policy) {
      const crds::IPsecPolicySpec& spec = contest_.policies()[policy]->spec;
      if (spec.peers.empty() || !contest_.is_member(policy, index_)) continue;
      const auto wants = [&](crds::Traffic traffic) {
        return std::find(spec.traffic.begin(), spec.traffic.end(), traffic) != spec.traffic.end();
      };
      if (wants(crds::Traffic::kNodeToNode) || wants(crds::Traffic::kPodToNode)) {
        for (const IpAddress& address : self_.spec.addresses) plan_policy(policy, address);
      } else {
        draft_.notes.add(
            NoteKind::kNothingToCover, owner_of(*contest_.policies()[policy]),
            "PodToPod reaches no address in peers that is no node's: its pods are not known", {});
      }
    }
    tell_losers();
  }

 private:
  // All nodes' pods, and the nodes about which the policy decides nothing although it names them.
  [[nodiscard]] std::vector<Prefix> not_its_own(std::size_t policy) const {
    std::vector<Prefix> others = pods_;
    for (std::size_t node = 0; node < contest_.nodes().size(); ++node) {
      if (!contest_.lost_in_overlay(policy, index_, node)) continue;
      for (const IpAddress& address : contest_.nodes()[node]->spec.addresses)
        others.push_back(Prefix::host(address));
    }
    return others;
  }

  void plan_policy(std::size_t number, const IpAddress& address) {
    const crds::IPsecPolicy& policy = *contest_.policies()[number];
    const crds::IPsecPolicySpec& spec = policy.spec;
    const bool bypass = spec.enforcement == crds::Enforcement::kBypass;
    const Prefix local = Prefix::host(address);
    const char* family = address.is_v4() ? "v4" : "v6";
    const std::string pods = spec.selects_pods() ? policy.meta.name : std::string();
    ChildPlan child =
        child_from(policy, pods.empty() ? "nodes" : "nodes/" + pods, Mode::kTransport);
    std::vector<Prefix> remotes;
    for (const Piece& piece : pieces_of(spec, address.family(), not_its_own(number))) {
      if (nodes_.count(piece.block) != 0) continue;
      claims_.push_back({piece.block, {&policy, piece.peer_length, spec.selects_pods()}});
      const Precedence precedence =
          policy_precedence(spec.priority, piece.peer_length, spec.enforcement, Part::kBlock);
      std::vector<Prefix>& taken = taken_[precedence];
      const std::vector<Prefix> left = subtract(piece.block, taken);
      for (const Prefix& remote : left) {
        const Selector selector{local, remote, 0, 0, 0, std::nullopt, pods};
        if (bypass) {
          draft_.plan.bypass.push_back({selector, precedence, owner_of(policy).to_string()});
        } else {
          child.rules.push_back({selector, precedence});
          exempt_from(selector, policy, piece.peer_length, Part::kBlockExemption, draft_);
        }
        remotes.push_back(remote);
      }
      if (pods.empty()) taken.insert(taken.end(), left.begin(), left.end());
    }
    if (child.rules.empty()) return;

    // Nobody can be called before it is known who is there.
    if (child.establish == Establish::kEager) child.establish = Establish::kOnDemand;
    ConnectionPlan connection = connection_from(policy);
    connection.name = fmt::format("block/{}/{}", policy.meta.name, family);
    connection.peer = fmt::format("blocks of {}", owner_of(policy).to_string());
    connection.local_address = address;
    std::sort(remotes.begin(), remotes.end());
    connection.remote_blocks = std::move(remotes);
    connection.local_identity = self_.spec.identity;
    connection.initiate = Initiate::kInitiator;
    if (connection.liveness.action == LivenessAction::kRestart)
      connection.liveness.action = LivenessAction::kTrap;
    connection.children.push_back(std::move(child));
    draft_.plan.connections.push_back(std::move(connection));
  }

  // Of every two policies that claim the same addresses, the one that loses them.
  void tell_losers() {
    std::stable_sort(claims_.begin(), claims_.end(),
                     [](const Claim& a, const Claim& b) { return a.block < b.block; });
    // Blocks nest or are apart, so in this order those around a block come before it.
    std::vector<const Claim*> around;
    for (auto claim = claims_.begin(); claim != claims_.end();) {
      const Prefix& block = claim->block;
      while (!around.empty() && !around.back()->block.contains(block)) around.pop_back();
      for (; claim != claims_.end() && claim->block == block; ++claim) around.push_back(&*claim);
      tell_losers(around);
    }
  }

  // `around`: all claims to one block, those to exactly this one last. A policy's longest counts.
  void tell_losers(const std::vector<const Claim*>& around) {
    std::vector<const Claim*> here;
    for (std::size_t i = around.size(); i-- > 0;) {
      const Candidate& one = around[i]->who;
      const auto same = [&](const Claim* other) { return other->who.policy == one.policy; };
      if (std::any_of(here.begin(), here.end(), same)) continue;
      for (const Claim* other : here) {
        if (other->block != around.back()->block) break;
        const bool wins = beats(one, other->who);
        tell_shadowed(draft_, "NodeToNode", wins ? other->who : one, wins ? one : other->who,
                      other->block.to_string());
      }
      here.push_back(around[i]);
    }
  }

  const Contest& contest_;
  const crds::NodeEndpoint& self_;
  const std::size_t index_;
  Draft& draft_;
  std::set<Prefix> nodes_;    // all nodes' addresses
  std::vector<Prefix> pods_;  // all pod blocks, merged
  std::map<Precedence, std::vector<Prefix>> taken_;
  std::vector<Claim> claims_;
};

}  // namespace

void plan_blocks(const Contest& contest, std::size_t self, Draft& draft) {
  // Nothing to do for most; what the blocks are cut by is dear in a large cluster.
  const auto names_blocks = [&](std::size_t policy) {
    return !contest.policies()[policy]->spec.peers.empty() && contest.is_member(policy, self);
  };
  std::size_t policy = 0;
  while (policy < contest.policies().size() && !names_blocks(policy)) ++policy;
  if (policy == contest.policies().size()) return;
  Blocks(contest, self, draft).plan();
}

}  // namespace espalier::plan
