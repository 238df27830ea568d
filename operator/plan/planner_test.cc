#include "operator/plan/planner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/plan/world_testing.h"

namespace espalier::plan {
namespace {

using namespace testing;  // NOLINT: this test's own worlds
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::vector<crds::Traffic> kAllTraffic = {
    crds::Traffic::kNodeToNode, crds::Traffic::kPodToPod, crds::Traffic::kPodToNode};

std::vector<std::string> rules(const ChildPlan& child) {
  std::vector<std::string> lines;
  for (const CoverRule& rule : child.rules) lines.push_back(rule.selector.to_string());
  return lines;
}

std::vector<std::string> clear(const NodePlan& plan) {
  std::vector<std::string> lines;
  for (const BypassRule& rule : plan.bypass) {
    if (rule.precedence != 0) lines.push_back(rule.selector.to_string() + " (" + rule.why + ")");
  }
  return lines;
}

std::vector<std::string> notes(const NodePlan& plan) {
  std::vector<std::string> lines;
  for (const PlanNote& note : plan.notes)
    lines.push_back(note.about.to_string() + ": " + note.text);
  return lines;
}

std::vector<std::string> connections(const NodePlan& plan) {
  std::vector<std::string> names;
  for (const ConnectionPlan& connection : plan.connections) {
    for (const ChildPlan& child : connection.children)
      names.push_back(connection.name + " " + child.name);
  }
  return names;
}

TEST(Planner, ATransportChildPerFamilyAndOneTunnelChildForPods) {
  World world = nodes(2);
  add(world, policy("cluster", kAllTraffic));
  const NodePlan plan = plan_node(world, "node1");
  ASSERT_THAT(connections(plan), ElementsAre("node2/v4 nodes", "node2/v4 pods", "node2/v6 nodes"));
  const ConnectionPlan& v4 = plan.connections[0];
  EXPECT_EQ(v4.local_address, ip("10.10.0.1"));
  EXPECT_THAT(v4.remote_addresses, ElementsAre(ip("10.10.0.2")));
  EXPECT_EQ(v4.local_identity, "node1.nodes.example.com");
  EXPECT_EQ(v4.remote_identity, "node2.nodes.example.com");
  EXPECT_EQ(v4.local, (AuthSide{AuthType::kX509, {"espalier-system", "espalier-node", ""}}));
  EXPECT_EQ(v4.remote,
            (AuthSide{AuthType::kX509, {"espalier-system", "espalier-trust", "ca.crt"}}));
  EXPECT_EQ(v4.initiate, Initiate::kInitiator);
  EXPECT_EQ(v4.liveness, (Liveness{std::chrono::seconds(30), std::chrono::seconds(10),
                                   LivenessAction::kRestart}));
  const ChildPlan& nodes_child = v4.children[0];
  EXPECT_EQ(nodes_child.mode, Mode::kTransport);
  EXPECT_THAT(rules(nodes_child), ElementsAre("10.10.0.1/32 <-> 10.10.0.2/32"));
  const ChildPlan& pods = v4.children[1];
  EXPECT_EQ(pods.mode, Mode::kTunnel);
  EXPECT_THAT(
      rules(pods),
      ElementsAre("10.10.0.1/32 <-> 10.244.2.0/24", "10.244.1.0/24 <-> 10.10.0.2/32",
                  "10.244.1.0/24 <-> 10.244.2.0/24", "fd00:10::1/128 <-> fd00:244:2::/64",
                  "fd00:244:1::/64 <-> fd00:10::2/128", "fd00:244:1::/64 <-> fd00:244:2::/64"));
  EXPECT_THAT(pods.local_ts, ElementsAre(block("10.10.0.1/32"), block("10.244.1.0/24"),
                                         block("fd00:10::1/128"), block("fd00:244:1::/64")));
  EXPECT_THAT(pods.remote_ts, ElementsAre(block("10.10.0.2/32"), block("10.244.2.0/24"),
                                          block("fd00:10::2/128"), block("fd00:244:2::/64")));
  EXPECT_EQ(pods.enforcement, Enforcement::kRequired);
  EXPECT_EQ(pods.on_negotiation, OnNegotiation::kHold);
  EXPECT_EQ(pods.on_failure, OnFailure::kDrop);
  EXPECT_EQ(pods.replay_window, 4096U);
  EXPECT_EQ(pods.esn, Esn::kEither);
  EXPECT_THAT(notes(plan), IsEmpty());
  EXPECT_EQ(plan_node(world, "node2").connections[0].initiate, Initiate::kAfterDelay);
}

TEST(Planner, PodToNodeBringsNodeToNode) {
  World world = nodes(2);
  add(world, policy("p", {crds::Traffic::kPodToNode}));
  EXPECT_THAT(connections(plan_node(world, "node1")),
              ElementsAre("node2/v4 nodes", "node2/v4 pods-nodes", "node2/v6 nodes"));
}

TEST(Planner, UnderAnOverlayNodeToNodeCoversThePodsAndSaysSo) {
  World world;
  for (int i = 1; i <= 2; ++i) {
    crds::NodeEndpoint made = node(i);
    made.spec.pod_network = crds::PodNetwork::kOverlay;
    add(world, std::move(made));
  }
  add(world, policy("p", {crds::Traffic::kPodToPod}));
  const NodePlan plan = plan_node(world, "node1");
  EXPECT_THAT(connections(plan), ElementsAre("node2/v4 nodes", "node2/v6 nodes"));
  EXPECT_THAT(notes(plan), ElementsAre("IPsecPolicy p: pod traffic travels in an overlay and is "
                                       "covered by NodeToNode with 1 peer: node2"));
}

TEST(Planner, WhatIsForSomePodsLeavesTheRestToTheNext) {
  World world = nodes(2);
  add(world, policy("all", {crds::Traffic::kPodToPod}));
  crds::IPsecPolicy web = policy("web", {crds::Traffic::kPodToPod, crds::Traffic::kPodToNode});
  web.spec.pod_selector = crds::LabelSelector{{{"app", "web"}}, {}};
  web.spec.priority = 200;
  web.spec.esp.pfs = false;
  web.spec.ike.lifetime = std::chrono::hours(2);
  add(world, web);
  crds::IPsecPolicy late = policy("late", {crds::Traffic::kPodToPod});
  late.spec.namespace_selector = crds::LabelSelector{};
  late.spec.priority = 50;
  add(world, late);
  const NodePlan plan = plan_node(world, "node1");
  const auto find = [&](const std::string& name) {
    for (const ConnectionPlan& connection : plan.connections) {
      for (const ChildPlan& child : connection.children) {
        if (child.name == name) return child;
      }
    }
    return ChildPlan{};
  };
  const ChildPlan pods = find("pods");
  EXPECT_EQ(pods.owner.name, "all");
  ASSERT_EQ(pods.rules.size(), 2U);
  EXPECT_EQ(pods.rules[0].selector.pods, "");
  const ChildPlan some = find("pods/web");
  EXPECT_FALSE(some.pfs);
  ASSERT_EQ(some.rules.size(), 6U) << "two families, to and from pods and nodes";
  for (const CoverRule& rule : some.rules) EXPECT_EQ(rule.selector.pods, "web");
  EXPECT_LT(some.rules[0].precedence, pods.rules[0].precedence);
  EXPECT_EQ(some.local_ts.size(), 4U);
  ASSERT_EQ(find("nodes/web").rules.size(), 1U) << "what a masquerade makes of it";
  EXPECT_EQ(find("nodes/web").rules[0].selector.to_string(),
            "10.10.0.1/32 <-> 10.10.0.2/32 pods of web");
  EXPECT_EQ(plan.connections[0].ike_lifetime, std::chrono::hours(2)) << "the winner's";
  EXPECT_THAT(
      notes(plan),
      ::testing::UnorderedElementsAre(
          "IPsecPolicy all: ike, authentication and ppk are those of IPsecPolicy web (priority 200 "
          "is higher than 100) with 1 peer: node2",
          "IPsecPolicy all: IPsecPolicy web decides about PodToPod of the pods that it selects "
          "(priority 200 is higher than 100) with 1 peer: node2",
          "IPsecPolicy late: IPsecPolicy web decides about PodToPod of the pods that it selects "
          "(priority 200 is higher than 50) with 1 peer: node2",
          "IPsecPolicy late: PodToPod is decided by IPsecPolicy all (priority 100 is higher than "
          "50) with 1 peer: node2"));
}

TEST(Planner, InAnOverlayPodsCannotBeToldApart) {
  World world = nodes(2);
  auto far = node(2);
  far.spec.pod_network = crds::PodNetwork::kOverlay;
  world.endpoints[1] = std::make_shared<const crds::NodeEndpoint>(far);
  crds::IPsecPolicy open = policy("open", {crds::Traffic::kPodToPod});
  open.spec.enforcement = crds::Enforcement::kBypass;
  open.spec.priority = 900;
  open.spec.pod_selector = crds::LabelSelector{{{"app", "web"}}, {}};
  add(world, open);
  crds::IPsecPolicy secret = policy("secret", {crds::Traffic::kPodToPod});
  secret.spec.pod_selector = crds::LabelSelector{{{"app", "bank"}}, {}};
  add(world, secret);
  const NodePlan plan = plan_node(world, "node1");
  const Met met = meet(plan, ip("10.10.0.1"), ip("10.10.0.2"));
  EXPECT_EQ(met.owner, "IPsecPolicy secret") << "stronger than asked for, and never weaker";
  EXPECT_EQ(met.selector.pods, "");
  EXPECT_THAT(notes(plan),
              ::testing::UnorderedElementsAre(
                  "IPsecPolicy open: pods cannot be told apart in an overlay, so it has no effect "
                  "with 1 peer: node2",
                  "IPsecPolicy secret: pods cannot be told apart in an overlay, so all of "
                  "NodeToNode is covered with 1 peer: node2"));
}

TEST(Planner, ANodeOfOneFamilyIsReachedByThatOne) {
  World world = nodes(1);
  crds::NodeEndpoint made = node(2);
  made.spec.addresses = {ip("fd00:10::2")};
  add(world, std::move(made));
  add(world, policy("p", kAllTraffic));
  EXPECT_THAT(connections(plan_node(world, "node1")),
              ElementsAre("node2/v6 nodes", "node2/v6 pods"));
}

TEST(Planner, MembersAreThoseThatBothEndsAre) {
  World world;
  for (int i = 1; i <= 3; ++i) {
    crds::NodeEndpoint made = node(i);
    made.meta.labels = {{"role", i < 3 ? "storage" : "web"},
                        {"kubernetes.io/os", i == 2 ? "linux" : "windows"}};
    add(world, std::move(made));
  }
  crds::IPsecPolicy some = policy("some", {crds::Traffic::kNodeToNode});
  some.spec.node_selector = crds::LabelSelector{{{"role", "storage"}}, {}};
  World selected = world;
  add(selected, std::move(some));
  EXPECT_THAT(connections(plan_node(selected, "node1")),
              ElementsAre("node2/v4 nodes", "node2/v6 nodes"));
  EXPECT_THAT(connections(plan_node(selected, "node3")), IsEmpty());
  add(world, policy("all", {crds::Traffic::kNodeToNode}));
  EXPECT_THAT(connections(plan_node(world, "node2")), IsEmpty())
      << "left out, nodeSelector means all Linux nodes";
}

TEST(Planner, TheWinnerIsByPriorityThenPeersThenEnforcementThenName) {
  const auto winner = [](crds::IPsecPolicy a, crds::IPsecPolicy b) {
    World world = nodes(2);
    a.meta.name = "a";
    b.meta.name = "b";
    add(world, std::move(a));
    add(world, std::move(b));
    return meet(plan_node(world, "node1"), ip("10.10.0.1"), ip("10.10.0.2")).owner;
  };
  const crds::IPsecPolicy plain = policy("", {crds::Traffic::kNodeToNode});
  crds::IPsecPolicy high = plain;
  high.spec.priority = 101;
  high.spec.enforcement = crds::Enforcement::kBypass;
  crds::IPsecPolicy wide = plain;
  wide.spec.peers = {peer("10.10.0.0/16")};
  crds::IPsecPolicy narrow = plain;
  narrow.spec.peers = {peer("10.10.0.0/24")};
  narrow.spec.enforcement = crds::Enforcement::kPreferred;
  crds::IPsecPolicy preferred = plain;
  preferred.spec.enforcement = crds::Enforcement::kPreferred;
  EXPECT_EQ(winner(narrow, high), "IPsecPolicy b") << "priority before all";
  EXPECT_EQ(winner(wide, narrow), "IPsecPolicy b") << "then the longer peer prefix";
  EXPECT_EQ(winner(plain, wide), "IPsecPolicy b") << "no peers are the shortest prefix";
  EXPECT_EQ(winner(preferred, plain), "IPsecPolicy b") << "then Required before Preferred";
  EXPECT_EQ(winner(plain, plain), "IPsecPolicy a") << "then the name";
}

TEST(Planner, ALoserIsToldAndWhy) {
  World world = nodes(3);
  add(world, policy("cluster", {crds::Traffic::kNodeToNode}));
  crds::IPsecPolicy clear_group = policy("clear", {crds::Traffic::kNodeToNode});
  clear_group.spec.enforcement = crds::Enforcement::kBypass;
  clear_group.spec.priority = 200;
  clear_group.spec.peers = {peer("10.10.0.2/32")};
  add(world, std::move(clear_group));
  const NodePlan plan = plan_node(world, "node1");
  EXPECT_THAT(connections(plan), ElementsAre("node2/v6 nodes", "node3/v4 nodes", "node3/v6 nodes"));
  EXPECT_THAT(
      notes(plan),
      ElementsAre("IPsecPolicy cluster: NodeToNode over IPv4 is decided by IPsecPolicy clear "
                  "(priority 200 is higher than 100) with 1 peer: node2"));
  EXPECT_THAT(clear(plan), ElementsAre("10.10.0.1/32 <-> 10.10.0.2/32 (IPsecPolicy clear)"))
      << "the block is the node, and the node's rule stands for it";
}

TEST(Planner, APairHasOneProfile) {
  World world = nodes(2);
  crds::IPsecPolicy pods = policy("pods", {crds::Traffic::kPodToPod});
  pods.spec.priority = 150;
  pods.spec.ppk = {crds::PpkMode::kInsist, {{"id", {"ppks", "k"}}}};
  pods.spec.esp.pfs = false;
  add(world, std::move(pods));
  crds::IPsecPolicy rest = policy("rest", {crds::Traffic::kNodeToNode});
  rest.spec.ike.lifetime = std::chrono::hours(1);
  add(world, std::move(rest));
  const NodePlan plan = plan_node(world, "node1");
  ASSERT_THAT(connections(plan), ElementsAre("node2/v4 nodes", "node2/v4 pods", "node2/v6 nodes"));
  for (const ConnectionPlan& connection : plan.connections) {
    EXPECT_EQ(connection.owner.name, "pods");
    EXPECT_EQ(connection.ike_lifetime, std::chrono::hours(8));
    EXPECT_EQ(connection.ppk,
              (PpkPlan{PpkMode::kInsist, {{"id", {"espalier-system", "ppks", "k"}}}}));
  }
  EXPECT_EQ(plan.connections[0].children[0].owner.name, "rest") << "each child keeps its own esp";
  EXPECT_TRUE(plan.connections[0].children[0].pfs);
  EXPECT_FALSE(plan.connections[0].children[1].pfs);
  EXPECT_THAT(
      notes(plan),
      ElementsAre(
          "IPsecPolicy rest: ike, authentication and ppk are those of IPsecPolicy pods (priority "
          "150 is higher than 100) with 1 peer: node2"));
}

TEST(Planner, AnExemptionHoldsAtBothEndsAndOnlyForItsPolicy) {
  World world = nodes(3);
  crds::IPsecPolicy cluster = policy("cluster", {crds::Traffic::kNodeToNode});
  cluster.spec.exemptions = {
      {"dns", block("10.10.0.2/32"), {{crds::PortProtocol::kUdp, 53}}, {}},
      {"outside", block("10.0.0.53/32"), {{crds::PortProtocol::kTcp, 53}}, {}}};
  add(world, std::move(cluster));
  EXPECT_THAT(
      clear(plan_node(world, "node1")),
      ElementsAre(
          "10.10.0.1/32 <-> 10.10.0.2/32 udp remote 53 (exemption dns of IPsecPolicy cluster)",
          "0.0.0.0/0 <-> 10.0.0.53/32 tcp remote 53 (exemption outside of IPsecPolicy cluster)"));
  EXPECT_THAT(
      clear(plan_node(world, "node2")),
      ElementsAre(
          "10.10.0.2/32 <-> 10.10.0.1/32 udp local 53 (exemption dns of IPsecPolicy cluster)",
          "10.10.0.2/32 <-> 10.10.0.3/32 udp local 53 (exemption dns of IPsecPolicy cluster)",
          "0.0.0.0/0 <-> 10.0.0.53/32 tcp remote 53 (exemption outside of IPsecPolicy cluster)"));
}

TEST(Planner, ABlockWithoutNodesIsForWhoeverComes) {
  World world = nodes(2);
  crds::IPsecPolicy group = policy("private", {crds::Traffic::kNodeToNode});
  group.spec.peers = {peer("10.10.0.0/16", {block("10.10.128.0/17")})};
  group.spec.establish = crds::Establish::kEager;
  add(world, std::move(group));
  const NodePlan plan = plan_node(world, "node1");
  ASSERT_THAT(connections(plan), ElementsAre("block/private/v4 nodes", "node2/v4 nodes"));
  const ConnectionPlan& any = plan.connections[0];
  EXPECT_THAT(any.remote_addresses, IsEmpty());
  EXPECT_THAT(any.remote_blocks, ElementsAre(block("10.10.0.0/17")));
  EXPECT_FALSE(any.remote_identity.has_value());
  EXPECT_EQ(any.children[0].establish, Establish::kOnDemand) << "nobody is there to call eagerly";
  EXPECT_THAT(rules(any.children[0]), ElementsAre("10.10.0.1/32 <-> 10.10.0.0/17"));
  EXPECT_THAT(notes(plan),
              ElementsAre(HasSubstr(
                  "peers name no IPv6 address, so that family of NodeToNode stays in clear")));
}

TEST(Planner, WhoLosesABlockIsToldToWhomAndWhy) {
  World world = nodes(2);
  const auto group = [&world](const char* name, std::int64_t priority,
                              std::vector<crds::PolicyPeer> peers) {
    crds::IPsecPolicy made = policy(name, {crds::Traffic::kNodeToNode});
    made.spec.priority = priority;
    made.spec.peers = std::move(peers);
    add(world, std::move(made));
  };
  group("apart", 100, {peer("192.0.2.0/24")});
  group("both", 100, {peer("198.51.100.0/24"), peer("198.51.100.128/25")});
  group("covered", 100, {peer("203.0.113.0/25"), peer("203.0.113.192/26")});
  group("high", 200, {peer("203.0.113.0/24")});
  group("late", 100, {peer("198.51.100.128/25")});
  std::vector<std::string> shadowed;
  for (const PlanNote& note : plan_node(world, "node1").notes) {
    if (note.kind == NoteKind::kShadowed) shadowed.push_back(note.about.name + ": " + note.text);
  }
  EXPECT_THAT(
      shadowed,
      ElementsAre("covered: NodeToNode is decided by IPsecPolicy high (priority 200 is higher than "
                  "100) with 2 peers: 203.0.113.0/25, 203.0.113.192/26",
                  "late: NodeToNode is decided by IPsecPolicy both (name both comes before late) "
                  "with 1 peer: 198.51.100.128/25"));
}

TEST(Planner, PodsInABlockAreTheirNodesBusiness) {
  World world = nodes(2);
  crds::IPsecPolicy group = policy("private", {crds::Traffic::kNodeToNode});
  group.spec.peers = {peer("10.244.0.0/22")};
  add(world, std::move(group));
  const NodePlan plan = plan_node(world, "node1");
  ASSERT_THAT(connections(plan), ElementsAre("block/private/v4 nodes"));
  EXPECT_THAT(rules(plan.connections[0].children[0]),
              ElementsAre("10.10.0.1/32 <-> 10.244.0.0/24", "10.10.0.1/32 <-> 10.244.3.0/24"));
}

TEST(Planner, TheApiServerIsAlwaysReachable) {
  World world = nodes(2);
  world.api_servers = {{ip("10.10.0.2"), 6443}};
  const auto always = [](const NodePlan& plan) {
    std::vector<std::string> lines;
    for (const BypassRule& rule : plan.bypass) {
      if (rule.why.find("API") != std::string::npos) lines.push_back(rule.selector.to_string());
    }
    return lines;
  };
  EXPECT_THAT(always(plan_node(world, "node1")),
              ElementsAre("10.10.0.1/32 <-> 10.10.0.2/32 tcp remote 6443",
                          "10.10.0.1/32 <-> 10.10.0.2/32 tcp local 10250"));
  EXPECT_THAT(always(plan_node(world, "node2")),
              ::testing::IsSupersetOf({"10.10.0.2/32 <-> 0.0.0.0/0 tcp remote 10250",
                                       "10.10.0.2/32 <-> 0.0.0.0/0 tcp local 6443"}));
}

TEST(PlannerNode, WithoutAnEndpointSaysSo) {
  World world = nodes(2);
  add(world, policy("p", kAllTraffic));
  const NodePlan plan = plan_node(world, "nobody");
  EXPECT_THAT(plan.connections, IsEmpty());
  EXPECT_THAT(
      notes(plan),
      ElementsAre(
          "NodeEndpoint nobody: there is no NodeEndpoint of this name, so no IPsecPolicy applies"));
}

}  // namespace
}  // namespace espalier::plan
