#include "operator/reconcile/status_reconciler.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crds/kube/resources.h"
#include "crds/types/status.h"
#include "kube/testing/fake_api_server.h"
#include "kube/testing/manual_executor.h"

namespace espalier::reconcile {
namespace {

using namespace std::chrono_literals;
using kube::Json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class StatusReconcilerTest : public ::testing::Test {
 protected:
  StatusReconcilerTest() {
    for (const auto& resource : {crds::ipsec_policies(), crds::tunnels(), crds::node_policies()})
      server_.serve(resource);
    server_.put(crds::ipsec_policies(),
                {{"apiVersion", "espalier.io/v1alpha1"},
                 {"kind", "IPsecPolicy"},
                 {"metadata", {{"name", "mesh"}}},
                 {"spec", {{"enforcement", "Required"}, {"traffic", {"NodeToNode"}}}}});
  }

  // `at_each_node` is called whenever a node's word has been heard.
  void begin(const std::function<void()>& at_each_node = {}) {
    StatusReconciler::Sources sources;
    sources.policies = follow(crds::ipsec_policies());
    sources.tunnels = follow(crds::tunnels());
    sources.node_policies = follow(crds::node_policies());
    reconciler_ = std::make_unique<StatusReconciler>(
        sources, StatusReconciler::Options{},
        [this](const StatusKey& key, Duration) { queue_.insert(key); },
        [] { return "2026-11-24T22:10:00.000000Z"; });
    if (at_each_node)
      sources.node_policies->on_change([at_each_node](const kube::Change&) { at_each_node(); });
    for (auto& informer : informers_) informer->start();
    started_with_ = settle();
  }
  kube::Informer* follow(const kube::Resource& resource) {
    informers_.push_back(std::make_unique<kube::Informer>(
        server_, executor_, kube::WatchSpec{resource, {}, {}}, informers_.size() + 1));
    return informers_.back().get();
  }
  std::size_t settle() {
    (void)server_.take_writes();
    for (int turn = 0; turn < 5; ++turn) {
      executor_.advance(100ms);
      for (const StatusKey& key : std::exchange(queue_, {})) {
        const auto done = reconciler_->write(client_, key);
        EXPECT_TRUE(done) << done.error().to_string();
      }
    }
    return server_.take_writes().size();
  }
  // What the planner wrote for a node, and what its agent says.
  void node(const std::string& name, bool applied) {
    const auto policy = server_.find(crds::ipsec_policies(), "mesh");
    const std::string hash(32, 'a');
    Json json = {{"apiVersion", "espalier.io/v1alpha1"},
                 {"kind", "NodePolicy"},
                 {"metadata", {{"name", name}}},
                 {"spec",
                  {{"hash", hash},
                   {"policies", Json::array({{{"name", "mesh"},
                                              {"uid", policy->metadata.uid},
                                              {"generation", policy->metadata.generation}}})}}}};
    if (applied) {
      json["status"] = {{"appliedHash", hash},
                        {"policies", Json::array({{{"name", "mesh"},
                                                   {"generation", policy->metadata.generation},
                                                   {"peers", 1},
                                                   {"ready", 1}}})}};
    }
    server_.put(crds::node_policies(), json);
  }
  std::string condition(const std::string& type) {
    const auto status =
        crds::read_ipsec_policy_status(server_.find(crds::ipsec_policies(), "mesh")->json);
    const auto* found = crds::find(status.conditions, type);
    if (found == nullptr) return "none";
    const char* what = found->status == crds::ConditionStatus::kTrue    ? "True "
                       : found->status == crds::ConditionStatus::kFalse ? "False "
                                                                        : "Unknown ";
    return what + found->reason;
  }

  kube::testing::FakeApiServer server_;
  kube::testing::ManualExecutor executor_;
  kube::Client client_{server_, {.field_manager = "espalier-operator"}};
  std::vector<std::unique_ptr<kube::Informer>> informers_;
  std::unique_ptr<StatusReconciler> reconciler_;
  std::set<StatusKey> queue_;
  std::size_t started_with_ = 0;  // writes
};

TEST_F(StatusReconcilerTest, APolicyIsReadyWhenEveryNodeSaysSo) {
  node("node1", false);
  node("node2", false);
  begin();
  EXPECT_EQ(condition("Accepted").substr(0, 4), "True");
  EXPECT_EQ(condition("Programmed"), "False Pending");
  node("node1", true);
  settle();
  EXPECT_EQ(condition("Programmed"), "False Pending");
  node("node2", true);
  settle();
  EXPECT_EQ(condition("Programmed").substr(0, 4), "True");
  EXPECT_EQ(condition("Enforcing").substr(0, 4), "True");
  EXPECT_EQ(condition("Ready").substr(0, 4), "True");
  EXPECT_EQ(settle(), 0U) << "nothing changed";
}

TEST_F(StatusReconcilerTest, OneWriteForManyNodesThatFollowTogether) {
  for (int i = 1; i <= 20; ++i) node("node" + std::to_string(i), false);
  begin();
  for (int i = 1; i <= 20; ++i) node("node" + std::to_string(i), true);
  EXPECT_EQ(settle(), 1U);
}

TEST_F(StatusReconcilerTest, OneWhoStartsSaysNothingBeforeItHasHeardOfEveryNode) {
  node("node1", true);
  node("node2", true);
  begin();
  ASSERT_EQ(condition("Ready").substr(0, 4), "True");
  reconciler_.reset();
  informers_.clear();
  begin([this] { EXPECT_TRUE(reconciler_->write(client_, {false, {"", "mesh"}})); });
  EXPECT_EQ(started_with_, 0U) << "what stands was written by one who knew all";
  EXPECT_EQ(condition("Ready").substr(0, 4), "True");
}

TEST_F(StatusReconcilerTest, AnInvalidPolicyIsNotAcceptedAndSaysWhy) {
  auto json = server_.find(crds::ipsec_policies(), "mesh")->json;
  json["spec"]["enforcement"] = "Perhaps";
  server_.put(crds::ipsec_policies(), json);
  begin();
  EXPECT_EQ(condition("Accepted"), "False Invalid");
  const auto status =
      crds::read_ipsec_policy_status(server_.find(crds::ipsec_policies(), "mesh")->json);
  EXPECT_THAT(crds::find(status.conditions, "Accepted")->message, HasSubstr("spec.enforcement"));
}

TEST_F(StatusReconcilerTest, ANodeThatGoesCountsNoMore) {
  node("node1", true);
  node("node2", false);
  begin();
  EXPECT_EQ(condition("Programmed"), "False Pending");
  server_.remove(crds::node_policies(), {"", "node2"});
  settle();
  EXPECT_EQ(condition("Programmed").substr(0, 4), "True");
}

}  // namespace
}  // namespace espalier::reconcile
