#include "kube/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kube/testing/fake_api_server.h"
#include "kube/testing/status_answer.h"

namespace espalier::kube {
namespace {

using ::testing::ElementsAre;
using testing::FakeApiServer;
using ::testing::HasSubstr;
using ::testing::SizeIs;

const Resource kPolicies{"espalier.io", "v1alpha1", "nodepolicies", "NodePolicy", Scope::kCluster};

Json policy(const std::string& name, Json spec) {
  return {{"metadata", {{"name", name}}}, {"spec", std::move(spec)}};
}

class ClientTest : public ::testing::Test {
 protected:
  void SetUp() override { server_.serve(kPolicies); }

  FakeApiServer server_;
  Client client_{server_, {.field_manager = "operator"}};
};

TEST_F(ClientTest, AppliesWithItsManagerAndNeverManagedFields) {
  Json desired = policy("a", {{"hash", "1"}});
  desired["metadata"]["managedFields"] = Json::array({1});
  const auto applied = client_.apply(kPolicies, desired);
  ASSERT_TRUE(applied) << applied.error().to_string();
  EXPECT_EQ((*applied)->metadata.generation, 1);
  const auto writes = server_.take_writes();
  ASSERT_THAT(writes, SizeIs(1));
  EXPECT_EQ(writes[0].manager, "operator");
  EXPECT_EQ(writes[0].body["apiVersion"], "espalier.io/v1alpha1");
  EXPECT_EQ(writes[0].body["kind"], "NodePolicy");
  EXPECT_FALSE(writes[0].body["metadata"].contains("managedFields"));
  const Request request = server_.requests().back();
  EXPECT_EQ(*find_header(request.headers, "content-type"), "application/apply-patch+yaml");
  EXPECT_THAT(request.target(), HasSubstr("fieldManager=operator&force=true"));
}

TEST_F(ClientTest, AFieldLeftOutGoes) {
  ASSERT_TRUE(client_.apply(kPolicies, policy("a", {{"hash", "1"}, {"old", {{"x", 1}}}})));
  const auto applied = client_.apply(kPolicies, policy("a", {{"hash", "1"}}));
  ASSERT_TRUE(applied);
  EXPECT_EQ((*applied)->json["spec"], Json({{"hash", "1"}}));
}

TEST_F(ClientTest, ApplyingTheSameChangesNothing) {
  const auto first = client_.apply(kPolicies, policy("a", {{"hash", "1"}}));
  const auto second = client_.apply(kPolicies, policy("a", {{"hash", "1"}}));
  ASSERT_TRUE(first && second);
  EXPECT_EQ((*first)->metadata.resource_version, (*second)->metadata.resource_version);
}

TEST_F(ClientTest, AConflictNamesTheFieldAndItsOwnerAndForceTakesIt) {
  ASSERT_TRUE(client_.apply(kPolicies, policy("a", {{"hash", "1"}}), {.manager = "kubectl"}));
  const auto refused = client_.apply(kPolicies, policy("a", {{"hash", "2"}}), {.force = false});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kConflict);
  ASSERT_THAT(refused.error().causes, SizeIs(1));
  EXPECT_EQ(refused.error().causes[0].field, ".spec.hash");
  EXPECT_THAT(refused.error().to_string(), HasSubstr("conflict with \"kubectl\""));
  EXPECT_EQ(server_.find(kPolicies, "a")->json["spec"]["hash"], "1");
  ASSERT_TRUE(client_.apply(kPolicies, policy("a", {{"hash", "2"}})));
  EXPECT_THAT(server_.owned_by(kPolicies, {"", "a"}, "operator"), ElementsAre(".spec.hash"));
  EXPECT_THAT(server_.owned_by(kPolicies, {"", "a"}, "kubectl"), SizeIs(0));
}

TEST_F(ClientTest, SpecAndStatusAreIndependent) {
  Json both = policy("a", {{"hash", "1"}});
  both["status"] = {{"sneaked", true}};
  ASSERT_TRUE(client_.apply(kPolicies, both));
  EXPECT_FALSE(server_.find(kPolicies, "a")->json.contains("status"));
  const Json status = {
      {"metadata", {{"name", "a"}}}, {"spec", {{"hash", "9"}}}, {"status", {{"appliedHash", "1"}}}};
  const auto applied = client_.apply_status(kPolicies, status, {.manager = "agent"});
  ASSERT_TRUE(applied);
  EXPECT_EQ((*applied)->json["spec"]["hash"], "1");
  EXPECT_EQ((*applied)->json["status"]["appliedHash"], "1");
  EXPECT_EQ((*applied)->metadata.generation, 1) << "status is no new generation";
  ASSERT_TRUE(client_.apply(kPolicies, policy("a", {{"hash", "2"}})));
  EXPECT_EQ(server_.find(kPolicies, "a")->json["status"]["appliedHash"], "1");
  EXPECT_EQ(server_.find(kPolicies, "a")->metadata.generation, 2);
  const auto missing = client_.apply_status(kPolicies, {{"metadata", {{"name", "b"}}}});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::kNotFound);
}

