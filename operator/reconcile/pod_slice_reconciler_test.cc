#include "operator/reconcile/pod_slice_reconciler.h"

#include <algorithm>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crds/kube/resources.h"
#include "kube/testing/fake_api_server.h"
#include "kube/testing/manual_executor.h"

namespace espalier::reconcile {
namespace {

using namespace std::chrono_literals;
using kube::Json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class PodSliceReconcilerTest : public ::testing::Test {
 protected:
  PodSliceReconcilerTest() {
    for (const auto& resource : {kube::pods(), kube::namespaces(), crds::pod_slices()})
      server_.serve(resource);
    space("shop", {{"confidential", "true"}});
    space("lab", Json::object());
  }

  void begin() {
    const auto follow = [&](const kube::Resource& resource, kube::Trim trim = {}) {
      informers_.push_back(std::make_unique<kube::Informer>(
          server_, executor_, kube::WatchSpec{resource, {}, std::move(trim)},
          informers_.size() + 1));
      return informers_.back().get();
    };
    PodSliceReconciler::Sources sources;
    sources.pods = follow(kube::pods(), trim_pod);
    sources.namespaces = follow(kube::namespaces());
    sources.pod_slices = follow(crds::pod_slices());
    wanted_.follow(Written::kPodSlice, *sources.pod_slices);
    reconciler_ = std::make_unique<PodSliceReconciler>(executor_, sources,
                                                       PodSliceReconciler::Options{}, wanted_);
    sources.pod_slices->start();
    settle();
  }

  // The policies that stand, as the planner hands them over.
  void policies(const std::map<std::string, PodSelection>& all) {
    std::vector<std::shared_ptr<const crds::IPsecPolicy>> made;
    for (const auto& [name, selection] : all) {
      crds::IPsecPolicy policy;
      policy.meta.name = name;
      policy.spec.namespace_selector = selection.namespace_selector;
      policy.spec.pod_selector = selection.pod_selector;
      made.push_back(std::make_shared<const crds::IPsecPolicy>(std::move(policy)));
    }
    reconciler_->set_policies(made);
  }

  // Lets watches run and works on what was named; returns what was written.
  std::vector<std::string> settle() {
    (void)server_.take_writes();
    for (int turn = 0; turn < 10; ++turn) {
      executor_.advance(600ms);
      for (const WriteKey& key : std::exchange(queue_, {})) {
        const auto done = wanted_.write(client_, key);
        EXPECT_TRUE(done) << done.error().to_string();
      }
    }
    std::vector<std::string> written;
    for (const auto& write : server_.take_writes())
      written.push_back(std::string(name_of(write.method)) + " " + write.key.name);
    return written;
  }

  void pod(const std::string& ns, const std::string& name, const std::string& app,
           const std::string& address) {
    server_.put(kube::pods(),
                {{"metadata", {{"name", name}, {"namespace", ns}, {"labels", {{"app", app}}}}},
                 {"status", {{"phase", "Running"}, {"podIP", address}}}});
  }
  void space(const std::string& name, const Json& labels) {
    server_.put(kube::namespaces(), {{"metadata", {{"name", name}, {"labels", labels}}}});
  }
  // All addresses of a policy's slices, sorted as text.
  std::vector<std::string> selected(const std::string& policy) {
    std::vector<std::string> all;
    for (const auto& slice : server_.list(crds::pod_slices())) {
      const Json& spec = slice->json.at("spec");
      if (spec.at("policy") != policy) continue;
      EXPECT_LE(spec.at("addresses").size(), crds::kMaxAddressesOfSlice);
      for (const Json& address : spec.at("addresses")) all.push_back(address);
    }
    std::sort(all.begin(), all.end());
    return all;
  }

  kube::testing::FakeApiServer server_;
  kube::testing::ManualExecutor executor_;
  kube::Client client_{server_, {.field_manager = "espalier-operator"}};
  std::vector<std::unique_ptr<kube::Informer>> informers_;
  std::set<WriteKey> queue_;
  WantedObjects wanted_{[this](const WriteKey& key, kube::Priority) { queue_.insert(key); }};
  std::unique_ptr<PodSliceReconciler> reconciler_;
};

const PodSelection kConfidential = {crds::LabelSelector{{{"confidential", "true"}}, {}}, {}};
const PodSelection kWeb = {{}, crds::LabelSelector{{{"app", "web"}}, {}}};

TEST_F(PodSliceReconcilerTest, PodsAreFollowedOnlyWhereSomePolicySelectsThem) {
  pod("shop", "a", "web", "10.244.1.7");
  begin();
  EXPECT_FALSE(reconciler_->ready()) << "the policies are not known";
  policies({});
  EXPECT_THAT(settle(), IsEmpty());
  EXPECT_TRUE(reconciler_->ready());
  for (const kube::Request& request : server_.requests())
    EXPECT_NE(request.path, kube::pods().collection_path());
  policies({{"pay", kConfidential}});
  EXPECT_THAT(settle(), ElementsAre("PATCH pay-1"));
  EXPECT_THAT(selected("pay"), ElementsAre("10.244.1.7"));
  EXPECT_EQ(reconciler_->counts().pods, 1U);
  EXPECT_EQ(reconciler_->counts().slices, 1U);
}

TEST_F(PodSliceReconcilerTest, FollowsPodsNamespacesAndPolicies) {
  pod("shop", "a", "web", "10.244.1.7");
  pod("shop", "b", "db", "10.244.2.7");
  pod("lab", "c", "web", "10.244.1.8");
  begin();
  policies({{"pay", kConfidential}, {"web", kWeb}});
  settle();
  EXPECT_THAT(selected("pay"), ElementsAre("10.244.1.7", "10.244.2.7"));
  EXPECT_THAT(selected("web"), ElementsAre("10.244.1.7", "10.244.1.8"));
  EXPECT_THAT(settle(), IsEmpty());

  pod("shop", "a", "db", "10.244.1.7");  // relabelled
  EXPECT_THAT(settle(), ElementsAre("PATCH web-1"));
  EXPECT_THAT(selected("web"), ElementsAre("10.244.1.8"));
  pod("lab", "c", "web", "10.244.3.8");  // moved
  EXPECT_THAT(settle(), ElementsAre("PATCH web-1"));
  space("lab", {{"confidential", "true"}});
  EXPECT_THAT(settle(), ElementsAre("PATCH pay-1"));
  EXPECT_THAT(selected("pay"), ElementsAre("10.244.1.7", "10.244.2.7", "10.244.3.8"));
  server_.remove(kube::pods(), {"lab", "c"});
  EXPECT_THAT(settle(), UnorderedElementsAre("PATCH pay-1", "DELETE web-1"));
  policies({{"web", kWeb}});
  EXPECT_THAT(settle(), ElementsAre("DELETE pay-1"));
  EXPECT_THAT(server_.list(crds::pod_slices()), IsEmpty());
}

TEST_F(PodSliceReconcilerTest, AMovedPodTouchesOneSliceOfMany) {
  for (int i = 0; i < 250; ++i)
    pod("shop", fmt::format("p{}", i), "web", fmt::format("10.244.1.{}", i));
  begin();
  policies({{"pay", kConfidential}});
  EXPECT_EQ(settle().size(), 3U);
  EXPECT_EQ(selected("pay").size(), 250U);
  pod("shop", "p7", "web", "10.244.2.7");
  EXPECT_LE(settle().size(), 2U);
  EXPECT_EQ(selected("pay").size(), 250U);
}

TEST_F(PodSliceReconcilerTest, TakesOverWhatAnEarlierRunWrote) {
  const auto slice = [&](const char* name, const char* policy, const Json& addresses) {
    server_.put(crds::pod_slices(), {{"metadata", {{"name", name}}},
                                     {"spec", {{"policy", policy}, {"addresses", addresses}}}});
  };
  slice("pay-7", "pay", Json::array({"10.244.1.7"}));
  slice("pay-8", "pay", Json::array({"10.244.9.9"}));
  slice("old-1", "old", Json::array({"10.244.1.7"}));
  slice("odd", "pay", Json::array({"ten"}));
  pod("shop", "a", "web", "10.244.1.7");
  server_.unserve(kube::namespaces());
  begin();
  policies({{"pay", kConfidential}});
  EXPECT_THAT(settle(), IsEmpty()) << "namespaces are not known: nothing goes";
  EXPECT_FALSE(reconciler_->ready());
  server_.serve(kube::namespaces());
  space("shop", {{"confidential", "true"}});
  executor_.advance(60s);
  EXPECT_THAT(settle(), UnorderedElementsAre("DELETE pay-8", "DELETE old-1", "DELETE odd"));
  EXPECT_THAT(selected("pay"), ElementsAre("10.244.1.7"));
}

TEST_F(PodSliceReconcilerTest, WhatOthersBreakComesBack) {
  pod("shop", "a", "web", "10.244.1.7");
  begin();
  policies({{"pay", kConfidential}});
  settle();
  server_.put(crds::pod_slices(),
              {{"metadata", {{"name", "pay-1"}}},
               {"spec", {{"policy", "pay"}, {"addresses", Json::array({"192.0.2.1"})}}}});
  EXPECT_THAT(settle(), ElementsAre("PATCH pay-1"));
  server_.remove(crds::pod_slices(), {"", "pay-1"});
  EXPECT_THAT(settle(), ElementsAre("PATCH pay-1"));
  EXPECT_THAT(selected("pay"), ElementsAre("10.244.1.7"));
  server_.put(crds::pod_slices(),
              {{"metadata", {{"name", "forged"}}},
               {"spec", {{"policy", "pay"}, {"addresses", Json::array({"192.0.2.1"})}}}});
  EXPECT_THAT(settle(), ElementsAre("DELETE forged"));
}

}  // namespace
}  // namespace espalier::reconcile
