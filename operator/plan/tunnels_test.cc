#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/plan/kept_rules.h"
#include "operator/plan/planner.h"
#include "operator/plan/tunnel_refusal.h"
#include "operator/plan/world_testing.h"

namespace espalier::plan {
namespace {

using namespace testing;  // NOLINT: this test's own worlds
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> rules(const ChildPlan& child) {
  std::vector<std::string> lines;
  for (const CoverRule& rule : child.rules) lines.push_back(rule.selector.to_string());
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

crds::Tunnel tunnel(const std::string& local_node) {
  crds::Tunnel made;
  made.meta.ns = "edge";
  made.meta.name = "branch";
  made.spec.local.node = local_node;
  made.spec.local.subnets = {block("10.244.0.0/16"), block("fd00:10:244::/48")};
  made.spec.local.identity = "gw.example.com";
  made.spec.local.authentication.secret = {"gateway1", ""};
  made.spec.remote.addresses = {ip("203.0.113.7")};
  made.spec.remote.identity = "branch.example.com";
  made.spec.remote.subnets = {block("192.168.100.0/24"), block("2001:db8:100::/48")};
  made.spec.remote.authentication.secret = {"branch-ca", "ca.crt"};
  return made;
}

TEST(PlannerTunnel, OneConnectionWithOneChildOnItsNode) {
  World world = nodes(1);
  add(world, tunnel("node1"));
  const NodePlan plan = plan_node(world, "node1");
  ASSERT_THAT(connections(plan), ElementsAre("edge/branch branch"));
  const ConnectionPlan& connection = plan.connections[0];
  EXPECT_EQ(connection.owner.to_string(), "Tunnel edge/branch");
  EXPECT_EQ(connection.local_address, ip("10.10.0.1")) << "from the NodeEndpoint";
  EXPECT_EQ(connection.local.secret.to_string(), "edge/gateway1");
  EXPECT_EQ(connection.remote.secret.to_string(), "edge/branch-ca:ca.crt");
  EXPECT_EQ(connection.initiate, Initiate::kInitiator);
  EXPECT_THAT(rules(connection.children[0]), ElementsAre("fd00:10:244::/48 <-> 2001:db8:100::/48",
                                                         "10.244.0.0/16 <-> 192.168.100.0/24"));
  EXPECT_THAT(plan_node(world, "node9").connections, IsEmpty());
  EXPECT_EQ(plan::plan(world).size(), 1U);
}

TEST(PlannerTunnel, ANodeWithoutAnEndpointHasItsTunnelsToo) {
  World world;
  crds::Tunnel db = tunnel("host1");
  db.spec.mode = crds::TunnelMode::kTransport;
  db.spec.establish = crds::Establish::kOnDemand;
  db.spec.local.subnets.clear();
  db.spec.remote.subnets.clear();
  db.spec.local.address = ip("192.0.2.1");
  db.spec.remote.addresses = {ip("192.0.2.2"), ip("192.0.2.3")};
  db.spec.local.identity.clear();
  db.spec.local.authentication = {crds::TunnelAuthentication::Type::kPsk, {"db-psk", "psk"}};
  add(world, db);
  const std::vector<NodePlan> plans = plan(world);
  ASSERT_EQ(plans.size(), 1U);
  EXPECT_EQ(plans[0].node, "host1");
  const ConnectionPlan& connection = plans[0].connections.at(0);
  EXPECT_EQ(connection.local, (AuthSide{AuthType::kPsk, {"edge", "db-psk", "psk"}}));
  EXPECT_EQ(connection.local_identity, "192.0.2.1");
  EXPECT_EQ(connection.liveness.action, LivenessAction::kTrap);
  EXPECT_THAT(rules(connection.children[0]),
              ElementsAre("192.0.2.1/32 <-> 192.0.2.2/32", "192.0.2.1/32 <-> 192.0.2.3/32"));
  EXPECT_THAT(connection.children[0].local_ts, IsEmpty()) << "the address that IKE runs on";

  World unknown;
  db.spec.local.address.reset();
  add(unknown, db);
  EXPECT_THAT(plan::plan(unknown)[0].connections, IsEmpty());
  EXPECT_THAT(notes(plan::plan(unknown)[0]),
              ElementsAre(HasSubstr("Tunnel edge/branch: the address of node host1 is not known")));
}

TEST(PlannerTunnel, TheClustersOwnRangesAreRefused) {
  const auto with = [](const char* remote) {
    World world = nodes(2);
    crds::Tunnel made = tunnel("node1");
    made.spec.remote.subnets = {block(remote)};
    add(world, std::move(made));
    return plan_node(world, "node1");
  };
  EXPECT_THAT(
      notes(with("10.244.2.128/25")),
      ElementsAre("Tunnel edge/branch: 10.244.2.128/25 overlaps the pod block 10.244.2.0/24 of "
                  "node node2; the cluster's own traffic is for IPsecPolicy"));
  EXPECT_THAT(notes(with("0.0.0.0/0")),
              ElementsAre(HasSubstr("overlaps the address 10.10.0.1 of node node1")));
  EXPECT_THAT(with("10.10.0.2/32").connections, IsEmpty());
  EXPECT_EQ(with("192.168.0.0/16").connections.size(), 1U);
}

TEST(PlannerTunnel, SoAreTheApiServersAddressesAndServices) {
  World world = nodes(2);
  world.api_servers = {{ip("192.0.2.10"), 6443}};
  world.service_cidrs = {block("10.96.0.0/12"), block("fd00:96::/108")};
  const auto refusal = [&](const char* remote) {
    crds::Tunnel made = tunnel("node1");
    made.spec.remote.subnets = {block(remote)};
    std::vector<const crds::NodeEndpoint*> all;
    for (const auto& one : world.endpoints) all.push_back(one.get());
    return refusal_of(made, all, world);
  };
  EXPECT_THAT(refusal("192.0.2.0/24"), HasSubstr("the address 192.0.2.10 of the API server"));
  EXPECT_THAT(refusal("10.97.3.0/24"), HasSubstr("the Service range 10.96.0.0/12"));
  EXPECT_THAT(refusal("fd00:96::/120"), HasSubstr("the Service range fd00:96::/108"));
  EXPECT_EQ(refusal("10.112.0.0/16"), "");
  crds::Tunnel any = tunnel("node1");
  any.spec.remote.subnets.clear();
  any.spec.remote.addresses = {ip("192.0.2.10")};
  EXPECT_THAT(refusal_of(any, {}, world), HasSubstr("192.0.2.10/32 overlaps"));
}

TEST(PlannerTunnel, ARefusedOneIsNamedInNoNodePolicy) {
  World world = nodes(2);
  crds::Tunnel bad = tunnel("node9");
  bad.meta.name = "bad";
  bad.spec.remote.subnets = {block("10.244.2.0/24")};
  add(world, bad);
  add(world, tunnel("node1"));
  KeptRules kept;
  EXPECT_THAT(kept.update(world), ElementsAre("node1", "node2")) << "node9 is not told";
  EXPECT_EQ(kept.find("node1")->tunnels.size(), 1U);
  // The good one becomes bad when a node comes that has what it leads to.
  crds::NodeEndpoint late = node(3);
  late.spec.addresses = {ip("192.168.100.5")};
  add(world, late);
  EXPECT_THAT(kept.update(world), ElementsAre("node1", "node3"));
  EXPECT_TRUE(kept.find("node1")->tunnels.empty());
  std::size_t refused = 0;
  for (const auto& [one, why] : kept.tunnel_refusals()) refused += why.empty() ? 0U : 1U;
  EXPECT_EQ(refused, 2U);
  world.endpoints.pop_back();
  EXPECT_THAT(kept.update(world), ElementsAre("node1", "node3"));
  EXPECT_EQ(kept.find("node1")->tunnels.size(), 1U);
}

TEST(PlannerTunnel, AnyPeerHasNoRulesUntilItCame) {
  World world = nodes(1);
  crds::Tunnel made = tunnel("node1");
  made.spec.remote.addresses.clear();
  made.spec.remote.subnets.clear();
  made.spec.remote.identity.clear();
  made.spec.establish = crds::Establish::kPassive;
  add(world, std::move(made));
  const ConnectionPlan connection = plan_node(world, "node1").connections.at(0);
  EXPECT_FALSE(connection.local_address.has_value());
  EXPECT_FALSE(connection.remote_identity.has_value());
  EXPECT_EQ(connection.initiate, Initiate::kPassive);
  EXPECT_THAT(connection.children[0].rules, IsEmpty());
  EXPECT_EQ(connection.liveness.action, LivenessAction::kClear);
}

TEST(PlannerTunnel, TwoTunnelsForTheSameTrafficAreToldApart) {
  World world = nodes(1);
  add(world, tunnel("node1"));
  crds::Tunnel again = tunnel("node1");
  again.meta.name = "copy";
  add(world, std::move(again));
  const NodePlan plan = plan_node(world, "node1");
  EXPECT_THAT(connections(plan), ElementsAre("edge/branch branch"));
  EXPECT_THAT(
      notes(plan),
      ElementsAre(
          HasSubstr(
              "Tunnel edge/copy: 10.244.0.0/16 <-> 192.168.100.0/24 is decided by another object"),
          HasSubstr("Tunnel edge/copy: fd00:10:244::/48 <-> 2001:db8:100::/48 is decided by "
                    "another object")));
}

}  // namespace
}  // namespace espalier::plan
