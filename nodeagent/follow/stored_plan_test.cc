#include "nodeagent/follow/stored_plan.h"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crds/types/encode.h"
#include "nodeagent/follow/world_testing.h"
#include "operator/plan/planner.h"

namespace espalier::follow {
namespace {

using crds::Json;
using ::testing::HasSubstr;

Json object(const char* kind, const char* name, Json spec, std::int64_t generation = 1) {
  return {{"apiVersion", "espalier.io/v1alpha1"},
          {"kind", kind},
          {"metadata",
           {{"name", name},
            {"uid", std::string("p-") + name},
            {"generation", generation},
            {"resourceVersion", "7"}}},
          {"spec", std::move(spec)},
          {"status", {{"some", "thing"}}}};
}

// node1 of a mesh of three.
StoredParts parts() {
  const plan::World world = testing::cluster();
  StoredParts made;
  made.node_policy = without_status(
      object("NodePolicy", "node1", crds::encode(testing::node_policy(world, "node1")->spec)));
  for (const auto& endpoint : world.endpoints) {
    made.endpoints.push_back(without_status(
        object("NodeEndpoint", endpoint->meta.name.c_str(), crds::encode(endpoint->spec))));
  }
  made.policies = {without_status(
      object("IPsecPolicy", "mesh",
             {{"enforcement", "Required"}, {"traffic", Json::array({"NodeToNode"})}}))};
  made.trust_pem = "-----BEGIN CERTIFICATE-----";
  return made;
}

TEST(StoredPlan, GivesTheSamePlanAgain) {
  const auto stored = decode_stored_plan(encode_stored_plan("node1", parts()), "node1");
  ASSERT_TRUE(stored) << stored.error().to_string();
  EXPECT_EQ(stored->trust_pem, "-----BEGIN CERTIFICATE-----");
  PlanFollower follower("node1", plan::known_features());
  EXPECT_TRUE(follower.hear(stored->heard())) << follower.verdict().message;
  EXPECT_EQ(follower.plan(), plan::plan_node(testing::cluster(), "node1"));
}

TEST(StoredPlan, HoldsWhoThePodsWereOrThatNobodyKnew) {
  StoredParts made = parts();
  EXPECT_EQ(decode_stored_plan(encode_stored_plan("node1", made), "node1")->pods, std::nullopt);
  made.pods = {{"db", {}},
               {"web", {*IpAddress::parse("10.244.1.7"), *IpAddress::parse("fd00::7")}}};
  EXPECT_EQ(decode_stored_plan(encode_stored_plan("node1", made), "node1")->pods, made.pods);

  Json all = Json::parse(encode_stored_plan("node1", made));
  all["pods"]["web"][0] = "10.244.1";
  const auto wrong = decode_stored_plan(all.dump(), "node1");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().where, "pods");
}

TEST(StoredPlan, HoldsNoStatus) {
  const std::string text = encode_stored_plan("node1", parts());
  EXPECT_EQ(text.find("\"status\""), std::string::npos);
  EXPECT_EQ(text.find("resourceVersion"), std::string::npos);
}

std::string why(const std::string& text) {
  const auto stored = decode_stored_plan(text, "node1");
  return stored ? "it was taken" : stored.error().to_string();
}

std::string changed(const std::function<void(Json&)>& change) {
  Json json = Json::parse(encode_stored_plan("node1", parts()));
  change(json);
  return json.dump();
}

TEST(StoredPlan, SaysWhatIsWrong) {
  const std::string good = encode_stored_plan("node1", parts());
  EXPECT_THAT(why(good.substr(0, good.size() / 2)), HasSubstr("cut off"));
  EXPECT_THAT(why(""), HasSubstr("cut off"));
  EXPECT_THAT(why("[]"), HasSubstr("cut off"));
  EXPECT_THAT(why(changed([](Json& all) { all["version"] = 2; })), HasSubstr("is 2"));
  EXPECT_THAT(why(changed([](Json& all) { all.erase("version"); })), HasSubstr("missing"));
  EXPECT_THAT(why(changed([](Json& all) { all["more"] = 1; })), HasSubstr("more"));
  EXPECT_THAT(why(changed([](Json& all) { all.erase("tunnels"); })), HasSubstr("tunnels"));
  EXPECT_THAT(why(changed([](Json& all) { all["tunnels"] = 3; })), HasSubstr("a list is needed"));
  EXPECT_THAT(why(changed([](Json& all) { all["trust"] = 3; })), HasSubstr("trust"));
  EXPECT_THAT(why(changed([](Json& all) { all["node"] = "node2"; })), HasSubstr("node2"));
  EXPECT_THAT(why(changed([](Json& all) { all["nodePolicy"]["spec"]["hash"] = "x"; })),
              HasSubstr("nodePolicy.spec.hash"));
  EXPECT_THAT(why(changed([](Json& all) { all["ipsecPolicies"][0]["spec"]["magic"] = 1; })),
              HasSubstr("ipsecPolicies[0].spec.magic"));
  EXPECT_THAT(why(changed([](Json& all) { all["nodeEndpoints"][1] = all["ipsecPolicies"][0]; })),
              HasSubstr("nodeEndpoints[1]"));
}

}  // namespace
}  // namespace espalier::follow
