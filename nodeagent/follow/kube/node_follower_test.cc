#include "nodeagent/follow/kube/node_follower.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/base64.h"
#include "crds/kube/resources.h"
#include "crds/types/encode.h"
#include "kube/testing/fake_api_server.h"
#include "kube/testing/manual_executor.h"
#include "nodeagent/follow/kube/status_writer.h"
#include "nodeagent/identity/testing/fakes.h"
#include "operator/certificates/approval.h"
#include "operator/certificates/testing/pki.h"
#include "operator/plan/node_rules.h"

namespace espalier::follow {
namespace {

using certificates::kDay;
using certificates::kNow;
using certificates::shared_keys;
using kube::Json;
using telemetry::EventId;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

Json mesh(const char* authentication = nullptr) {
  Json spec = {{"enforcement", "Required"}, {"traffic", Json::array({"NodeToNode"})}};
  if (authentication != nullptr) spec["authentication"] = Json::parse(authentication);
  return {{"metadata", {{"name", "mesh"}}}, {"spec", std::move(spec)}};
}

// node1's agent against an API server where this test is the operator.
class NodeFollowerTest : public ::testing::Test {
 protected:
  NodeFollowerTest() {
    for (const auto& resource : {crds::ipsec_policies(), crds::tunnels(), crds::node_policies(),
                                 crds::node_endpoints(), crds::pod_slices()})
      server_.serve(resource);
    for (int i = 1; i <= 2; ++i) {
      const std::string name = "node" + std::to_string(i);
      server_.put(crds::node_endpoints(),
                  {{"metadata", {{"name", name}}},
                   {"spec",
                    {{"addresses", Json::array({"10.0.0." + std::to_string(i)})},
                     {"identity", name + ".nodes.example.com"}}}});
    }
  }
  ~NodeFollowerTest() override { end(); }

  void begin(const std::string& stored = {}) {
    NodeFollower::Options options;
    options.node = "node1";
    options.features = plan::known_features();
    follower_ = std::make_unique<NodeFollower>(
        server_, executor_, std::move(options),
        NodeFollower::Ports{&shared_keys(), &identity_,
                            [this](std::string_view text) {
                              ++saved_times_;
                              saved_ = text;
                              return Status();
                            },
                            [this] { return now_; }},
        NodeFollower::Handlers{
            [this](const std::shared_ptr<const Wanted>& wanted) { wanted_ = wanted; },
            [this](const std::shared_ptr<const KnownPods>& pods) { pods_ = pods; }, [] {},
            [this](telemetry::Event event) { events_.push_back(std::move(event)); }});
    follower_->start(stored);
    pass(1s);
  }
  void end() {
    if (follower_) follower_->stop();
    follower_.reset();
    executor_.run();
    wanted_.reset();
    pods_.reset();
    events_.clear();
  }
  void pass(Duration time) { executor_.advance(time); }

  // The operator's part: a NodePolicy that names policy mesh as it stands.
  void decide(std::vector<std::string> features = {}) {
    const auto policy = server_.find(crds::ipsec_policies(), "mesh");
    crds::NodePolicySpec spec;
    spec.policies = {{"mesh", policy->metadata.uid, policy->metadata.generation}};
    spec.required_features = std::move(features);
    spec.hash = plan::hash_of(spec);
    server_.put(crds::node_policies(),
                {{"metadata", {{"name", "node1"}}}, {"spec", crds::encode(spec)}});
    pass(1s);
  }
  void trust() {
    server_.put(kube::config_maps(),
                {{"metadata", {{"name", "espalier-trust"}, {"namespace", "espalier-system"}}},
                 {"data", {{"ca.crt", ca_.certificate_pem()}}}});
    pass(1s);
  }
  void sign() {
    const auto requests = server_.list(kube::certificate_signing_requests());
    ASSERT_FALSE(requests.empty());
    const auto pem = decode_base64(requests.back()->json["spec"]["request"].get<std::string>());
    const auto request = certificates::decode_request_pem(to_text(pem->view()));
    ASSERT_TRUE(request) << request.error().to_string();
    const auto certificate = ca_.sign_node(*request, {"node1", "node1.nodes.example.com"}, now_,
                                           30 * kDay, shared_keys());
    ASSERT_TRUE(certificate);
    server_.put(
        kube::certificate_signing_requests(),
        certificates::with_certificate(requests.back()->json, certificates::to_pem(*certificate)));
    pass(1s);
  }
  [[nodiscard]] bool happened(EventId id) const {
    return std::any_of(events_.begin(), events_.end(),
                       [id](const telemetry::Event& event) { return event.id == id; });
  }
  [[nodiscard]] std::string secret(std::string_view name, std::string_view key) const {
    const auto value = wanted_->secrets.find_value("espalier-system", name, key);
    return value ? to_text((*value)->view()) : value.error().to_string();
  }
  [[nodiscard]] const std::string& hash() const { return wanted_->in_force.node_policy->spec.hash; }

