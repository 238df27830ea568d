#include "operator/uninstall/uninstall.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crds/kube/resources.h"
#include "crds/types/status.h"
#include "kube/testing/fake_api_server.h"

namespace espalier::uninstall {
namespace {

using namespace std::chrono_literals;
using kube::Json;
using kube::testing::Fault;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const kube::ObjectKey kOperator{"espalier-system", "espalier-operator"};

// A cluster whose parts move on while the uninstallation pauses.
class Cluster {
 public:
  Cluster() {
    server_.serve(deployments());
    for (const auto& kind : {crds::node_policies(), crds::node_endpoints(), crds::pod_slices(),
                             crds::ipsec_policies()})
      server_.serve(kind);
    server_.put(deployments(),
                {{"metadata", {{"namespace", kOperator.ns}, {"name", kOperator.name}}},
                 {"spec", {{"replicas", 2}}}});
    server_.put(kube::pods(), operator_pod("a"));
    server_.put(kube::pods(), operator_pod("b"));
    server_.put(crds::ipsec_policies(), {{"metadata", {{"name", "mesh"}}}});
    server_.put(crds::pod_slices(), {{"metadata", {{"name", "mesh-1"}}}});
  }

  // `applied` empty: no agent was ever there.
  void add_node(const std::string& name, const std::string& applied) {
    server_.put(crds::node_endpoints(), {{"metadata", {{"name", name}}}});
    Json policy{
        {"metadata", {{"name", name}}},
        {"spec",
         {{"hash", "0123"},
          {"policies", Json::array({{{"name", "mesh"}, {"uid", "u"}, {"generation", 1}}})}}}};
    if (!applied.empty()) policy["status"] = {{"appliedHash", applied}};
    server_.put(crds::node_policies(), policy);
  }

  Status uninstall() {
    Ports ports{&client_, [this] { return now_; }, [this](Duration time) { pass(time); },
                [this](const std::string& line) { said.push_back(line); }};
    return uninstall::uninstall(ports, {});
  }

  Json replicas() const {
    return server_.find(deployments(), kOperator)->json.at("spec").at("replicas");
  }
  kube::testing::FakeApiServer& server() { return server_; }

  std::vector<std::string> said;
  std::set<std::string> stuck;  // nodes whose agents follow no plan

 private:
  static Json operator_pod(const std::string& name) {
    return {{"metadata",
             {{"namespace", kOperator.ns},
              {"name", name},
              {"labels", {{"app.kubernetes.io/component", "operator"}}}}}};
  }

  void pass(Duration time) {
    now_ += time;
    const auto deployment = server_.find(deployments(), kOperator);
    const bool scaled = !deployment || deployment->json.at("spec").at("replicas") == 0;
    const auto pods = server_.list(kube::pods());
    if (scaled && !pods.empty()) {
      server_.remove(kube::pods(), pods.front()->key());
      return;
    }
    for (const auto& policy : server_.list(crds::node_policies())) {
      if (stuck.contains(policy->key().name) || !policy->json.contains("status")) continue;
      Json next = policy->json;
      next["status"]["appliedHash"] = next["spec"]["hash"];
      if (next != policy->json) {
        EXPECT_THAT(pods, IsEmpty()) << "a plan was written while an operator could write another";
        server_.put(crds::node_policies(), next);
        return;
      }
    }
  }

  kube::testing::FakeApiServer server_;
  kube::Client client_{server_, {"espalier-operator", false, {}}};
  TimePoint now_{};
};

TEST(Uninstall, EmptiesEveryPlanBeforeItRemovesAnything) {
  Cluster cluster;
  cluster.add_node("a", "0123");
  cluster.add_node("b", "0123");
  const auto done = cluster.uninstall();
  ASSERT_TRUE(done) << done.error().to_string();
  EXPECT_EQ(cluster.replicas(), 0);
  EXPECT_THAT(cluster.server().list(crds::node_policies()), IsEmpty());
  EXPECT_THAT(cluster.server().list(crds::node_endpoints()), IsEmpty());
  EXPECT_THAT(cluster.server().list(crds::pod_slices()), IsEmpty());
  EXPECT_THAT(cluster.server().list(crds::ipsec_policies()), SizeIs(1)) << "the users' own";
  bool removed = false;
  for (const auto& write : cluster.server().writes()) {
    if (write.method == kube::Method::kDelete) removed = true;
    if (write.resource == crds::node_policies() && write.method == kube::Method::kPatch) {
      EXPECT_FALSE(removed);
      EXPECT_FALSE(write.body.at("spec").contains("policies"));
      EXPECT_EQ(write.body.at("metadata").at("labels").at("espalier.io/uninstalling"), "true");
    }
  }
  EXPECT_THAT(
      cluster.said,
      Contains(HasSubstr("waiting for the agents of these nodes to take the empty plan: a, b")));
}

TEST(Uninstall, ANodeThatDoesNotFollowIsNamedAndTheOperatorComesBack) {
  Cluster cluster;
  cluster.add_node("a", "0123");
  cluster.add_node("b", "0123");
  cluster.stuck = {"b"};
  const auto done = cluster.uninstall();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().to_string(),
            "gave up waiting for the agents of these nodes to take the empty plan: b");
  EXPECT_EQ(cluster.replicas(), 2);
  EXPECT_THAT(cluster.server().list(crds::node_policies()), SizeIs(2));
  EXPECT_THAT(cluster.server().list(crds::node_endpoints()), SizeIs(2));
}

TEST(Uninstall, ANodeThatNeverHadAnAgentIsNotWaitedFor) {
  Cluster cluster;
  cluster.add_node("a", "");
  EXPECT_TRUE(cluster.uninstall());
}

TEST(Uninstall, AServerThatIsAwayForAMomentIsAskedAgain) {
  Cluster cluster;
  cluster.add_node("a", "0123");
  Fault away;
  away.when = [](const kube::Request& request) { return request.path.ends_with("/pods"); };
  away.times = 2;
  cluster.server().inject(away);
  const auto done = cluster.uninstall();
  EXPECT_TRUE(done) << done.error().to_string();
}

TEST(Uninstall, WithoutADeploymentTheNodesAreEmptiedAllTheSame) {
  Cluster cluster;
  cluster.add_node("a", "0123");
  cluster.server().remove(deployments(), kOperator);
  const auto done = cluster.uninstall();
  EXPECT_TRUE(done) << done.error().to_string();
}

TEST(Uninstall, WithoutTheRightNothingIsTouched) {
  Cluster cluster;
  cluster.add_node("a", "0123");
  Fault forbidden;
  forbidden.when = [](const kube::Request& request) { return request.path.ends_with("/scale"); };
  forbidden.response =
      kube::Response{403, {}, R"({"kind":"Status","reason":"Forbidden","message":"no"})"};
  cluster.server().inject(forbidden);
  const auto done = cluster.uninstall();
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().to_string(), HasSubstr("scale"));
  EXPECT_EQ(cluster.replicas(), 2);
  EXPECT_EQ(cluster.server().find(crds::node_policies(), "a")->json.at("spec").at("hash"), "0123");
}

}  // namespace
}  // namespace espalier::uninstall
