#include "operator/reconcile/node_facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier::reconcile {
namespace {

using kube::Json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

kube::Object node(Json json) {
  json["metadata"]["name"] = "node1";
  return **kube::make_object(std::move(json));
}

kube::Object with_addresses(const Json& addresses, const Json& pod_cidrs = Json::array()) {
  return node({{"spec", {{"podCIDRs", pod_cidrs}}}, {"status", {{"addresses", addresses}}}});
}

Json address(const char* type, const char* text) {
  return {{"type", type}, {"address", text}};
}

TEST(NodeFacts, TheFirstInternalAddressOfEachFamilyCounts) {
  const auto spec = endpoint_of(
      with_addresses({address("ExternalIP", "198.51.100.1"), address("InternalIP", "10.0.0.1"),
                      address("InternalIP", "10.0.0.2"), address("InternalIP", "fd00::1"),
                      address("Hostname", "node1")},
                     {"10.244.1.0/24", "fd00:1::/64"}),
      crds::PodNetwork::kOverlay);
  ASSERT_TRUE(spec);
  EXPECT_THAT(spec->addresses,
              ElementsAre(*IpAddress::parse("10.0.0.1"), *IpAddress::parse("fd00::1")));
  EXPECT_THAT(spec->pod_cidrs,
              ElementsAre(*Prefix::parse("10.244.1.0/24"), *Prefix::parse("fd00:1::/64")));
  EXPECT_EQ(spec->identity, "node1");
  EXPECT_EQ(spec->pod_network, crds::PodNetwork::kOverlay);
}

TEST(NodeFacts, WhatIsMissingOrWrongIsNamed) {
  const auto none = endpoint_of(with_addresses(Json::array({address("Hostname", "node1")})), {});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::kUnavailable);
  EXPECT_THAT(none.error().to_string(), HasSubstr("status.addresses"));
  EXPECT_THAT(endpoint_of(with_addresses(Json::array({address("InternalIP", "10.0.0")})), {})
                  .error()
                  .to_string(),
              HasSubstr("10.0.0"));
  EXPECT_THAT(endpoint_of(with_addresses(Json::array({address("InternalIP", "10.0.0.1")}),
                                         Json::array({"10.244.1.0"})),
                          {})
                  .error()
                  .to_string(),
              HasSubstr("spec.podCIDRs"));
  EXPECT_FALSE(endpoint_of(node({{"status", 7}, {"spec", Json::array()}}), {}));
}

TEST(NodeFacts, OnlyLinuxTakesPart) {
  EXPECT_TRUE(runs_linux(node({})));
  EXPECT_TRUE(runs_linux(node({{"metadata", {{"labels", {{"kubernetes.io/os", "linux"}}}}}})));
  EXPECT_FALSE(runs_linux(node({{"metadata", {{"labels", {{"kubernetes.io/os", "windows"}}}}}})));
}

TEST(NodeFacts, WhereTheApiServerListens) {
  const auto found = endpoints_of(node(
      {{"ports", {{{"port", 6443}}, {{"port", 70000}}, {{"name", "x"}}}},
       {"endpoints", {{{"addresses", {"10.0.0.9", "x", 4}}}, {{"addresses", {"fd00::9"}}}, 3}}}));
  EXPECT_THAT(found, ElementsAre(Endpoint{*IpAddress::parse("10.0.0.9"), 6443},
                                 Endpoint{*IpAddress::parse("fd00::9"), 6443}));
  EXPECT_TRUE(endpoints_of(node({{"ports", 1}})).empty());
}

}  // namespace
}  // namespace espalier::reconcile