  kube::testing::FakeApiServer server_;
  kube::testing::ManualExecutor executor_;
  identity::testing::FakeStore identity_;
  certificates::CertificateAuthority ca_ = certificates::new_ca();
  WallTime now_ = kNow;
  std::string saved_;
  int saved_times_ = 0;
  std::shared_ptr<const Wanted> wanted_;
  std::shared_ptr<const KnownPods> pods_;
  std::vector<telemetry::Event> events_;
  std::unique_ptr<NodeFollower> follower_;
};

TEST_F(NodeFollowerTest, BringsAPlanAndTheCertificateForIt) {
  begin();
  server_.put(crds::ipsec_policies(), mesh());
  pass(1s);
  EXPECT_EQ(wanted_, nullptr) << "no NodePolicy has named it";
  decide();
  ASSERT_NE(wanted_, nullptr);
  EXPECT_EQ(wanted_->in_force.plan->connections.size(), 1U);
  EXPECT_FALSE(follower_->certificate().ready);
  trust();
  sign();
  EXPECT_TRUE(follower_->certificate().ready);
  EXPECT_FALSE(follower_->certificate().serial_number.empty());
  EXPECT_EQ(secret("espalier-trust", "ca.crt"), ca_.certificate_pem());
  EXPECT_THAT(secret("espalier-node", "tls.crt"), HasSubstr("BEGIN CERTIFICATE"));
  EXPECT_THAT(secret("espalier-node", "tls.key"), HasSubstr("BEGIN PRIVATE KEY"));
}

TEST_F(NodeFollowerTest, KeepsThePlanUntilTheOperatorHasSpoken) {
  server_.put(crds::ipsec_policies(), mesh());
  begin();
  decide();
  const std::string before = hash();
  Json changed = server_.find(crds::ipsec_policies(), "mesh")->json;
  changed["spec"]["priority"] = 150;
  server_.put(crds::ipsec_policies(), changed);
  pass(1s);
  EXPECT_EQ(hash(), before);
  EXPECT_EQ(follower_->verdict().following, Following::kWaits);
  EXPECT_TRUE(happened(EventId::kPlanWaits));
  decide();
  EXPECT_NE(hash(), before);
  const std::string after = hash();
  decide({"Magic"});
  EXPECT_EQ(hash(), after);
  EXPECT_EQ(follower_->verdict().reason, "FeaturesMissing");
  EXPECT_TRUE(happened(EventId::kPlanRefused));
}

TEST_F(NodeFollowerTest, BeginsWithWhatItStoredWhenTheServerIsAway) {
  server_.put(crds::ipsec_policies(), mesh());
  begin();
  decide();
  trust();
  sign();
  pass(10s);
  const std::string before = hash();
  const plan::NodePlan plan = *wanted_->in_force.plan;
  EXPECT_EQ(saved_.find("PRIVATE KEY"), std::string::npos);
  const int times = saved_times_;
  pass(10min);
  EXPECT_EQ(saved_times_, times) << "nothing is another";
  end();

  kube::testing::Fault away;
  away.times = 1'000'000;
  server_.inject(away);
  begin(saved_);
  ASSERT_NE(wanted_, nullptr);
  EXPECT_EQ(hash(), before);
  EXPECT_EQ(*wanted_->in_force.plan, plan);
  EXPECT_THAT(secret("espalier-node", "tls.crt"), HasSubstr("BEGIN CERTIFICATE"));
  EXPECT_EQ(secret("espalier-trust", "ca.crt"), ca_.certificate_pem());
  EXPECT_TRUE(happened(EventId::kStoredPlanTaken));
  EXPECT_TRUE(happened(EventId::kApiServerTrouble));

  server_.heal();
  server_.remove(crds::node_endpoints(), {"", "node2"});
  pass(2min);
  EXPECT_TRUE(wanted_->in_force.plan->connections.empty()) << "it follows again";
}

// A pod of this node before the operator has seen it, one of another node by its slice.
TEST_F(NodeFollowerTest, KnowsTheNodesOwnPodsBeforeTheSlices) {
  Json policy = mesh();
  policy["spec"]["traffic"] = Json::array({"PodToPod"});
  policy["spec"]["podSelector"] = {{"matchLabels", {{"app", "web"}}}};
  server_.put(crds::ipsec_policies(), policy);
  server_.put(kube::namespaces(), {{"metadata", {{"name", "shop"}}}});
  const auto pod = [](const char* name, const char* node) -> Json {
    return {{"metadata", {{"name", name}, {"namespace", "shop"}, {"labels", {{"app", "web"}}}}},
            {"spec", {{"nodeName", node}}}};
  };
  server_.put(kube::pods(), pod("web-1", "node1"));
  server_.put(crds::pod_slices(),
              {{"metadata", {{"name", "mesh-1"}}},
               {"spec", {{"policy", "mesh"}, {"addresses", Json::array({"10.244.2.7"})}}}});
  begin();
  decide({std::string(plan::kFeaturePodSelection)});
  const IpAddress own = *IpAddress::parse("10.244.1.7");
  const IpAddress other = *IpAddress::parse("10.244.2.7");
  ASSERT_NE(pods_, nullptr);
  EXPECT_THAT(pods_->selected.at("mesh"), testing::ElementsAre(other));
  follower_->expect_pod("shop", "web-1", {own});
  pass(1s);
  EXPECT_THAT(pods_->selected.at("mesh"), testing::ElementsAre(own, other));
  EXPECT_THAT(pods_->settled, testing::ElementsAre(own));
  pass(10s);
  end();

  kube::testing::Fault away;
  away.times = 1'000'000;
  server_.inject(away);
  begin(saved_);
  ASSERT_NE(pods_, nullptr) << "they were stored";
  EXPECT_THAT(pods_->selected.at("mesh"), testing::ElementsAre(own, other));
  EXPECT_TRUE(pods_->settled.empty()) << "who starts now is held";
}

TEST_F(NodeFollowerTest, AStoredPlanThatIsDamagedIsNoObstacle) {
  server_.put(crds::ipsec_policies(), mesh());
  begin("{\"version\": 1");
  EXPECT_TRUE(happened(EventId::kStoredPlanUnusable));
  decide();
  EXPECT_NE(wanted_, nullptr);
}

TEST_F(NodeFollowerTest, ReadsTheSecretsThatThePlanNames) {
  server_.put(crds::ipsec_policies(),
              mesh(R"({"type": "PSK", "psk": {"secretRef": {"name": "shared", "key": "psk"}}})"));
  begin();
  decide();
  EXPECT_THAT(secret("shared", "psk"), HasSubstr("no such Secret"));
  EXPECT_TRUE(happened(EventId::kSecretUnreadable));
  const auto put = [this](const char* base64) {
    server_.put(kube::secrets(),
                {{"apiVersion", "v1"},
                 {"kind", "Secret"},
                 {"metadata", {{"name", "shared"}, {"namespace", "espalier-system"}}},
                 {"data", {{"psk", base64}}}});
    pass(61s);
  };
  put("b25l");
  EXPECT_EQ(secret("shared", "psk"), "one");
  put("dHdv");
  EXPECT_EQ(secret("shared", "psk"), "two");
  kube::testing::Fault away;
  away.when = [](const kube::Request& request) {
    return request.path.find("/secrets/") != std::string::npos;
  };
  server_.inject(away);
  pass(61s);
  EXPECT_EQ(secret("shared", "psk"), "two") << "it cannot be read just now";
  server_.remove(kube::secrets(), {"espalier-system", "shared"});
  pass(121s);
  EXPECT_THAT(secret("shared", "psk"), HasSubstr("no such Secret"));
  for (const kube::Request& request : server_.requests()) {
    if (request.path.find("/secrets") == std::string::npos) continue;
    EXPECT_EQ(request.path, "/api/v1/namespaces/espalier-system/secrets/shared");
    EXPECT_TRUE(request.query.empty()) << "agents may not list or watch";
  }
}

TEST_F(NodeFollowerTest, SaysWhatStandsOnce) {
  server_.put(crds::ipsec_policies(), mesh());
  begin();
  decide();
  StatusWriter writer("node1",
                      {follower_->watch().node_policies(), follower_->watch().node_endpoints()},
                      plan::known_features(), [] { return "2026-11-24T12:00:00Z"; });
  const kube::Client client(server_, {.field_manager = "espalier-agent"});
  EXPECT_TRUE(writer.write(client, NodeObject::kNodePolicy)) << "there is nothing to say yet";
  (void)server_.take_writes();
  auto snapshot = std::make_shared<telemetry::Snapshot>();
  snapshot->plan.hash = snapshot->plan.applied_hash = wanted_->in_force.plan->hash;
  snapshot->plan.applied = true;
  snapshot->kernel.esp = true;
  const auto write_both = [&] {
    writer.report({wanted_->in_force, follower_->verdict(), follower_->certificate(), snapshot});
    for (const auto object : {NodeObject::kNodePolicy, NodeObject::kNodeEndpoint})
      EXPECT_TRUE(writer.write(client, object));
    return server_.take_writes().size();
  };
  EXPECT_EQ(write_both(), 2U);
  EXPECT_EQ(write_both(), 0U) << "also while the watch is behind";
  pass(1s);
  EXPECT_EQ(write_both(), 0U);
  const auto status =
      crds::read_node_policy_status(server_.find(crds::node_policies(), "node1")->json);
  EXPECT_EQ(status.applied_hash, hash());
  EXPECT_EQ(status.peers, (crds::Count{1, 0}));
  snapshot->kernel.esp = false;
  EXPECT_EQ(write_both(), 1U) << "the NodeEndpoint alone";
  EXPECT_EQ(follower_->verdict().following, Following::kFollows)
      << "its own statuses are no news to it";
}

}  // namespace
}  // namespace espalier::follow
