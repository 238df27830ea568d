// What holds for every world, tried on many by seed.
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/plan/outline.h"
#include "operator/plan/planner.h"
#include "operator/plan/prefixes.h"
#include "operator/plan/world_testing.h"

namespace espalier::plan {
namespace {

using namespace testing;  // NOLINT: this test's own worlds

constexpr std::uint32_t kWorlds = 200;

class EveryWorld : public ::testing::Test {
 protected:
  template <typename Check>
  static void for_each(Check check) {
    for (std::uint32_t seed = 1; seed <= kWorlds; ++seed) {
      SCOPED_TRACE(fmt::format("seed {}", seed));
      const World world = random_world(seed);
      check(world, plan(world), seed);
      if (HasFailure()) return;
    }
  }

  static const ConnectionPlan* find(const NodePlan& plan, const std::string& name) {
    for (const ConnectionPlan& connection : plan.connections) {
      if (connection.name == name) return &connection;
    }
    return nullptr;
  }
};

Selector mirrored(Selector selector) {
  std::swap(selector.local, selector.remote);
  std::swap(selector.local_port, selector.remote_port);
  return selector;
}

ChildPlan mirrored(ChildPlan child) {
  std::swap(child.local_ts, child.remote_ts);
  for (CoverRule& rule : child.rules) rule.selector = mirrored(rule.selector);
  std::sort(child.rules.begin(), child.rules.end(), [](const CoverRule& a, const CoverRule& b) {
    return std::tie(a.precedence, a.selector) < std::tie(b.precedence, b.selector);
  });
  return child;
}

// What the other end must have planned, except for the names, which are each end's own.
ConnectionPlan mirrored(ConnectionPlan connection) {
  const IpAddress local = *connection.local_address;
  connection.local_address = connection.remote_addresses.at(0);
  connection.remote_addresses = {local};
  const std::string identity = connection.local_identity;
  connection.local_identity = *connection.remote_identity;
  connection.remote_identity = identity;
  connection.initiate =
      connection.initiate == Initiate::kInitiator ? Initiate::kAfterDelay : Initiate::kInitiator;
  for (ChildPlan& child : connection.children) child = mirrored(child);
  return connection;
}

TEST_F(EveryWorld, WhatOneEndSendsTheOtherExpects) {
  for_each([](const World&, const std::vector<NodePlan>& plans, std::uint32_t) {
    for (const NodePlan& a : plans) {
      for (const NodePlan& b : plans) {
        if (a.node == b.node) continue;
        for (const char* family : {"v4", "v6"}) {
          const ConnectionPlan* there = find(a, b.node + "/" + family);
          const ConnectionPlan* back = find(b, a.node + "/" + family);
          ASSERT_EQ(there == nullptr, back == nullptr)
              << a.node << " and " << b.node << " over " << family;
          if (!there) continue;
          ConnectionPlan expected = mirrored(*there);
          expected.name = back->name;
          expected.peer = back->peer;
          EXPECT_EQ(expected, *back) << a.node << " and " << b.node;
          EXPECT_EQ(there->initiate == Initiate::kInitiator, a.node < b.node);
        }
      }
    }
  });
}

TEST_F(EveryWorld, TheOrderOfTheObjectsDoesNotMatter) {
  for_each([](const World& world, const std::vector<NodePlan>& plans, std::uint32_t seed) {
    EXPECT_EQ(plan(shuffled(world, seed)), plans);
    for (const NodePlan& one : plans) EXPECT_EQ(plan_node(world, one.node), one);
  });
}

TEST_F(EveryWorld, TheKernelCanHoldEveryRule) {
  for_each([](const World&, const std::vector<NodePlan>& plans, std::uint32_t) {
    for (const NodePlan& plan : plans) {
      std::set<Selector> seen;
      std::multimap<std::pair<Precedence, std::string>, std::pair<Selector, std::string>> rules;
      const auto take = [&](const Selector& selector, Precedence precedence,
                            const std::string& owner) {
        EXPECT_TRUE(seen.insert(selector).second) << selector.to_string() << " comes twice";
        EXPECT_EQ(selector.local.family(), selector.remote.family());
        EXPECT_LT(precedence, Precedence{1} << 24U);
        rules.emplace(std::pair(precedence, selector.pods), std::pair(selector, owner));
      };
      for (const BypassRule& rule : plan.bypass) take(rule.selector, rule.precedence, "clear");
      std::set<std::string> names;
      for (const ConnectionPlan& connection : plan.connections) {
        EXPECT_TRUE(names.insert(connection.name).second) << connection.name;
        EXPECT_FALSE(connection.children.empty());
        for (const ChildPlan& child : connection.children) {
          EXPECT_FALSE(child.rules.empty());
          for (const CoverRule& rule : child.rules) {
            take(rule.selector, rule.precedence, connection.name + " " + child.name);
          }
        }
      }
      // Rules of equal precedence and for the same pods that lie over each other mean the same.
      for (auto a = rules.begin(); a != rules.end(); ++a) {
        for (auto b = std::next(a); b != rules.end() && b->first == a->first; ++b) {
          if (a->second.second == b->second.second) continue;
          EXPECT_FALSE(a->second.first.local.overlaps(b->second.first.local) &&
                       a->second.first.remote.overlaps(b->second.first.remote))
              << a->second.first.to_string() << " and " << b->second.first.to_string();
        }
      }
    }
  });
}

// The contest once more, from its definition, for one flow between two addresses.
struct Flow {
  const crds::NodeEndpoint* from;
  const crds::NodeEndpoint* to;  // nullptr: an address of no node
  IpAddress from_address;
  IpAddress to_address;
  bool from_pod;
  bool to_pod;
  SelectedBy selected;
};

const crds::IPsecPolicy* expected_winner(const World& world, const Flow& flow) {
  const auto member = [](const crds::IPsecPolicy& policy, const crds::NodeEndpoint& node) {
    return !policy.spec.node_selector || policy.spec.node_selector->matches(node.meta.labels);
  };
  const auto length = [](const crds::IPsecPolicy& policy, const IpAddress& address) {
    int longest = -1;
    for (const crds::PolicyPeer& peer : policy.spec.peers) {
      if (!peer.ip_block.cidr.contains(address)) continue;
      bool excepted = false;
      for (const Prefix& hole : peer.ip_block.except) excepted = excepted || hole.contains(address);
      if (!excepted) longest = std::max(longest, peer.ip_block.cidr.length());
    }
    return longest;
  };
  // A pod is named by its node: by any of the node's addresses.
  const auto end_length = [&](const crds::IPsecPolicy& policy, const crds::NodeEndpoint* node,
                              const IpAddress& address, bool pod_flow) {
    if (!pod_flow || !node) return length(policy, address);
    int longest = -1;
    for (const IpAddress& own : node->spec.addresses)
      longest = std::max(longest, length(policy, own));
    return longest;
  };
  const bool overlay = flow.to && (flow.from->spec.pod_network == crds::PodNetwork::kOverlay ||
                                   flow.to->spec.pod_network == crds::PodNetwork::kOverlay);
  const bool pod_flow = flow.from_pod || flow.to_pod;
  if (overlay && pod_flow) return nullptr;  // inside the overlay
  const crds::IPsecPolicy* best = nullptr;
  std::tuple<std::int64_t, int, int, std::string> best_rank;
  for (const auto& policy : world.policies) {
    if (policy->spec.selects_pods()) {
      if (overlay ? policy->spec.enforcement != crds::Enforcement::kRequired
                  : flow.selected.count(policy->meta.name) == 0) {
        continue;
      }
    }
    std::set<crds::Traffic> traffic(policy->spec.traffic.begin(), policy->spec.traffic.end());
    if (traffic.count(crds::Traffic::kPodToNode) != 0) traffic.insert(crds::Traffic::kNodeToNode);
    if (overlay && traffic.count(crds::Traffic::kPodToPod) != 0)
      traffic.insert(crds::Traffic::kNodeToNode);
    const crds::Traffic kind = flow.from_pod && flow.to_pod ? crds::Traffic::kPodToPod
                               : pod_flow                   ? crds::Traffic::kPodToNode
                                                            : crds::Traffic::kNodeToNode;
    if (traffic.count(kind) == 0) continue;
    int peer_length = -1;
    if (policy->spec.peers.empty()) {
      if (flow.to && member(*policy, *flow.from) && member(*policy, *flow.to)) peer_length = 0;
    } else {
      if (member(*policy, *flow.from))
        peer_length = end_length(*policy, flow.to, flow.to_address, pod_flow);
      if (flow.to && member(*policy, *flow.to)) {
        peer_length =
            std::max(peer_length, end_length(*policy, flow.from, flow.from_address, pod_flow));
      }
    }
    if (peer_length < 0) continue;
    const std::tuple rank(-policy->spec.priority, -peer_length,
                          static_cast<int>(policy->spec.enforcement), policy->meta.name);
    if (!best || rank < best_rank) {
      best = policy.get();
      best_rank = rank;
    }
  }
  return best;
}

bool is_exempt(const crds::IPsecPolicy& policy, const Flow& flow) {
  for (const crds::Exemption& exemption : policy.spec.exemptions) {
    if (exemption.ports.empty() &&
        (exemption.cidr.contains(flow.from_address) || exemption.cidr.contains(flow.to_address)))
      return true;
  }
  return false;
}

// No policy's pods, every policy's, and each policy's alone.
std::vector<SelectedBy> choices_of_pods(const World& world) {
  SelectedBy all;
  for (const auto& policy : world.policies) {
    if (policy->spec.selects_pods()) all.insert(policy->meta.name);
  }
  std::vector<SelectedBy> choices = {{}};
  for (const std::string& one : all) choices.push_back({one});
  if (all.size() > 1) choices.push_back(all);
  return choices;
}

// Every flow between two nodes, and from a node to some addresses that are no node's.
template <typename Check>
void for_each_flow(const World& world, Check check) {
  const std::vector<SelectedBy> choices = choices_of_pods(world);
  const auto with_choices = [&](Flow flow) {
    for (const SelectedBy& selected : choices) {
      flow.selected = selected;
      check(flow);
    }
  };
  const auto ends = [](const crds::NodeEndpoint& node) {
    std::vector<std::pair<IpAddress, bool>> all;
    for (const IpAddress& address : node.spec.addresses) all.emplace_back(address, false);
    for (const Prefix& pods : node.spec.pod_cidrs)
      all.emplace_back(pods.first().next().next(), true);
    return all;
  };
  for (const auto& from : world.endpoints) {
    for (const auto& [from_address, from_pod] : ends(*from)) {
      for (const auto& to : world.endpoints) {
        if (to == from) continue;
        // Without a family in common nothing can be carried; a note tells.
        bool shared = false;
        for (const IpAddress& a : from->spec.addresses) {
          for (const IpAddress& b : to->spec.addresses) shared = shared || a.family() == b.family();
        }
        if (!shared) continue;
        for (const auto& [to_address, to_pod] : ends(*to)) {
          if (from_address.family() != to_address.family()) continue;
          with_choices({from.get(), to.get(), from_address, to_address, from_pod, to_pod, {}});
        }
      }
      if (from_pod) continue;
      for (const char* address :
           {"10.10.0.200", "10.10.0.7", "10.99.0.1", "fd00:10::7", "fd00:10::ff", "192.0.2.1"}) {
        if (ip(address).family() != from_address.family()) continue;
        bool is_node = false;
        for (const auto& other : world.endpoints) {
          for (const IpAddress& known : other->spec.addresses)
            is_node = is_node || known == ip(address);
        }
        if (!is_node)
          with_choices({from.get(), nullptr, from_address, ip(address), false, false, {}});
      }
    }
  }
}

std::map<std::string, const NodePlan*> by_node(const std::vector<NodePlan>& plans) {
  std::map<std::string, const NodePlan*> all;
  for (const NodePlan& plan : plans) all[plan.node] = &plan;
  return all;
}

TEST_F(EveryWorld, EveryFlowMeetsTheRuleOfItsWinner) {
  int of_pods = 0;
  for_each([&of_pods](const World& world, const std::vector<NodePlan>& plans, std::uint32_t) {
    const auto by_name = by_node(plans);
    for_each_flow(world, [&](const Flow& flow) {
      const crds::IPsecPolicy* winner = expected_winner(world, flow);
      const Met met = meet(*by_name.at(flow.from->meta.name), flow.from_address, flow.to_address,
                           flow.selected);
      const std::string told = fmt::format("{} -> {}: {}", flow.from_address.to_string(),
                                           flow.to_address.to_string(), met.who);
      if (!winner) {
        EXPECT_TRUE(met.who == "nobody" || met.precedence == 0xffffff) << told;
        return;
      }
      if (!met.selector.pods.empty()) ++of_pods;
      if (winner->spec.enforcement == crds::Enforcement::kBypass) {
        EXPECT_EQ(met.who, "clear: IPsecPolicy " + winner->meta.name) << told;
      } else if (is_exempt(*winner, flow)) {
        EXPECT_THAT(met.who, ::testing::StartsWith("clear: exemption ")) << told;
        EXPECT_THAT(met.who, ::testing::EndsWith("of IPsecPolicy " + winner->meta.name)) << told;
      } else {
        EXPECT_EQ(met.owner, "IPsecPolicy " + winner->meta.name) << told;
        EXPECT_THAT(met.who, ::testing::StartsWith("child ")) << told;
      }
    });
  });
  EXPECT_GT(of_pods, 1000);
}

TEST_F(EveryWorld, NobodyIsShadowedWithoutBeingTold) {
  int shadowed = 0;
  int in_blocks = 0;  // beyond the nodes
  for_each([&](const World& world, const std::vector<NodePlan>& plans, std::uint32_t) {
    const auto by_name = by_node(plans);
    const auto told = [&](const std::string& node, const std::string& policy) {
      const std::vector<PlanNote>& notes = by_name.at(node)->notes;
      return std::any_of(notes.begin(), notes.end(), [&](const PlanNote& note) {
        return note.kind == NoteKind::kShadowed && note.about.name == policy;
      });
    };
    for (const NodePlan& plan : plans) {
      // Everyone who is told to lose names somebody who exists, and is not that one.
      for (const PlanNote& note : plan.notes) {
        if (note.kind != NoteKind::kShadowed && note.kind != NoteKind::kProfileConflict) continue;
        bool known = false;
        for (const auto& policy : world.policies)
          known = known || policy->meta.name == note.about.name;
        EXPECT_TRUE(known) << note.about.to_string();
        EXPECT_THAT(note.text,
                    ::testing::Not(::testing::HasSubstr("IPsecPolicy " + note.about.name + " ")))
            << note.text;
      }
    }
    // Who would win a flow if nobody else were there, and does not, is told so at each end that is
    // a node.
    for (const auto& policy : world.policies) {
      World alone = world;
      alone.policies = {policy};
      for_each_flow(world, [&](const Flow& flow) {
        if (expected_winner(alone, flow) == nullptr) return;
        const crds::IPsecPolicy* winner = expected_winner(world, flow);
        if (winner == policy.get()) return;
        ++(flow.to ? shadowed : in_blocks);
        for (const crds::NodeEndpoint* end : {flow.from, flow.to}) {
          if (!end) continue;
          EXPECT_TRUE(told(end->meta.name, policy->meta.name))
              << policy->meta.name << " by " << winner->meta.name << " on " << end->meta.name;
        }
      });
    }
  });
  EXPECT_GT(shadowed, 1000);
  EXPECT_GT(in_blocks, 200);
}

TEST_F(EveryWorld, WhatIsAlwaysExemptIsThere) {
  for_each([](const World&, const std::vector<NodePlan>& plans, std::uint32_t) {
    for (const NodePlan& plan : plans) {
      std::set<int> icmp_types;
      bool dhcp = false;
      for (const BypassRule& rule : plan.bypass) {
        if (rule.precedence != 0) continue;
        if (rule.selector.icmp_type) icmp_types.insert(*rule.selector.icmp_type);
        dhcp = dhcp || (rule.selector.local_port == 68 && rule.selector.remote_port == 67);
      }
      EXPECT_THAT(icmp_types, ::testing::ElementsAre(133, 134, 135, 136, 137));
      EXPECT_TRUE(dhcp);
      for (const IpAddress& address : plan.addresses) {
        EXPECT_EQ(meet(plan, address, address).who, "clear: always: within the node");
        for (const Prefix& pods : plan.pod_cidrs) {
          if (pods.family() != address.family()) continue;
          EXPECT_EQ(meet(plan, address, pods.last()).who, "clear: always: within the node");
          EXPECT_EQ(meet(plan, pods.first(), pods.last()).who, "clear: always: within the node");
        }
      }
    }
  });
}

// Every exemption of a policy that selects the node is in its plan, also one that exempts from
// nothing yet.
TEST_F(EveryWorld, EveryExemptionIsThere) {
  for_each([](const World& world, const std::vector<NodePlan>& plans, std::uint32_t) {
    for (const auto& node : world.endpoints) {
      const auto plan = std::find_if(plans.begin(), plans.end(), [&](const NodePlan& one) {
        return one.node == node->meta.name;
      });
      ASSERT_NE(plan, plans.end());
      for (const auto& policy : world.policies) {
        if (policy->spec.node_selector && !policy->spec.node_selector->matches(node->meta.labels)) {
          continue;
        }
        for (const crds::Exemption& exemption : policy->spec.exemptions) {
          const std::string why =
              fmt::format("exemption {} of IPsecPolicy {}", exemption.name, policy->meta.name);
          EXPECT_TRUE(std::any_of(plan->bypass.begin(), plan->bypass.end(),
                                  [&](const BypassRule& rule) { return rule.why == why; }) ||
                      // The same traffic is clear by another's exemption.
                      std::any_of(plan->bypass.begin(), plan->bypass.end(),
                                  [&](const BypassRule& rule) {
                                    return rule.why.starts_with("exemption ") &&
                                           (rule.selector.remote.overlaps(exemption.cidr) ||
                                            rule.selector.local.overlaps(exemption.cidr));
                                  }))
              << why << " on " << node->meta.name;
        }
      }
    }
  });
}

// A policy that names no addresses (and exempts none) covers both families of two nodes that have
// both, or neither.
TEST_F(EveryWorld, BothFamiliesAreCoveredAlike) {
  int pairs = 0;
  for_each([&pairs](const World& world, const std::vector<NodePlan>& plans, std::uint32_t) {
    const bool by_address =
        std::any_of(world.policies.begin(), world.policies.end(), [](const auto& policy) {
          const auto whole = [](const crds::Exemption& one) { return one.ports.empty(); };
          return !policy->spec.peers.empty() ||
                 std::any_of(policy->spec.exemptions.begin(), policy->spec.exemptions.end(), whole);
        });
    if (by_address) return;
    for (const NodePlan& plan : plans) {
      if (plan.addresses.size() != 2) continue;
      for (const NodePlan& peer : plans) {
        if (peer.node == plan.node || peer.addresses.size() != 2) continue;
        const auto child_of = [&](const char* family) -> const ChildPlan* {
          const ConnectionPlan* connection = find(plan, peer.node + "/" + family);
          if (!connection) return nullptr;
          for (const ChildPlan& child : connection->children) {
            if (child.name == "nodes") return &child;
          }
          return nullptr;
        };
        const ChildPlan* v4 = child_of("v4");
        const ChildPlan* v6 = child_of("v6");
        ASSERT_EQ(v4 == nullptr, v6 == nullptr) << plan.node << " and " << peer.node;
        if (!v4) continue;
        ++pairs;
        EXPECT_EQ(v4->owner, v6->owner);
        EXPECT_EQ(v4->enforcement, v6->enforcement);
      }
    }
  });
  EXPECT_GT(pairs, 100);
}

TEST_F(EveryWorld, EqualPlansHaveEqualHashesAndOthersOthers) {
  std::map<std::string, NodePlan> by_hash;
  for_each([&by_hash](const World&, const std::vector<NodePlan>& plans, std::uint32_t) {
    for (const NodePlan& plan : plans) {
      EXPECT_EQ(plan.hash, hash_of(plan));
      const auto [known, fresh] = by_hash.emplace(plan.hash, plan);
      if (!fresh) {
        EXPECT_EQ(known->second, plan);
      }
    }
  });
  EXPECT_GT(by_hash.size(), 200U);
}

TEST_F(EveryWorld, OneChangeTouchesOnlyWhatDependsOnIt) {
  for_each([](const World& world, const std::vector<NodePlan>& before, std::uint32_t) {
    World changed = world;
    const std::string gone = changed.endpoints.back()->meta.name;
    changed.endpoints.pop_back();
    for (const NodePlan& now : plan(changed)) {
      const auto was = std::find_if(before.begin(), before.end(),
                                    [&](const NodePlan& p) { return p.node == now.node; });
      ASSERT_NE(was, before.end());
      // Blocks hold the addresses of no node, so they are concerned by every node.
      const auto others = [&](const NodePlan& plan) {
        std::vector<ConnectionPlan> connections = plan.connections;
        std::erase_if(connections, [&](const ConnectionPlan& c) {
          return c.peer == gone || !c.remote_blocks.empty();
        });
        return connections;
      };
      EXPECT_EQ(others(now), others(*was)) << now.node;
    }
  });
}

TEST(Merged, HoldsTheSameAddressesInFewerBlocks) {
  EXPECT_THAT(merged({block("10.0.1.0/24"), block("10.0.0.0/24"), block("10.0.2.0/23"),
                      block("10.0.3.0/25"), block("10.0.5.0/24")}),
              ::testing::ElementsAre(block("10.0.0.0/22"), block("10.0.5.0/24")));
  EXPECT_THAT(merged({block("128.0.0.0/1"), block("0.0.0.0/1"), block("8000::/1"), block("::/1")}),
              ::testing::ElementsAre(block("0.0.0.0/0"), block("::/0")));
  EXPECT_THAT(merged({}), ::testing::IsEmpty());
}

TEST(Subtract, LeavesExactlyTheRest) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    const Prefix whole = block("10.0.0.0/24");
    std::vector<Prefix> holes;
    for (unsigned i = random() % 4; i > 0; --i) {
      holes.emplace_back(IpAddress::v4(0x0a000000U + (random() % 512)),
                         24 + static_cast<int>(random() % 9));
    }
    const std::vector<Prefix> left = subtract(whole, holes);
    IpAddress address = whole.first();
    for (int i = 0; i < 256; ++i, address = address.next()) {
      const auto in = [&](const std::vector<Prefix>& blocks) {
        return std::count_if(blocks.begin(), blocks.end(),
                             [&](const Prefix& p) { return p.contains(address); });
      };
      EXPECT_EQ(in(left), in(holes) > 0 ? 0 : 1) << address.to_string();
    }
  }
}

}  // namespace
}  // namespace espalier::plan
