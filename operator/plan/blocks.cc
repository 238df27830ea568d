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
      const Precedence precedence =
          policy_precedence(spec.priority, piece.peer_length, spec.enforcement, Part::kBlock);
      std::vector<Prefix>& taken = taken_[precedence];
      const std::vector<Prefix> left = subtract(piece.block, taken);
      if (left.size() != 1 || left[0] != piece.block) {
        draft_.notes.add(
            NoteKind::kShadowed, owner_of(policy),
            fmt::format("parts of {} are decided by another policy of the same priority, block "
                        "length and enforcement",
                        piece.block.to_string()),
            {});
      }
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

  const Contest& contest_;
  const crds::NodeEndpoint& self_;
  const std::size_t index_;
  Draft& draft_;
  std::set<Prefix> nodes_;    // all nodes' addresses
  std::vector<Prefix> pods_;  // all pod blocks, merged
  std::map<Precedence, std::vector<Prefix>> taken_;
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