TEST_F(ClientTest, AnItemOfAKeyedListGoesAlone) {
  const auto conditions = [](std::vector<std::pair<const char*, const char*>> pairs) {
    Json list = Json::array();
    for (const auto& [type, status] : pairs) list.push_back({{"type", type}, {"status", status}});
    return Json{{"metadata", {{"name", "a"}}}, {"status", {{"conditions", list}}}};
  };
  ASSERT_TRUE(client_.apply(kPolicies, policy("a", {{"hash", "1"}})));
  ASSERT_TRUE(
      client_.apply_status(kPolicies, conditions({{"Ready", "True"}, {"Accepted", "True"}})));
  ASSERT_TRUE(
      client_.apply_status(kPolicies, conditions({{"Other", "False"}}), {.manager = "agent"}));
  ASSERT_TRUE(client_.apply_status(kPolicies, conditions({{"Ready", "False"}})));
  EXPECT_EQ(server_.find(kPolicies, "a")->json["status"]["conditions"],
            Json::array({{{"type", "Ready"}, {"status", "False"}},
                         {{"type", "Other"}, {"status", "False"}}}));
}

TEST_F(ClientTest, CreateTellsWhenItIsThere) {
  ASSERT_TRUE(client_.create(kPolicies, policy("a", {{"hash", "1"}})));
  const auto again = client_.create(kPolicies, policy("a", {{"hash", "1"}}));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, ErrorKind::kExists);
}

TEST_F(ClientTest, ReplaceWantsTheNewestVersion) {
  const auto made = client_.create(kPolicies, policy("a", {{"hash", "1"}}));
  ASSERT_TRUE(made);
  Json stale = (*made)->json;
  server_.put(kPolicies, policy("a", {{"hash", "2"}}));
  const auto refused = client_.replace(kPolicies, stale);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kConflict);
  Json current = server_.find(kPolicies, "a")->json;
  current["spec"]["hash"] = "3";
  EXPECT_TRUE(client_.replace(kPolicies, current));
}

TEST_F(ClientTest, MergePatchTakesAway) {
  server_.put(kPolicies,
              {{"metadata", {{"name", "a"}, {"annotations", {{"x", "1"}, {"y", "2"}}}}}});
  const auto patched = client_.merge_patch(
      kPolicies, {"", "a"}, {{"metadata", {{"annotations", {{"x", nullptr}, {"z", "3"}}}}}});
  ASSERT_TRUE(patched);
  EXPECT_EQ((*patched)->metadata.annotations,
            (std::map<std::string, std::string>{{"y", "2"}, {"z", "3"}}));
}

TEST_F(ClientTest, DeletesOnlyThisIncarnationAndMissingIsFine) {
  server_.put(kPolicies, policy("a", {{"hash", "1"}}));
  const auto other = client_.remove(kPolicies, {"", "a"}, {.uid = "somebody-else"});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().kind, ErrorKind::kConflict);
  EXPECT_TRUE(
      client_.remove(kPolicies, {"", "a"}, {.uid = server_.find(kPolicies, "a")->metadata.uid}));
  EXPECT_EQ(server_.find(kPolicies, "a"), nullptr);
  EXPECT_TRUE(client_.remove(kPolicies, {"", "a"}));
}

TEST_F(ClientTest, AFinalizerHoldsTheObject) {
  server_.put(kPolicies, {{"metadata", {{"name", "a"}, {"finalizers", {"espalier.io/clean"}}}}});
  ASSERT_TRUE(client_.remove(kPolicies, {"", "a"}));
  ASSERT_NE(server_.find(kPolicies, "a"), nullptr);
  EXPECT_TRUE(server_.find(kPolicies, "a")->metadata.deleting());
  ASSERT_TRUE(
      client_.merge_patch(kPolicies, {"", "a"}, {{"metadata", {{"finalizers", Json::array()}}}}));
  EXPECT_EQ(server_.find(kPolicies, "a"), nullptr);
}

TEST_F(ClientTest, ListsPageByPage) {
  for (int i = 0; i < 1203; ++i)
    server_.put(kPolicies, policy("n" + std::to_string(i), {{"i", i}}));
  const auto listed = client_.list(kPolicies, {});
  ASSERT_TRUE(listed);
  EXPECT_THAT(listed->objects, SizeIs(1203));
  EXPECT_THAT(server_.requests(), SizeIs(3));
  EXPECT_EQ(field_text(listed->objects[0]->json, "kind"), "NodePolicy");
}

TEST_F(ClientTest, AnExpiredContinuationStartsTheListAgain) {
  for (int i = 0; i < 600; ++i) server_.put(kPolicies, policy("n" + std::to_string(i), {{"i", i}}));
  server_.inject({.when =
                      [](const Request& request) {
                        return request.target().find("continue=") != std::string::npos;
                      },
                  .response = testing::status_answer(410, "Expired", "too old")});
  const auto listed = client_.list(kPolicies, {});
  ASSERT_TRUE(listed);
  EXPECT_THAT(listed->objects, SizeIs(600));
}

