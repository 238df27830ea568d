#include "operator/reconcile/plan_reconciler.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crds/kube/resources.h"
#include "kube/testing/fake_api_server.h"
#include "kube/testing/manual_executor.h"

namespace espalier::reconcile {
namespace {

using namespace std::chrono_literals;
using kube::Json;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class PlanReconcilerTest : public ::testing::Test {
 protected:
  PlanReconcilerTest() {
    for (const auto& resource : {crds::ipsec_policies(), crds::tunnels(), crds::node_policies(),
                                 crds::node_endpoints(), kube::endpoint_slices(), roles()})
      server_.serve(resource);
    node("node1", "10.0.0.1");
    node("node2", "10.0.0.2");
  }

  void begin() {
    const auto follow = [&](const kube::Resource& resource) {
      informers_.push_back(std::make_unique<kube::Informer>(
          server_, executor_, kube::WatchSpec{resource, {}, {}}, informers_.size() + 1));
      return informers_.back().get();
    };
    PlanReconciler::Sources sources;
    sources.nodes = follow(kube::nodes());
    sources.policies = follow(crds::ipsec_policies());
    sources.tunnels = follow(crds::tunnels());
    sources.api_servers = follow(kube::endpoint_slices());
    wanted_.follow(Written::kNodeEndpoint, *follow(crds::node_endpoints()));
    wanted_.follow(Written::kNodePolicy, *follow(crds::node_policies()));
    wanted_.follow(Written::kRole, *follow(roles()));
    reconciler_ =
        std::make_unique<PlanReconciler>(executor_, sources, PlanReconciler::Options{}, wanted_);
    reconciler_->on_refusal([this](const std::string& subject, const std::string& why) {
      refusals_.push_back(subject + ": " + why);
    });
    for (auto& informer : informers_) informer->start();
    settle();
  }

  // Lets watches and the plan run, and works on what was named; returns what was written.
  std::vector<std::string> settle() {
    (void)server_.take_writes();
    for (int turn = 0; turn < 10; ++turn) {
      executor_.advance(100ms);
      for (const WriteKey& key : std::exchange(queue_, {})) {
        const auto done = wanted_.write(client_, key);
        if (!done) failures_.push_back(done.error().to_string());
      }
    }
    std::vector<std::string> written;
    for (const auto& write : server_.take_writes())
      written.push_back(std::string(name_of(write.method)) + " " + write.resource.kind + " " +
                        write.key.name);
    return written;
  }

  void node(const std::string& name, const std::string& address,
            const Json& labels = Json::object()) {
    server_.put(kube::nodes(),
                {{"metadata", {{"name", name}, {"labels", labels}}},
                 {"spec", {{"podCIDRs", {"10.244." + address.substr(7) + ".0/24"}}}},
                 {"status", {{"addresses", {{{"type", "InternalIP"}, {"address", address}}}}}}});
  }
  void policy(const std::string& name, Json spec) {
    server_.put(crds::ipsec_policies(), {{"apiVersion", "espalier.io/v1alpha1"},
                                         {"kind", "IPsecPolicy"},
                                         {"metadata", {{"name", name}}},
                                         {"spec", std::move(spec)}});
  }
  Json spec_of(const kube::Resource& resource, const std::string& name) {
    const auto object = server_.find(resource, name);
    return object ? object->json.at("spec") : Json();
  }

  kube::testing::FakeApiServer server_;
  kube::testing::ManualExecutor executor_;
  kube::Client client_{server_, {.field_manager = "espalier-operator"}};
  std::vector<std::unique_ptr<kube::Informer>> informers_;
  std::set<WriteKey> queue_;
  WantedObjects wanted_{[this](const WriteKey& key, kube::Priority) { queue_.insert(key); }};
  std::unique_ptr<PlanReconciler> reconciler_;
  std::vector<std::string> refusals_;
  std::vector<std::string> failures_;
};

const Json kMesh = {{"enforcement", "Required"}, {"traffic", {"NodeToNode"}}};

TEST_F(PlanReconcilerTest, EveryNodeGetsItsTwoObjects) {
  policy("mesh", kMesh);
  begin();
  EXPECT_TRUE(reconciler_->ready());
  EXPECT_EQ(spec_of(crds::node_endpoints(), "node1").at("addresses"), Json({"10.0.0.1"}));
  EXPECT_EQ(spec_of(crds::node_policies(), "node2").at("policies").at(0).at("name"), "mesh");
  EXPECT_THAT(settle(), IsEmpty()) << "nothing changed";
  EXPECT_THAT(failures_, IsEmpty());
}

TEST_F(PlanReconcilerTest, ANodeThatJoinsCostsTwoWritesAndOneThatGoesTwoDeletions) {
  policy("mesh", kMesh);
  begin();
  node("node3", "10.0.0.3");
  EXPECT_THAT(settle(), UnorderedElementsAre("PATCH NodeEndpoint node3", "PATCH NodePolicy node3"));
  server_.remove(kube::nodes(), {"", "node3"});
  EXPECT_THAT(settle(),
              UnorderedElementsAre("DELETE NodeEndpoint node3", "DELETE NodePolicy node3"));
  EXPECT_EQ(server_.find(crds::node_policies(), "node3"), nullptr);
}

// What bench/operator counts on a real API server, at its size but for the nodes.
TEST_F(PlanReconcilerTest, AChangeCostsWhatItReachesAndNoMore) {
  const auto in_group = [this](int i) {
    node("node" + std::to_string(i), "10.0.0." + std::to_string(i),
         {{"group", "g" + std::to_string(i % 10)}});
  };
  for (int i = 1; i <= 60; ++i) in_group(i);
  for (int i = 0; i < 100; ++i) {
    Json spec = kMesh;
    if (i % 10 != 0) spec["nodeSelector"]["matchLabels"]["group"] = "g" + std::to_string(i % 10);
    policy("policy" + std::to_string(i), spec);
  }
  begin();
  EXPECT_EQ(server_.list(crds::node_policies()).size(), 60U);
  in_group(61);
  EXPECT_THAT(settle(),
              UnorderedElementsAre("PATCH NodeEndpoint node61", "PATCH NodePolicy node61"));

  Json other = kMesh;
  other["nodeSelector"]["matchLabels"]["group"] = "g3";
  other["priority"] = 200;
  policy("policy13", other);
  EXPECT_THAT(settle(), UnorderedElementsAre("PATCH NodePolicy node3", "PATCH NodePolicy node13",
                                             "PATCH NodePolicy node23", "PATCH NodePolicy node33",
                                             "PATCH NodePolicy node43", "PATCH NodePolicy node53"));
  other.erase("nodeSelector");
  policy("policy20", other);
  EXPECT_THAT(settle(), AllOf(SizeIs(61), Each(HasSubstr("PATCH NodePolicy"))));
  EXPECT_THAT(settle(), IsEmpty());
  EXPECT_THAT(failures_, IsEmpty());
}

TEST_F(PlanReconcilerTest, OnlyLabelsThatASelectorNamesAreCarried) {
  policy("mesh", kMesh);
  begin();
  node("node1", "10.0.0.1", {{"role", "storage"}, {"other", "x"}});
  EXPECT_THAT(settle(), IsEmpty()) << "nobody asks for labels";
  policy("storage", {{"enforcement", "Required"},
                     {"traffic", {"NodeToNode"}},
                     {"priority", 200},
                     {"nodeSelector", {{"matchLabels", {{"role", "storage"}}}}}});
  EXPECT_THAT(settle(), UnorderedElementsAre("PATCH NodeEndpoint node1", "PATCH NodePolicy node1"));
  EXPECT_EQ(server_.find(crds::node_endpoints(), "node1")->metadata.labels,
            (std::map<std::string, std::string>{{"role", "storage"}}));
  node("node1", "10.0.0.1", {{"role", "storage"}, {"other", "y"}});
  EXPECT_THAT(settle(), IsEmpty());
}

TEST_F(PlanReconcilerTest, WhatOthersBreakComesBack) {
  policy("mesh", kMesh);
  begin();
  server_.remove(crds::node_endpoints(), {"", "node1"});
  EXPECT_THAT(settle(), ElementsAre("PATCH NodeEndpoint node1"));
  auto changed = server_.find(crds::node_endpoints(), "node2")->json;
  changed["spec"]["addresses"] = {"10.9.9.9"};
  server_.put(crds::node_endpoints(), changed);
  EXPECT_THAT(settle(), ElementsAre("PATCH NodeEndpoint node2"));
  EXPECT_EQ(spec_of(crds::node_endpoints(), "node2").at("addresses"), Json({"10.0.0.2"}));
}

TEST_F(PlanReconcilerTest, OrphansOfAnEarlierTimeGo) {
  server_.put(crds::node_endpoints(),
              {{"metadata", {{"name", "gone"}}}, {"spec", {{"identity", "gone"}}}});
  server_.put(crds::node_policies(), {{"metadata", {{"name", "gone"}}}, {"spec", {{"hash", "0"}}}});
  begin();
  EXPECT_EQ(server_.find(crds::node_endpoints(), "gone"), nullptr);
  EXPECT_EQ(server_.find(crds::node_policies(), "gone"), nullptr);
}

TEST_F(PlanReconcilerTest, NothingHappensBeforeEverySourceIsKnown) {
  server_.put(crds::node_endpoints(),
              {{"metadata", {{"name", "kept"}}}, {"spec", {{"identity", "kept"}}}});
  server_.unserve(crds::ipsec_policies());
  begin();
  EXPECT_FALSE(reconciler_->ready());
  EXPECT_NE(server_.find(crds::node_endpoints(), "kept"), nullptr);
  server_.serve(crds::ipsec_policies());
  executor_.advance(60s);
  settle();
  EXPECT_TRUE(reconciler_->ready());
  EXPECT_EQ(server_.find(crds::node_endpoints(), "kept"), nullptr);
}

TEST_F(PlanReconcilerTest, AnInvalidObjectIsNamedAndLeavesTheOthersAlone) {
  policy("mesh", kMesh);
  policy("bad", {{"enforcement", "Perhaps"}, {"traffic", {"NodeToNode"}}});
  server_.put(kube::nodes(), {{"metadata", {{"name", "node9"}}}});
  begin();
  EXPECT_THAT(refusals_,
              UnorderedElementsAre(HasSubstr("IPsecPolicy bad: spec.enforcement"),
                                   HasSubstr("Node node9: Node node9: status.addresses")));
  EXPECT_EQ(spec_of(crds::node_policies(), "node1").at("policies").size(), 1U);
  refusals_.clear();
  policy("bad", kMesh);
  settle();
  EXPECT_THAT(refusals_, ElementsAre("IPsecPolicy bad: "));
}

TEST_F(PlanReconcilerTest, AHeartbeatPlansNothing) {
  policy("mesh", kMesh);
  begin();
  const auto plans = reconciler_->counts().plans;
  auto beat = server_.find(kube::nodes(), "node1")->json;
  beat["status"]["conditions"] = {{{"type", "Ready"}, {"lastHeartbeatTime", "now"}}};
  server_.put(kube::nodes(), beat);
  auto reported = server_.find(crds::ipsec_policies(), "mesh")->json;
  reported["status"]["nodes"] = {{"wanted", 2}};
  server_.put(crds::ipsec_policies(), reported);
  settle();
  EXPECT_EQ(reconciler_->counts().plans, plans);
  node("node1", "10.0.0.7");
  settle();
  EXPECT_EQ(reconciler_->counts().plans, plans + 1);
}

TEST_F(PlanReconcilerTest, ARefusedWriteIsTold) {
  begin();
  kube::testing::Fault fault;
  fault.response = kube::Response{
      403, {}, R"({"kind":"Status","status":"Failure","reason":"Forbidden","code":403})"};
  fault.when = [](const kube::Request& request) { return request.method == kube::Method::kPatch; };
  server_.inject(fault);
  node("node3", "10.0.0.3");
  settle();
  ASSERT_EQ(failures_.size(), 1U);
  EXPECT_THAT(failures_.front(), HasSubstr("Forbidden"));
  wanted_.enqueue_all();  // what the queue's retry does
  EXPECT_THAT(settle(), ElementsAre(HasSubstr("node3")));
}

// The names that the Role lets agents read.
std::vector<std::string> granted(const kube::testing::FakeApiServer& server) {
  const auto role =
      server.find(roles(), kube::ObjectKey{"espalier-system", "espalier-agent-secrets"});
  if (!role || role->json.value("rules", Json::array()).empty()) return {};
  EXPECT_EQ(role->json.at("rules").size(), 1U);
  EXPECT_EQ(role->json.at("rules")[0].at("verbs"), Json::array({"get"}));
  return role->json.at("rules")[0].at("resourceNames").get<std::vector<std::string>>();
}

Json with_psk(const std::string& secret, const std::string& role = {}) {
  Json spec = kMesh;
  spec["authentication"] = {{"type", "PSK"},
                            {"psk", {{"secretRef", {{"name", secret}, {"key", "psk"}}}}}};
  if (!role.empty()) spec["nodeSelector"] = {{"matchLabels", {{"role", role}}}};
  return spec;
}

TEST_F(PlanReconcilerTest, AgentsMayReadTheSecretsThatAreInUseAndNoOther) {
  server_.put(roles(), {{"metadata",
                         {{"name", "espalier-agent-secrets"}, {"namespace", "espalier-system"}}}});
  policy("mesh", kMesh);
  begin();
  EXPECT_THAT(granted(server_), IsEmpty()) << "certificates are no Secrets of this namespace";
  policy("psk", with_psk("shared"));
  policy("idle", with_psk("nobodys", "storage"));
  policy("thief", with_psk("espalier-ca"));
  EXPECT_THAT(settle(), testing::Contains("PATCH Role espalier-agent-secrets"));
  EXPECT_THAT(granted(server_), ElementsAre("shared"));
  const auto side = [](const char* who) {
    return Json{{"identity", who},
                {"authentication",
                 {{"type", "PSK"},
                  {"psk", {{"secretRef", {{"name", std::string(who) + "-psk"}, {"key", "k"}}}}}}}};
  };
  for (const char* ns : {"espalier-system", "edge"}) {
    Json local = side("here");
    local["node"] = "node1";
    Json remote = side("there");
    remote["addresses"] = Json::array({ns == std::string("edge") ? "192.0.2.9" : "192.0.2.8"});
    server_.put(crds::tunnels(), {{"apiVersion", "espalier.io/v1alpha1"},
                                  {"kind", "Tunnel"},
                                  {"metadata", {{"name", "t"}, {"namespace", ns}}},
                                  {"spec", {{"local", local}, {"remote", remote}}}});
  }
  node("node1", "10.0.0.1", {{"role", "storage"}});
  settle();
  EXPECT_THAT(refusals_, IsEmpty());
  EXPECT_THAT(granted(server_), ElementsAre("here-psk", "nobodys", "shared", "there-psk"));

  auto widened =
      server_.find(roles(), kube::ObjectKey{"espalier-system", "espalier-agent-secrets"})->json;
  widened["rules"][0].erase("resourceNames");
  server_.put(roles(), widened);
  EXPECT_THAT(settle(), ElementsAre("PATCH Role espalier-agent-secrets"));
  server_.remove(crds::ipsec_policies(), {"", "psk"});
  node("node1", "10.0.0.1");
  settle();
  EXPECT_THAT(granted(server_), ElementsAre("here-psk", "there-psk"));
}

TEST_F(PlanReconcilerTest, TheApiServersAddressesAreInEveryPlan) {
  server_.put(kube::endpoint_slices(),
              {{"metadata", {{"name", "kubernetes"}, {"namespace", "default"}}},
               {"ports", {{{"port", 6443}}}},
               {"endpoints", {{{"addresses", {"10.0.0.9"}}}}}});
  policy("mesh", kMesh);
  begin();
  EXPECT_EQ(spec_of(crds::node_policies(), "node1").at("apiServers").dump(),
            R"([{"address":"10.0.0.9","port":6443}])");
}

}  // namespace
}  // namespace espalier::reconcile
