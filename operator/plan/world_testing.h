// Worlds for the planner's tests: small ones by hand, large ones by seed.
#pragma once

#include <algorithm>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include <fmt/format.h>

#include "operator/plan/node_plan.h"
#include "operator/plan/world.h"

namespace espalier::plan::testing {

inline IpAddress ip(const std::string& text) {
  return *IpAddress::parse(text);
}
inline Prefix block(const std::string& text) {
  return *Prefix::parse(text);
}

// node<i>: 10.10.0.<i>, fd00:10::<i>, pods 10.244.<i>.0/24 and fd00:244:<i>::/64.
inline crds::NodeEndpoint node(int i) {
  crds::NodeEndpoint made;
  made.meta.name = fmt::format("node{}", i);
  made.spec.addresses = {ip(fmt::format("10.10.0.{}", i)), ip(fmt::format("fd00:10::{:x}", i))};
  made.spec.pod_cidrs = {block(fmt::format("10.244.{}.0/24", i)),
                         block(fmt::format("fd00:244:{:x}::/64", i))};
  made.spec.identity = made.meta.name + ".nodes.example.com";
  return made;
}

inline crds::IPsecPolicy policy(const std::string& name, std::vector<crds::Traffic> traffic) {
  crds::IPsecPolicy made;
  made.meta.name = name;
  made.spec.traffic = std::move(traffic);
  return made;
}

inline crds::PolicyPeer peer(const std::string& cidr, std::vector<Prefix> except = {}) {
  return {{block(cidr), std::move(except)}};
}

inline void add(World& world, crds::NodeEndpoint made) {
  world.endpoints.push_back(std::make_shared<const crds::NodeEndpoint>(std::move(made)));
}
inline void add(World& world, crds::IPsecPolicy made) {
  world.policies.push_back(std::make_shared<const crds::IPsecPolicy>(std::move(made)));
}
inline void add(World& world, crds::Tunnel made) {
  world.tunnels.push_back(std::make_shared<const crds::Tunnel>(std::move(made)));
}

inline World nodes(int count) {
  World world;
  for (int i = 1; i <= count; ++i) add(world, node(i));
  return world;
}

// Nodes of one or both families, with and without pods, labels, and policies of every sort.
inline World random_world(std::uint32_t seed) {
  std::mt19937 random(seed);
  const auto below = [&](unsigned limit) { return static_cast<int>(random() % limit); };
  const auto chance = [&](unsigned percent) { return random() % 100 < percent; };
  World world;
  const int node_count = 2 + below(5);
  for (int i = 1; i <= node_count; ++i) {
    crds::NodeEndpoint made = node(i);
    if (chance(25)) made.spec.addresses.erase(made.spec.addresses.begin() + below(2));
    if (chance(15)) made.spec.pod_cidrs.clear();
    if (chance(15)) made.spec.pod_network = crds::PodNetwork::kOverlay;
    made.meta.labels["role"] = chance(50) ? "storage" : "web";
    add(world, std::move(made));
  }
  const int policy_count = 1 + below(6);
  for (int i = 0; i < policy_count; ++i) {
    crds::IPsecPolicy made;
    made.meta.name = fmt::format("policy{}", i);
    crds::IPsecPolicySpec& spec = made.spec;
    spec.priority = chance(60) ? 100 : 100 + below(3);
    spec.enforcement = static_cast<crds::Enforcement>(below(3));
    for (const auto traffic :
         {crds::Traffic::kNodeToNode, crds::Traffic::kPodToPod, crds::Traffic::kPodToNode}) {
      if (chance(60)) spec.traffic.push_back(traffic);
    }
    if (spec.traffic.empty()) spec.traffic.push_back(crds::Traffic::kNodeToNode);
    if (chance(30)) spec.node_selector = crds::LabelSelector{{{"role", "storage"}}, {}};
    if (chance(50)) {
      for (int j = 1 + below(2); j > 0; --j) {
        static const std::vector<std::string> kBlocks = {
            "10.10.0.0/16", "10.10.0.0/29", "10.10.0.2/31",  "fd00:10::/32",
            "10.0.0.0/8",   "10.10.0.3/32", "fd00:10::2/127"};
        crds::PolicyPeer named = peer(kBlocks[random() % kBlocks.size()]);
        if (named.ip_block.cidr.length() < 20 && named.ip_block.cidr.first().is_v4() &&
            chance(50)) {
          named.ip_block.except = {block("10.10.0.4/30")};
        }
        spec.peers.push_back(std::move(named));
      }
    }
    const bool for_nodes =
        std::count(spec.traffic.begin(), spec.traffic.end(), crds::Traffic::kNodeToNode) != 0;
    if (!for_nodes && chance(60)) spec.pod_selector = crds::LabelSelector{{{"app", "web"}}, {}};
    if (spec.enforcement != crds::Enforcement::kBypass) {
      if (chance(30)) spec.establish = crds::Establish::kOnDemand;
      if (chance(30)) spec.ike.lifetime = std::chrono::hours(1 + below(3));
      if (chance(30)) spec.esp.pfs = false;
      if (chance(40))
        spec.exemptions.push_back(
            {"dns", block("10.10.0.2/32"), {{crds::PortProtocol::kUdp, 53}}, {}});
      if (chance(20)) spec.exemptions.push_back({"all", block("fd00:10::/64"), {}, {}});
    }
    add(world, std::move(made));
  }
  return world;
}

// A Tunnel of one of the nodes; sometimes of one that has no NodeEndpoint, or towards addresses
// that are the cluster's own.
inline crds::Tunnel random_tunnel(std::mt19937& random) {
  const auto below = [&](unsigned limit) { return static_cast<int>(random() % limit); };
  crds::Tunnel made;
  made.meta.ns = below(2) == 0 ? "edge" : "node1";
  made.meta.name = below(3) == 0 ? "v4" : fmt::format("branch{}", below(3));
  made.spec.local.node = fmt::format("node{}", 1 + below(8));
  made.spec.local.identity = "gw.example.com";
  made.spec.remote.identity = "branch.example.com";
  made.spec.remote.addresses = {ip(fmt::format("203.0.113.{}", 1 + below(3)))};
  if (below(3) == 0)
    made.spec.remote.subnets = {block(below(2) == 0 ? "172.16.0.0/16" : "10.244.2.0/24")};
  return made;
}

inline World shuffled(World world, std::uint32_t seed);

// One change, of any kind, such as the API server reports them. An object that is changed is
// another object; the others stay the same.
inline void change(World& world, std::mt19937& random) {
  const auto below = [&](std::size_t limit) { return static_cast<std::size_t>(random() % limit); };
  const World other = random_world(static_cast<std::uint32_t>(random()));
  const auto put = [](auto& objects, const auto& object) {
    for (auto& known : objects) {
      if (crds::qualified_name(known->meta) == crds::qualified_name(object->meta)) {
        known = object;
        return;
      }
    }
    objects.push_back(object);
  };
  const auto take = [&](auto& objects) {
    if (!objects.empty()) {
      objects.erase(objects.begin() + static_cast<std::ptrdiff_t>(below(objects.size())));
    }
  };
  switch (below(10)) {
    case 0: {  // an address that another node has, too
      crds::NodeEndpoint twin = *other.endpoints[below(other.endpoints.size())];
      twin.spec.addresses = other.endpoints.front()->spec.addresses;
      return put(world.endpoints, std::make_shared<const crds::NodeEndpoint>(std::move(twin)));
    }
    case 1:
    case 2:
    case 9:
      return put(world.endpoints, other.endpoints[below(other.endpoints.size())]);
    case 3:
      return take(world.endpoints);
    case 4:
    case 5:
      return put(world.policies, other.policies[below(other.policies.size())]);
    case 6:
      return take(world.policies);
    case 7:
      if (below(3) == 0) return take(world.tunnels);
      return put(world.tunnels, std::make_shared<const crds::Tunnel>(random_tunnel(random)));
    default:
      world.api_servers.clear();
      if (below(2) == 0) world.api_servers.push_back({ip("10.10.0.1"), 6443});
      world = shuffled(std::move(world), static_cast<std::uint32_t>(random()));
  }
}

inline World shuffled(World world, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::shuffle(world.endpoints.begin(), world.endpoints.end(), random);
  std::shuffle(world.policies.begin(), world.policies.end(), random);
  std::shuffle(world.tunnels.begin(), world.tunnels.end(), random);
  return world;
}

// Names of policies that select a pod at either end of a flow.
using SelectedBy = std::set<std::string>;

// In which order rules are meant (node_plan.h).
inline auto rank_of(Precedence precedence, const Selector& selector) {
  return std::tuple(precedence >> 2U, selector.pods.empty(), selector.pods, precedence);
}

// The rule of a plan that a packet between two addresses meets first (no ports).
struct Met {
  Precedence precedence = 0;
  std::string who;  // "child node2/v4 nodes of IPsecPolicy x", "clear: IPsecPolicy y", "nobody"
  std::string owner;
  Selector selector;
};

inline Met meet(const NodePlan& plan, const IpAddress& local, const IpAddress& remote,
                const SelectedBy& selected = {}) {
  Met met{~Precedence{0}, "nobody", {}, {}};
  const auto offer = [&](const Selector& selector, Precedence precedence, const std::string& who,
                         const std::string& owner) {
    if (selector.protocol != 0 || !selector.local.contains(local) ||
        !selector.remote.contains(remote)) {
      return;
    }
    if (!selector.pods.empty() && selected.count(selector.pods) == 0) return;
    if (rank_of(precedence, selector) < rank_of(met.precedence, met.selector))
      met = {precedence, who, owner, selector};
  };
  for (const BypassRule& rule : plan.bypass)
    offer(rule.selector, rule.precedence, "clear: " + rule.why, rule.why);
  for (const ConnectionPlan& connection : plan.connections) {
    for (const ChildPlan& child : connection.children) {
      for (const CoverRule& rule : child.rules) {
        offer(
            rule.selector, rule.precedence,
            fmt::format("child {} {} of {}", connection.name, child.name, child.owner.to_string()),
            child.owner.to_string());
      }
    }
  }
  return met;
}

}  // namespace espalier::plan::testing