TEST_F(ClientTest, AListOfWhatAreNoObjectsIsAnError) {
  for (const char* items : {"5", "[5]", "[null]", "[[]]", "[{}]"}) {
    server_.inject({.response = Response{200, {}, std::string(R"({"items": )") + items + "}"}});
    const auto listed = client_.list(kPolicies, {});
    ASSERT_FALSE(listed) << items;
    EXPECT_EQ(listed.error().kind, ErrorKind::kInvalid) << items;
  }
}

TEST_F(ClientTest, InvalidNamesTheField) {
  server_.serve(kPolicies, {.validate = [](const Json&) {
                  return std::vector<ErrorCause>{
                      {"spec.priority", "FieldValueInvalid", "must be at most 1000"}};
                }});
  const auto refused = client_.apply(kPolicies, policy("a", {{"priority", 2000}}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(refused.error().causes[0].field, "spec.priority");
  EXPECT_EQ(refused.error().to_string(),
            "PATCH nodepolicies/a: Invalid: NodePolicy \"a\" is invalid: spec.priority: must be at "
            "most 1000");
  EXPECT_FALSE(refused.error().worth_retrying());
}

TEST_F(ClientTest, RetryAfterIsHandedOn) {
  server_.inject({.response = testing::too_many_requests_answer(7)});
  const auto refused = client_.get(kPolicies, {"", "a"});
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().worth_retrying());
  EXPECT_EQ(refused.error().retry_after, std::chrono::seconds(7));
}

TEST_F(ClientTest, ALostAnswerAndARefusedConnectionAreTransient) {
  server_.inject({.after_executing = true});
  const auto lost = client_.apply(kPolicies, policy("a", {{"hash", "1"}}));
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().kind, ErrorKind::kTransient);
  EXPECT_NE(server_.find(kPolicies, "a"), nullptr);
  server_.inject({.response = Response{200, {}, "<html>"}});
  EXPECT_EQ(client_.get(kPolicies, {"", "a"}).error().kind, ErrorKind::kTransient);
}

TEST_F(ClientTest, OtherErrorsHaveTheirKinds) {
  const auto kind_for = [&](int status, const char* reason) {
    server_.inject({.response = testing::status_answer(status, reason, "no")});
    return client_.get(kPolicies, {"", "a"}).error().kind;
  };
  EXPECT_EQ(kind_for(401, "Unauthorized"), ErrorKind::kUnauthorized);
  EXPECT_EQ(kind_for(403, "Forbidden"), ErrorKind::kForbidden);
  EXPECT_EQ(kind_for(404, "NotFound"), ErrorKind::kNotFound);
  EXPECT_EQ(kind_for(410, "Gone"), ErrorKind::kGone);
  EXPECT_EQ(kind_for(413, "RequestEntityTooLarge"), ErrorKind::kInvalid);
  EXPECT_EQ(kind_for(500, "InternalError"), ErrorKind::kTransient);
  EXPECT_EQ(kind_for(503, "ServiceUnavailable"), ErrorKind::kTransient);
}

// As kube-apiserver 1.36 answers.
TEST_F(ClientTest, AFieldThatTheSchemaDoesNotHaveIsInvalidThoughTheServerSays500) {
  server_.inject({.response = testing::status_answer(
                      500, "",
                      "failed to create typed patch object (/a; espalier.io/v1alpha1, "
                      "Kind=NodePolicy): .spec.colour: field not declared in schema")});
  const auto refused = client_.apply(kPolicies, policy("a", {{"colour", "red"}}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kInvalid);
}

TEST_F(ClientTest, WarningsAreHandedOn) {
  std::vector<std::string> warnings;
  const Client client(server_, {.field_manager = "x", .on_warning = [&](std::string_view text) {
                                  warnings.emplace_back(text);
                                }});
  server_.inject(
      {.response = Response{200,
                            {{"Warning", R"(299 - "unknown field \"spec.x\"", 299 - "old")"}},
                            R"({"metadata":{"name":"a"}})"}});
  ASSERT_TRUE(client.get(kPolicies, {"", "a"}));
  EXPECT_THAT(warnings, ElementsAre("unknown field \"spec.x\"", "old"));
}

TEST(RetryAfter, TakesSecondsWithinReason) {
  using std::chrono::seconds;
  EXPECT_EQ(retry_after({{"retry-after", "3"}}), seconds(3));
  EXPECT_EQ(retry_after({{"Retry-After", "999999999"}}), seconds(3600));
  EXPECT_EQ(retry_after({{"Retry-After", "-1"}}), std::nullopt);
  EXPECT_EQ(retry_after({{"Retry-After", "Wed, 21 Oct 2026 07:28:00 GMT"}}), std::nullopt);
  EXPECT_EQ(retry_after({}), std::nullopt);
}

}  // namespace
}  // namespace espalier::kube
