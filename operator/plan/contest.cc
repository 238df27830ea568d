#include "operator/plan/contest.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

namespace espalier::plan {

namespace {

std::size_t family_index(IpFamily family) {
  return family == IpFamily::kV4 ? 0 : 1;
}

std::string_view name_of(crds::Enforcement enforcement) {
  switch (enforcement) {
    case crds::Enforcement::kRequired:
      return "Required";
    case crds::Enforcement::kPreferred:
      return "Preferred";
    case crds::Enforcement::kBypass:
      return "Bypass";
  }
  return "unknown";
}

// Left out, nodeSelector means all Linux nodes; a node that does not say is taken for one.
bool selects(const crds::IPsecPolicySpec& spec, const crds::NodeEndpoint& node) {
  if (spec.node_selector) return spec.node_selector->matches(node.meta.labels);
  const auto os = node.meta.labels.find("kubernetes.io/os");
  return os == node.meta.labels.end() || os->second == "linux";
}

// It chooses among pods what may pass in clear.
bool weak_choice_of_pods(const crds::IPsecPolicySpec& spec) {
  return spec.selects_pods() && spec.enforcement != crds::Enforcement::kRequired;
}

template <typename Kind>
std::vector<const Kind*> by_name(const std::vector<std::shared_ptr<const Kind>>& objects) {
  std::map<std::string_view, const Kind*> sorted;
  for (const auto& object : objects) sorted[object->meta.name] = object.get();
  std::vector<const Kind*> all;
  for (const auto& [name, object] : sorted) all.push_back(object);
  return all;
}

}  // namespace

std::string_view name_of(Flow flow) {
  switch (flow) {
    case Flow::kNodeV4:
      return "NodeToNode over IPv4";
    case Flow::kNodeV6:
      return "NodeToNode over IPv6";
    case Flow::kPodToPod:
      return "PodToPod";
    case Flow::kPodToNode:
      return "PodToNode";
  }
  return "unknown";
}

bool beats(const Candidate& a, const Candidate& b) {
  const crds::IPsecPolicySpec& left = a.policy->spec;
  const crds::IPsecPolicySpec& right = b.policy->spec;
  if (left.priority != right.priority) return left.priority > right.priority;
  if (a.peer_length != b.peer_length) return a.peer_length > b.peer_length;
  if (left.enforcement != right.enforcement) return left.enforcement < right.enforcement;
  return a.policy->meta.name < b.policy->meta.name;
}

std::size_t deciders(const std::vector<Candidate>& candidates) {
  std::size_t count = 0;
  while (count < candidates.size() && candidates[count].some_pods) ++count;
  return std::min(count + 1, candidates.size());
}

std::string reason_to_beat(const Candidate& a, const Candidate& b) {
  const crds::IPsecPolicySpec& left = a.policy->spec;
  const crds::IPsecPolicySpec& right = b.policy->spec;
  if (left.priority != right.priority) {
    return fmt::format("priority {} is higher than {}", left.priority, right.priority);
  }
  if (a.peer_length != b.peer_length) {
    const std::string other =
        right.peers.empty() ? std::string("naming no peers") : fmt::format("/{}", b.peer_length);
    return fmt::format("peer prefix /{} is longer than {}", a.peer_length, other);
  }
  if (left.enforcement != right.enforcement) {
    return fmt::format("{} comes before {}", name_of(left.enforcement), name_of(right.enforcement));
  }
  return fmt::format("name {} comes before {}", a.policy->meta.name, b.policy->meta.name);
}

std::optional<int> named_length(const crds::IPsecPolicySpec& spec, const IpAddress& address) {
  std::optional<int> longest;
  for (const crds::PolicyPeer& peer : spec.peers) {
    const crds::IpBlock& block = peer.ip_block;
    if (!block.cidr.contains(address)) continue;
    const bool excepted = std::any_of(block.except.begin(), block.except.end(),
                                      [&](const Prefix& hole) { return hole.contains(address); });
    if (!excepted) longest = std::max(longest.value_or(0), block.cidr.length());
  }
  return longest;
}

Contest::Contest(const World& world, const Contest* before)
    : nodes_(by_name(world.endpoints)), policies_(by_name(world.policies)) {
  constexpr std::size_t kNew = ~std::size_t{0};
  std::vector<std::size_t> old_node(nodes_.size(), kNew);  // its number in `before`
  std::map<const crds::IPsecPolicy*, const View*> old_views;
  if (before) {
    std::size_t old = 0;
    for (std::size_t node = 0; node < nodes_.size(); ++node) {
      const std::string& name = nodes_[node]->meta.name;
      while (old < before->nodes_.size() && before->nodes_[old]->meta.name < name) ++old;
      if (old < before->nodes_.size() && before->nodes_[old] == nodes_[node]) old_node[node] = old;
    }
    for (std::size_t i = 0; i < before->policies_.size(); ++i) {
      old_views.emplace(before->policies_[i], &before->views_[i]);
    }
  }
  for (const crds::IPsecPolicy* policy : policies_) {
    const auto known = old_views.find(policy);
    View view = empty_view(*policy);
    view.member.reserve(nodes_.size());
    view.named.reserve(nodes_.size());
    for (std::size_t node = 0; node < nodes_.size(); ++node) {
      if (known == old_views.end() || old_node[node] == kNew) {
        look_at(*policy, *nodes_[node], view);
      } else {
        view.member.push_back(known->second->member[old_node[node]]);
        view.named.push_back(known->second->named[old_node[node]]);
      }
    }
    views_.push_back(std::move(view));
  }
}

Contest::View Contest::empty_view(const crds::IPsecPolicy& policy) {
  View view;
  for (const crds::Traffic traffic : policy.spec.traffic) {
    view.traffic[static_cast<std::size_t>(traffic)] = true;
  }
  return view;
}

void Contest::look_at(const crds::IPsecPolicy& policy, const crds::NodeEndpoint& node,
                      View& view) const {
  view.member.push_back(selects(policy.spec, node));
  std::array<int, 2> named = {kNotNamed, kNotNamed};
  for (const IpAddress& address : node.spec.addresses) {
    named[family_index(address.family())] = named_length(policy.spec, address).value_or(kNotNamed);
  }
  view.named.push_back(named);
}

std::optional<std::size_t> Contest::find(std::string_view node) const {
  const auto place =
      std::lower_bound(nodes_.begin(), nodes_.end(), node,
                       [](const crds::NodeEndpoint* endpoint, std::string_view name) {
                         return endpoint->meta.name < name;
                       });
  if (place == nodes_.end() || (*place)->meta.name != node) return std::nullopt;
  return static_cast<std::size_t>(std::distance(nodes_.begin(), place));
}

bool Contest::overlay(std::size_t a, std::size_t b) const {
  return nodes_[a]->spec.pod_network == crds::PodNetwork::kOverlay ||
         nodes_[b]->spec.pod_network == crds::PodNetwork::kOverlay;
}

bool Contest::lost_in_overlay(std::size_t policy, std::size_t a, std::size_t b) const {
  return weak_choice_of_pods(policies_[policy]->spec) && overlay(a, b) &&
         peer_length(policy, a, b, Flow::kPodToPod) != kNotNamed;
}

bool Contest::wants(std::size_t policy, bool overlay, Flow flow) const {
  if (overlay && weak_choice_of_pods(policies_[policy]->spec)) return false;
  const View& view = views_[policy];
  const bool nodes = view.traffic[static_cast<std::size_t>(crds::Traffic::kNodeToNode)];
  const bool pods = view.traffic[static_cast<std::size_t>(crds::Traffic::kPodToPod)];
  const bool both = view.traffic[static_cast<std::size_t>(crds::Traffic::kPodToNode)];
  switch (flow) {
    case Flow::kNodeV4:
    case Flow::kNodeV6:
      // Masquerade turns PodToNode into NodeToNode; an overlay does so with all pod traffic.
      return nodes || both || (overlay && pods);
    case Flow::kPodToPod:
      return pods && !overlay;
    case Flow::kPodToNode:
      return both && !overlay;
  }
  return false;
}

// kNotNamed: the policy does not apply to this pair.
int Contest::peer_length(std::size_t policy, std::size_t a, std::size_t b, Flow flow) const {
  const View& view = views_[policy];
  if (policies_[policy]->spec.peers.empty())
    return view.member[a] && view.member[b] ? 0 : kNotNamed;
  // Node flows are named by an address of their family; pod flows by any address of the node.
  const auto named = [&](std::size_t node) {
    const std::array<int, 2>& lengths = view.named[node];
    if (flow == Flow::kNodeV4) return lengths[0];
    if (flow == Flow::kNodeV6) return lengths[1];
    return std::max(lengths[0], lengths[1]);
  };
  // Either end may be the one that is named: what a sends, b must expect.
  return std::max(view.member[a] ? named(b) : kNotNamed, view.member[b] ? named(a) : kNotNamed);
}

std::vector<Candidate> Contest::candidates(std::size_t a, std::size_t b, Flow flow) const {
  std::vector<Candidate> all;
  const bool in_overlay = overlay(a, b);
  for (std::size_t policy = 0; policy < policies_.size(); ++policy) {
    if (!wants(policy, in_overlay, flow)) continue;
    const int length = peer_length(policy, a, b, flow);
    if (length == kNotNamed) continue;
    const bool some_pods = policies_[policy]->spec.selects_pods() && !in_overlay;
    all.push_back({policies_[policy], length, some_pods});
  }
  std::sort(all.begin(), all.end(), beats);
  return all;
}

std::string Contest::why_not(std::size_t policy, std::size_t a, std::size_t b, Flow flow) const {
  const View& view = views_[policy];
  if (lost_in_overlay(policy, a, b)) return "its pods cannot be told apart in an overlay";
  if (!wants(policy, overlay(a, b), flow)) {
    return fmt::format("its traffic does not name {}", name_of(flow));
  }
  if (peer_length(policy, a, b, flow) != kNotNamed) return {};
  const auto no_member = [&](std::size_t node) {
    return fmt::format("its nodeSelector does not select {}", nodes_[node]->meta.name);
  };
  if (!view.member[a] && !view.member[b]) {
    return fmt::format("its nodeSelector selects neither {} nor {}", nodes_[a]->meta.name,
                       nodes_[b]->meta.name);
  }
  if (policies_[policy]->spec.peers.empty()) return no_member(view.member[a] ? b : a);
  if (view.member[a]) return fmt::format("its peers do not name {}", nodes_[b]->meta.name);
  return no_member(a) + fmt::format(", and its peers do not name {}", nodes_[a]->meta.name);
}

}  // namespace espalier::plan
