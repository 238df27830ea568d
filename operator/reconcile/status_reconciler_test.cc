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
using ::testing::ElementsAre;
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
        [] { return "2026-11-24T22:10:00.000000Z"; },
        [this](kube::Happening happening) { told_.push_back(std::move(happening)); });
    reconciler_->set_refused_tunnels({});
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
        const auto done = reconciler_->write(client_, key, executor_.now());
        EXPECT_TRUE(done) << done.error().to_string();
        if (done && done->after) later_.insert(key);
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
  // What people were told since the last time: "Warning mesh Shadowed: by web".
  std::vector<std::string> told() {
    std::vector<std::string> lines;
    for (const kube::Happening& one : std::exchange(told_, {})) {
      lines.push_back(std::string(one.type == kube::EventType::kWarning ? "Warning " : "Normal ") +
                      kube::field_text(one.regarding, "name") + " " + one.reason + ": " + one.note);
    }
    return lines;
  }
  std::string condition(const std::string& type) {
    return word_of(
        crds::read_ipsec_policy_status(server_.find(crds::ipsec_policies(), "mesh")->json)
            .conditions,
        type);
  }
  static std::string word_of(const std::vector<crds::Condition>& conditions,
                             const std::string& type) {
    const auto* found = crds::find(conditions, type);
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
  std::set<StatusKey> later_;  // that were to come back
  std::vector<kube::Happening> told_;
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
  begin([this] {
    EXPECT_TRUE(reconciler_->write(client_, {false, {"", "mesh"}}, executor_.now()));
  });
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

TEST_F(StatusReconcilerTest, WhatBecameOfAPolicyIsToldOnceAfterItsStatusWasWritten) {
  node("node1", false);
  begin();
  EXPECT_THAT(told(), IsEmpty());
  node("node1", true);
  settle();
  EXPECT_THAT(told(), ElementsAre("Normal mesh Ready: 1 of 1 node"));
  node("node2", true);
  settle();
  EXPECT_THAT(told(), IsEmpty()) << "ready it was";
  node("node1", false);
  kube::testing::Fault fault;
  fault.when = [](const kube::Request& request) { return request.path.ends_with("/status"); };
  server_.inject(std::move(fault));
  (void)server_.take_writes();
  executor_.advance(100ms);
  const StatusKey key{false, {"", "mesh"}};
  EXPECT_FALSE(reconciler_->write(client_, key, executor_.now()));
  EXPECT_THAT(told(), IsEmpty()) << "nobody can see it yet";
  server_.heal();
  settle();  // the fifth in no time: it comes back
  executor_.advance(10s);
  queue_.merge(std::exchange(later_, {}));
  settle();
  EXPECT_THAT(told(), ElementsAre("Normal mesh Pending: 1 of 2 nodes"));
}

TEST_F(StatusReconcilerTest, APolicyThatFlapsIsWrittenNowAndThen) {
  node("node1", true);
  begin();
  std::size_t writes = 0;
  for (int second = 0; second < 60; ++second) {
    node("node1", second % 2 == 1);
    executor_.advance(500ms);
    queue_.merge(std::exchange(later_, {}));
    writes += settle();  // half a second
  }
  EXPECT_GE(writes, 6U);
  EXPECT_LE(writes, 4U + 6U) << "4 at once, then one in 10 s";
  // What it says at last is what is.
  node("node1", true);
  for (int second = 0; second < 12; ++second) {
    executor_.advance(1s);
    queue_.merge(std::exchange(later_, {}));
    settle();
  }
  EXPECT_EQ(condition("Ready"), "True Ready");
}

TEST_F(StatusReconcilerTest, ATunnelThatThePlanRefusesIsNotAccepted) {
  const auto branch = [this](const std::string& type) {
    const auto object = server_.find(crds::tunnels(), kube::ObjectKey{"edge", "branch"});
    return word_of(crds::read_tunnel_status(object->json).conditions, type);
  };
  const Json psk = {{"type", "PSK"}, {"psk", {{"secretRef", {{"name", "s"}, {"key", "k"}}}}}};
  server_.put(
      crds::tunnels(),
      {{"apiVersion", "espalier.io/v1alpha1"},
       {"kind", "Tunnel"},
       {"metadata", {{"namespace", "edge"}, {"name", "branch"}}},
       {"spec",
        {{"local", {{"node", "node1"}, {"authentication", psk}}},
         {"remote", {{"addresses", Json::array({"203.0.113.7"})}, {"authentication", psk}}}}}});
  begin();
  EXPECT_EQ(branch("Accepted"), "True Accepted");
  EXPECT_EQ(branch("Ready"), "False NoNode");
  reconciler_->set_refused_tunnels({{{"edge", "branch"}, "it leads to node2"}});
  settle();
  EXPECT_EQ(branch("Accepted"), "False Refused");
  EXPECT_EQ(branch("Ready"), "False Refused");
  EXPECT_THAT(told(), ElementsAre("Warning branch Refused: it leads to node2"));
  reconciler_->set_refused_tunnels({});
  settle();
  EXPECT_EQ(branch("Accepted"), "True Accepted");
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
