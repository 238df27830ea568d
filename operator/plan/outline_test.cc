#include "operator/plan/outline.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/plan/node_rules.h"
#include "operator/plan/planner.h"
#include "operator/plan/world_testing.h"

namespace espalier::plan {
namespace {

using namespace testing;  // NOLINT: this test's own worlds
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::vector<crds::Traffic> kAllTraffic = {
    crds::Traffic::kNodeToNode, crds::Traffic::kPodToPod, crds::Traffic::kPodToNode};

TEST(Outline, IsYamlAndHidesNothing) {
  World world = nodes(2);
  add(world, policy("p", {crds::Traffic::kNodeToNode}));
  const NodePlan plan = plan_node(world, "node1");
  const std::string text = to_yaml(outline_of(plan));
  EXPECT_THAT(text, StartsWith("node: node1\nhash: "));
  EXPECT_THAT(text, HasSubstr(plan.hash));
  EXPECT_THAT(text, HasSubstr("addresses: [\"10.10.0.1\", \"fd00:10::1\"]\n"));
  EXPECT_THAT(text, HasSubstr("notes: []\n"));
  EXPECT_THAT(text, HasSubstr("  - name: node2/v4\n    peer: node2\n"));
  EXPECT_THAT(text, HasSubstr("secret: espalier-system/espalier-node\n"));
  EXPECT_THAT(to_json(outline_of(plan)), HasSubstr(R"("remoteAddresses":["10.10.0.2"])"));
}

TEST(Outline, QuotesWhatYamlWouldReadAsSomethingElse) {
  Outline list = Outline::list();
  for (const char* text :
       {"a", "No", "NULL", "y", "8h", "", "fd00::1", "x: y", "-", "~", "a\"\n"}) {
    list.add(Outline::of(text));
  }
  Outline map;
  map.put("all", std::move(list));
  EXPECT_EQ(to_yaml(map),
            R"(all: [a, "No", "NULL", "y", "8h", "", "fd00::1", "x: y", "-", "~", "a\"\u000a"])"
            "\n");
}

