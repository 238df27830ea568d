// The fake is what reconcilers are tested against, so it is tested itself.
#include "kube/testing/fake_api_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kube/testing/selectors.h"

namespace espalier::kube::testing {
namespace {

TEST(FakeApiServer, FindsNamespacedObjectsAndNamespacesThemselves) {
  FakeApiServer server;
  const auto status = [&](const std::string& path) {
    Request request;
    request.path = path;
    return server.call(request)->status;
  };
  server.put(namespaces(), {{"metadata", {{"name", "edge"}}}});
  server.put(secrets(), {{"metadata", {{"namespace", "edge"}, {"name", "psk"}}}});
  EXPECT_EQ(status("/api/v1/namespaces/edge"), 200);
  EXPECT_EQ(status("/api/v1/namespaces/edge/secrets/psk"), 200);
  EXPECT_EQ(status("/api/v1/namespaces/edge/secrets"), 200);
  EXPECT_EQ(status("/api/v1/namespaces/other/secrets/psk"), 404);
  EXPECT_EQ(status("/api/v1/namespaces"), 200);
  EXPECT_EQ(status("/apis/nobody.io/v1/things"), 404);
}

TEST(FakeApiServer, GenerationCountsSpecsOnly) {
  FakeApiServer server;
  const auto put = [&](Json json) {
    json["metadata"]["name"] = "a";
    return server.put(nodes(), std::move(json))->metadata.generation;
  };
  EXPECT_EQ(put({{"spec", {{"x", 1}}}}), 1);
  EXPECT_EQ(put({{"spec", {{"x", 1}}}, {"status", {{"y", 1}}}}), 1);
  EXPECT_EQ(put({{"spec", {{"x", 2}}}, {"status", {{"y", 1}}}}), 2);
}

TEST(FakeApiServer, ASubresourceTakesItsOwnPart) {
  FakeApiServer server;
  const Resource requests = certificate_signing_requests();
  Json object = server.put(requests, {{"metadata", {{"name", "a"}}}, {"spec", {{"x", 1}}}})->json;
  const auto put = [&](const char* subresource) {
    Request request;
    request.method = Method::kPut;
    request.path = requests.object_path({"", "a"}, subresource);
    object["metadata"].erase("resourceVersion");
    request.body = object.dump();
    EXPECT_EQ(server.call(request)->status, 200) << subresource;
    Json stored = server.find(requests, "a")->json;
    for (const char* field : {"apiVersion", "kind", "metadata"}) stored.erase(field);
    return stored;
  };
  object["spec"]["x"] = 2;
  object["status"] = {{"conditions", {1}}, {"certificate", "c"}};
  EXPECT_EQ(put("approval"), Json::parse(R"({"spec":{"x":1},"status":{"conditions":[1]}})"));
  object["status"] = {{"conditions", {1}}, {"certificate", "d"}};
  EXPECT_EQ(put("status"),
            Json::parse(R"({"spec":{"x":1},"status":{"conditions":[1],"certificate":"d"}})"));
  object["status"] = {{"conditions", {2}}};
  EXPECT_EQ(put(""),
            Json::parse(R"({"spec":{"x":2},"status":{"conditions":[1],"certificate":"d"}})"));
}

TEST(FakeApiServer, TheSameAgainIsNoNewVersion) {
  FakeApiServer server;
  const auto first = server.put(nodes(), {{"metadata", {{"name", "a"}}}});
  const auto second = server.put(nodes(), {{"metadata", {{"name", "a"}}}});
  EXPECT_EQ(first->metadata.resource_version, second->metadata.resource_version);
}

TEST(Selectors, Labels) {
  const Json object = {{"metadata", {{"labels", {{"role", "edge"}, {"zone", "a"}}}}}};
  for (const char* selector : {"", "role", "role=edge", "role==edge", "role!=core", "tier!=x",
                               "!tier", "role in (edge,core)", "role notin (core)",
                               "tier notin (x)", "role=edge,zone in (a, b),!tier"}) {
    EXPECT_TRUE(labels_match(object, selector)) << selector;
  }
  for (const char* selector : {"tier", "role=core", "role!=edge", "!role", "role in (core)",
                               "role notin (edge,core)", "role=edge,zone=b", "tier in (x)"}) {
    EXPECT_FALSE(labels_match(object, selector)) << selector;
  }
}

TEST(Selectors, Fields) {
  const Json pod = {{"metadata", {{"name", "p"}}}, {"spec", {{"nodeName", "n1"}}}};
  EXPECT_TRUE(fields_match(pod, "spec.nodeName=n1,metadata.name!=q"));
  EXPECT_TRUE(fields_match(pod, "status.phase="));
  EXPECT_FALSE(fields_match(pod, "spec.nodeName=n2"));
  EXPECT_FALSE(fields_match(pod, "spec.nodeName!=n1"));
}

}  // namespace
}  // namespace espalier::kube::testing
