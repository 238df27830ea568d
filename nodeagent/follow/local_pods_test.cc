#include "nodeagent/follow/local_pods.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier::follow {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const IpAddress kFirst = *IpAddress::parse("10.244.1.7");
const IpAddress kSecond = *IpAddress::parse("10.244.1.8");

reconcile::Pod pod(const char* name, const char* app, std::vector<IpAddress> addresses = {}) {
  return {"shop", name, {{"app", app}}, std::move(addresses)};
}

class LocalPodsTest : public ::testing::Test {
 protected:
  LocalPodsTest() {
    pods_.set_policies({{"web", {{}, crds::LabelSelector{{{"app", "web"}}, {}}}}});
    pods_.put_namespace("shop", {});
  }
  LocalPods pods_;
};

TEST_F(LocalPodsTest, APodCountsWithTheAddressesThatThePluginTells) {
  pods_.put_pod(pod("web-0", "web"));
  EXPECT_THAT(pods_.known().settled, IsEmpty());
  pods_.expect("shop", "web-0", {kFirst});
  EXPECT_THAT(pods_.known().selected.at("web"), ElementsAre(kFirst));
  EXPECT_THAT(pods_.known().settled, ElementsAre(kFirst));
  pods_.put_pod(pod("web-0", "web", {kFirst}));
  EXPECT_THAT(pods_.known().selected.at("web"), ElementsAre(kFirst));
  pods_.remove_pod("shop", "web-0");
  EXPECT_THAT(pods_.known().selected, IsEmpty());
  EXPECT_THAT(pods_.known().settled, IsEmpty());
}

TEST_F(LocalPodsTest, ThePluginMayBeFirst) {
  pods_.expect("shop", "web-0", {kFirst});
  EXPECT_THAT(pods_.known().settled, IsEmpty()) << "nobody knows its labels";
  pods_.put_pod(pod("web-0", "web"));
  EXPECT_THAT(pods_.known().selected.at("web"), ElementsAre(kFirst));
}

TEST_F(LocalPodsTest, APodThatIsNotSelectedIsSettledToo) {
  pods_.put_pod(pod("db-0", "db"));
  pods_.expect("shop", "db-0", {kFirst});
  EXPECT_THAT(pods_.known().selected, IsEmpty());
  EXPECT_THAT(pods_.known().settled, ElementsAre(kFirst));
  pods_.put_pod(pod("db-0", "web", {kFirst}));  // relabelled
  EXPECT_THAT(pods_.known().selected.at("web"), ElementsAre(kFirst));
}

TEST_F(LocalPodsTest, WhatThePredecessorOfThatNameHadSettlesNothing) {
  pods_.put_pod(pod("web-0", "db", {kFirst}));
  pods_.expect("shop", "web-0", {kSecond});
  EXPECT_THAT(pods_.known().settled, ElementsAre(kFirst));
  pods_.remove_pod("shop", "web-0");
  pods_.put_pod(pod("web-0", "web"));
  pods_.expect("shop", "web-0", {kSecond});  // it asks again and again
  EXPECT_THAT(pods_.known().selected.at("web"), ElementsAre(kSecond));
}

TEST_F(LocalPodsTest, NothingIsSettledInANamespaceThatIsNotKnown) {
  pods_.remove_namespace("shop");
  pods_.put_pod(pod("web-0", "web", {kFirst}));
  EXPECT_THAT(pods_.known().settled, IsEmpty());
  pods_.put_namespace("shop", {});
  EXPECT_THAT(pods_.known().settled, ElementsAre(kFirst));
}

TEST_F(LocalPodsTest, APolicyThatIsGoneSelectsNobody) {
  pods_.put_pod(pod("web-0", "web", {kFirst}));
  pods_.set_policies({});
  EXPECT_THAT(pods_.known().selected, IsEmpty());
}

}  // namespace
}  // namespace espalier::follow