// The hash is over the outline, so a field that the outline forgets is one that no agent would
// notice. Each line changes one.
TEST(Hash, TellsEveryChange) {
  World world = nodes(2);
  add(world, policy("p", kAllTraffic));
  const NodePlan base = plan_node(world, "node1");
  EXPECT_EQ(base.hash.size(), 32U);
  EXPECT_EQ(hash_of(base), base.hash);
  std::set<std::string> seen = {base.hash};
  const auto differs = [&](auto change) {
    NodePlan plan = base;
    change(plan);
    EXPECT_TRUE(seen.insert(hash_of(plan)).second);
  };
  const auto connection = [&](auto change) {
    differs([&](NodePlan& plan) { change(plan.connections[0]); });
  };
  const auto child = [&](auto change) {
    connection([&](ConnectionPlan& c) { change(c.children[0]); });
  };
  differs([](NodePlan& p) { p.node = "x"; });
  differs([](NodePlan& p) { p.addresses.pop_back(); });
  differs([](NodePlan& p) { p.pod_cidrs.pop_back(); });
  differs([](NodePlan& p) { p.bypass.pop_back(); });
  differs([](NodePlan& p) { p.bypass[0].precedence = 9; });
  differs([](NodePlan& p) { p.bypass[0].why = "x"; });
  differs([](NodePlan& p) { p.bypass[0].selector.local_port = 9; });
  differs([](NodePlan& p) { p.bypass[0].selector.remote_port = 9; });
  differs([](NodePlan& p) { p.bypass[0].selector.icmp_type = 9; });
  differs([](NodePlan& p) { p.bypass[0].selector.protocol = 99; });
  differs([](NodePlan& p) { p.notes.push_back({}); });
  connection([](ConnectionPlan& c) { c.name = "x"; });
  connection([](ConnectionPlan& c) { c.peer = "x"; });
  connection([](ConnectionPlan& c) { c.owner.name = "x"; });
  connection([](ConnectionPlan& c) { c.owner.ns = "x"; });
  connection([](ConnectionPlan& c) { c.local_address.reset(); });
  connection([](ConnectionPlan& c) { c.remote_addresses.clear(); });
  connection([](ConnectionPlan& c) { c.remote_blocks = {block("10.0.0.0/8")}; });
  connection([](ConnectionPlan& c) { c.local_identity = "x"; });
  connection([](ConnectionPlan& c) { c.remote_identity.reset(); });
  connection([](ConnectionPlan& c) { c.remote_identity = ""; });
  connection([](ConnectionPlan& c) { c.local.type = AuthType::kPsk; });
  connection([](ConnectionPlan& c) { c.remote.type = AuthType::kPsk; });
  connection([](ConnectionPlan& c) { c.local.secret.key = "x"; });
  connection([](ConnectionPlan& c) { c.remote.secret.ns = "x"; });
  connection([](ConnectionPlan& c) { c.ppk.mode = PpkMode::kPrefer; });
  connection([](ConnectionPlan& c) { c.ppk.keys = {{"a", {"b", "c", "d"}}}; });
  connection([](ConnectionPlan& c) { c.ike_proposals.emplace_back("x"); });
  connection([](ConnectionPlan& c) { c.ike_lifetime += std::chrono::nanoseconds(1); });
  connection([](ConnectionPlan& c) { c.fragmentation = false; });
  connection([](ConnectionPlan& c) { c.initiate = Initiate::kPassive; });
  connection([](ConnectionPlan& c) { c.udp = UdpEncapsulation::kAlways; });
  connection([](ConnectionPlan& c) { c.liveness.delay += std::chrono::seconds(1); });
  connection([](ConnectionPlan& c) { c.liveness.timeout += std::chrono::seconds(1); });
  connection([](ConnectionPlan& c) { c.liveness.action = LivenessAction::kClear; });
  child([](ChildPlan& c) { c.name = "x"; });
  child([](ChildPlan& c) { c.owner.name = "x"; });
  child([](ChildPlan& c) { c.mode = Mode::kTunnel; });
  child([](ChildPlan& c) { c.rules.pop_back(); });
  child([](ChildPlan& c) { c.rules[0].precedence += 1; });
  child([](ChildPlan& c) { c.local_ts.clear(); });
  child([](ChildPlan& c) { c.remote_ts.clear(); });
  child([](ChildPlan& c) { c.narrowing = true; });
  child([](ChildPlan& c) { c.esp_proposals.emplace_back("x"); });
  child([](ChildPlan& c) { c.pfs = false; });
  child([](ChildPlan& c) { c.esn = Esn::kOn; });
  child([](ChildPlan& c) { c.lifetime += std::chrono::nanoseconds(1); });
  child([](ChildPlan& c) { c.replay_window = 64; });
  child([](ChildPlan& c) { c.establish = Establish::kOnDemand; });
  child([](ChildPlan& c) { c.idle_timeout = std::chrono::seconds(60); });
  child([](ChildPlan& c) { c.enforcement = Enforcement::kPreferred; });
  child([](ChildPlan& c) { c.on_negotiation = OnNegotiation::kPass; });
  child([](ChildPlan& c) { c.on_failure = OnFailure::kPass; });
}

// Another hash of the same plan makes every agent apply it anew, and one of the same rules makes
// the operator write every NodePolicy: only a change that is meant may change these.
TEST(Hash, OfTheSamePlanStaysWhatItWas) {
  World world = nodes(2);
  add(world, policy("p", kAllTraffic));
  EXPECT_EQ(plan_node(world, "node1").hash, "ce7d0b0b7b87c0fffd4c755bd1f8f86a");
  EXPECT_EQ(node_rules(world).front().spec.hash, "9ae520dde7903b3cc7b0e19d626fcd23");
}

}  // namespace
}  // namespace espalier::plan
