#include "operator/certificates/controller/request_reconciler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/base64.h"
#include "kube/informer.h"
#include "kube/testing/fake_api_server.h"
#include "kube/testing/manual_executor.h"
#include "operator/certificates/controller/node_certificates.h"
#include "operator/certificates/testing/pki.h"

namespace espalier::certificates {
namespace {

using kube::ErrorKind;
using kube::Method;
using kube::ObjectKey;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const kube::Resource kEndpoints{"espalier.io", "v1alpha1", "nodeendpoints", "NodeEndpoint"};
const ObjectKey kRequest{"", "espalier-node1-x7k2p"};

class RequestTest : public testing::Test {
 protected:
  RequestTest() {
    server_.serve(kEndpoints);
    requests_.start();
    endpoints_.start();
    put_endpoint("node1");
  }

  static kube::WatchSpec watch(const kube::Resource& resource) {
    kube::WatchSpec spec;
    spec.resource = resource;
    return spec;
  }
  NodeCertificates::Options options() {
    NodeCertificates::Options made;
    made.ns = "espalier-system";
    made.tell = [this](const kube::Happening& event) {
      if (event.regarding["kind"] == "Secret") return;
      events_.push_back(event.action + " " + event.reason);
    };
    return made;
  }
  void put_endpoint(const std::string& node) {
    server_.put(kEndpoints, {{"metadata", {{"name", node}}},
                             {"spec", {{"identity", node + ".nodes.example.com"}}}});
    executor_.run();
  }
  // As the API server hands it out, made by the agent's pod on node1.
  Json request(const NodeIdentity& node = node1()) {
    auto made = make_request(*new_key(), node, shared_keys());
    EXPECT_TRUE(made);
    return {{"metadata", {{"name", kRequest.name}}},
            {"spec",
             {{"signerName", kSignerName},
              {"usages", {kUsage}},
              {"username", "system:serviceaccount:espalier-system:espalier-agent"},
              {"extra",
               {{kNodeNameClaim, {"node1"}},
                {kPodNameClaim, {"espalier-agent-x2v9q"}},
                {kPodUidClaim, {"0d2a7c1e-7d9e-4a52-8b5d-4f0f6c1f2a10"}}}},
              {"request", to_text(encode_base64(as_bytes(request_pem(*made))).view())}}}};
  }
  void put(Json object) {
    server_.put(kube::certificate_signing_requests(), std::move(object));
    executor_.run();
  }
  Json status() const {
    return server_.find(kube::certificate_signing_requests(), kRequest)
        ->json.value("status", Json::object());
  }
  std::vector<std::string> conditions() const {
    std::vector<std::string> types;
    for (const Json& one : status().value("conditions", Json::array()))
      types.push_back(one["type"]);
    return types;
  }
  Result<Certificate> certificate() const {
    auto pem = decode_base64(status().value("certificate", ""));
    if (!pem) return forward(pem);
    return decode_certificate_pem(to_text(pem->view()));
  }
  // What was written to requests, as "PUT approval 200".
  std::vector<std::string> writes() {
    std::vector<std::string> lines;
    for (const auto& write : server_.take_writes()) {
      if (write.resource != kube::certificate_signing_requests()) continue;
      lines.push_back(std::string(kube::name_of(write.method)) + " " + write.subresource + " " +
                      std::to_string(write.status));
    }
    return lines;
  }
  void make_ca() { ASSERT_TRUE(certificates_.reconcile_ca(kNow)); }
  // Without the watch: the store stays as it is.
  kube::Reconciled reconcile() { return certificates_.reconcile_request(kRequest, kNow); }
  void expect_done(const kube::Reconciled& result) {
    ASSERT_TRUE(result) << result.error().to_string();
    EXPECT_FALSE(result->after);
  }

  kube::testing::FakeApiServer server_;
  kube::testing::ManualExecutor executor_;
  kube::Client client_{server_, {"espalier-operator"}};
  kube::Informer requests_{server_, executor_, watch(kube::certificate_signing_requests()), 1};
  kube::Informer endpoints_{server_, executor_, watch(kEndpoints), 2};
  std::vector<std::string> events_;
  NodeCertificates certificates_{
      client_, {requests_.store(), endpoints_.store()}, shared_keys(), options()};
};

TEST_F(RequestTest, ApprovesAndSignsInOneGo) {
  make_ca();
  put(request());
  expect_done(reconcile());
  EXPECT_THAT(conditions(), ElementsAre("Approved"));
  const auto made = certificate();
  ASSERT_TRUE(made) << made.error().to_string();
  EXPECT_EQ(made->subject.common_name, "node1");
  EXPECT_EQ(made->not_after, kNow + 30 * kDay);
  const auto trusted = decode_certificate_pem(
      server_.find(kube::config_maps(), ObjectKey{"espalier-system", "espalier-trust"})
          ->json["data"]["ca.crt"]
          .get<std::string>());
  ASSERT_TRUE(trusted);
  EXPECT_TRUE(check_issued(*made, *trusted, shared_keys()));
  EXPECT_THAT(writes(), ElementsAre("PUT approval 200", "PUT status 200"));
  EXPECT_THAT(events_, ElementsAre("Approve BoundToNode"));

  executor_.run();
  expect_done(reconcile());
  EXPECT_THAT(writes(), IsEmpty());
}

TEST_F(RequestTest, AReplayBeforeTheWatchCaughtUpChangesNothing) {
  make_ca();
  put(request());
  expect_done(reconcile());
  const Json before = status();
  static_cast<void>(writes());
  const auto again = reconcile();
  ASSERT_TRUE(again) << again.error().to_string();
  EXPECT_EQ(again->after, Duration(std::chrono::seconds(1)));
  EXPECT_THAT(writes(), ElementsAre("PUT approval 409"));
  EXPECT_EQ(status(), before);
  EXPECT_EQ(events_.size(), 1U);
}

TEST_F(RequestTest, ApprovesWithoutACaAndSignsWhenThereIsOne) {
  put(request());
  const auto waits = reconcile();
  ASSERT_TRUE(waits);
  EXPECT_EQ(waits->after, Duration(std::chrono::seconds(5)));
  EXPECT_THAT(conditions(), ElementsAre("Approved"));
  EXPECT_FALSE(status().contains("certificate"));
  make_ca();
  executor_.run();
  expect_done(reconcile());
  EXPECT_TRUE(certificate());
  EXPECT_THAT(conditions(), ElementsAre("Approved"));
}

TEST_F(RequestTest, SignsWhatAnAdministratorApproved) {
  make_ca();
  Json object = request();
  object["status"]["conditions"] = {
      {{"type", "Approved"}, {"status", "True"}, {"reason", "KubectlApprove"}}};
  put(object);
  expect_done(reconcile());
  EXPECT_TRUE(certificate());
  EXPECT_THAT(writes(), ElementsAre("PUT status 200"));
}

TEST_F(RequestTest, DeniesARequestForAnotherNodeAndSaysWhy) {
  make_ca();
  put_endpoint("node2");
  put(request({"node2", "node2.nodes.example.com"}));
  expect_done(reconcile());
  EXPECT_THAT(conditions(), ElementsAre("Denied"));
  EXPECT_EQ(status()["conditions"][0]["reason"], "OtherNode");
  EXPECT_THAT(status()["conditions"][0]["message"].get<std::string>(), HasSubstr("node2"));
  EXPECT_FALSE(status().contains("certificate"));
  EXPECT_THAT(events_, ElementsAre("Deny OtherNode"));
  EXPECT_THAT(writes(), ElementsAre("PUT approval 200"));
  executor_.run();
  expect_done(reconcile());
  EXPECT_THAT(writes(), IsEmpty());
}

TEST_F(RequestTest, FailsWhatAnAdministratorShouldNotHaveApproved) {
  make_ca();
  Json object = request();
  object["spec"]["username"] = "mallory";
  object["status"]["conditions"] = {{{"type", "Approved"}, {"status", "True"}}};
  put(object);
  expect_done(reconcile());
  EXPECT_THAT(conditions(), ElementsAre("Approved", "Failed"));
  EXPECT_FALSE(status().contains("certificate"));
  EXPECT_THAT(events_, ElementsAre("Fail WrongRequester"));
  EXPECT_THAT(writes(), ElementsAre("PUT status 200"));
}

TEST_F(RequestTest, WaitsForTheNodesEndpoint) {
  make_ca();
  server_.remove(kEndpoints, ObjectKey{"", "node1"});
  put(request());
  const auto waits = reconcile();
  ASSERT_TRUE(waits);
  EXPECT_EQ(waits->after, Duration(std::chrono::seconds(10)));
  EXPECT_THAT(writes(), IsEmpty());
  put_endpoint("node1");
  expect_done(reconcile());
  EXPECT_TRUE(certificate());
}

TEST_F(RequestTest, LeavesOthersAloneAndWhatIsGone) {
  make_ca();
  Json other = request();
  other["spec"]["signerName"] = "kubernetes.io/kubelet-serving";
  put(other);
  expect_done(reconcile());
  EXPECT_THAT(writes(), IsEmpty());
  expect_done(certificates_.reconcile_request({"", "nobody"}, kNow));
  // Deleted since the watch told of it.
  put(request());
  server_.remove(kube::certificate_signing_requests(), kRequest);
  expect_done(reconcile());
  EXPECT_THAT(writes(), ElementsAre("PUT approval 404"));
}

TEST_F(RequestTest, ALostAnswerAndARefusalComeAgain) {
  make_ca();
  put(request());
  kube::testing::Fault lost;
  lost.when = [](const kube::Request& request) { return request.method == Method::kPut; };
  lost.after_executing = true;
  server_.inject(lost);
  const auto first = reconcile();  // approved, but who knows
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().kind, ErrorKind::kTransient);
  executor_.run();
  kube::testing::Fault forbidden = lost;
  forbidden.after_executing = false;
  forbidden.response =
      kube::Response{403, {}, R"({"kind":"Status","reason":"Forbidden","code":403})"};
  server_.inject(forbidden);
  const auto second = reconcile();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::kForbidden);
  EXPECT_FALSE(status().contains("certificate"));
  expect_done(reconcile());
  EXPECT_TRUE(certificate());
  EXPECT_THAT(conditions(), ElementsAre("Approved"));
}

TEST_F(RequestTest, SignsNothingWithACaThatExpired) {
  make_ca();
  put(request());
  const auto late = certificates_.reconcile_request(kRequest, kNow + 1000 * kDay);
  ASSERT_TRUE(late);
  EXPECT_EQ(late->after, Duration(std::chrono::seconds(5)));
  EXPECT_FALSE(status().contains("certificate"));
}

class IssuedRequestTest : public RequestTest {
 protected:
  IssuedRequestTest() { server_.serve(certificate_requests()); }

  NodeCertificates::Options with_issuer() {
    NodeCertificates::Options made = options();
    made.issuer = IssuerRef{"corporate"};
    return made;
  }
  kube::Reconciled reconcile() { return issued_.reconcile_request(kRequest, kNow); }
  // The one that was made; as cert-manager's controller answers it.
  kube::ObjectPtr asked() const {
    const auto all = server_.list(certificate_requests());
    return all.size() == 1 ? all.front() : nullptr;
  }
  void answer(const Json& status) {
    ASSERT_NE(asked(), nullptr);
    Json json = asked()->json;
    json["status"] = status;
    server_.put(certificate_requests(), json);
  }

  NodeCertificates issued_{
      client_, {requests_.store(), endpoints_.store()}, shared_keys(), with_issuer()};
};

TEST_F(IssuedRequestTest, WhatTheIssuerAnswersLeadsToTheRequest) {
  put(request());
  const auto waits = reconcile();
  ASSERT_TRUE(waits) << waits.error().to_string();
  EXPECT_EQ(waits->after, Duration(std::chrono::minutes(1))) << "it is watched, not polled";
  EXPECT_THAT(conditions(), ElementsAre("Approved"));
  ASSERT_NE(asked(), nullptr);
  EXPECT_EQ(request_of(*asked()), kRequest.name);

  const std::string pem = new_ca().certificate_pem();
  const std::string encoded = to_text(encode_base64(as_bytes(pem)).view());
  answer({{"certificate", encoded},
          {"ca", encoded},
          {"conditions", Json::array({{{"type", "Ready"}, {"status", "True"}}})}});
  executor_.run();
  expect_done(reconcile());
  EXPECT_TRUE(certificate());
}

TEST_F(IssuedRequestTest, ARequestOfSomebodyElsesToTheIssuerLeadsNowhere) {
  const auto other = server_.put(certificate_requests(),
                                 {{"metadata", {{"name", "web"}, {"namespace", "espalier-system"}}},
                                  {"spec", Json::object()}});
  EXPECT_EQ(request_of(*other), "");
}

TEST_F(IssuedRequestTest, WithoutACaToTrustItLooksAgainSoonAndSaysSo) {
  put(request());
  ASSERT_TRUE(reconcile());
  answer({{"certificate", to_text(encode_base64(as_bytes(new_ca().certificate_pem())).view())},
          {"conditions", Json::array({{{"type", "Ready"}, {"status", "True"}}})}});
  executor_.run();
  const auto waits = reconcile();
  ASSERT_TRUE(waits) << waits.error().to_string();
  EXPECT_EQ(waits->after, Duration(std::chrono::seconds(5)));
  EXPECT_THAT(events_, ElementsAre("Approve BoundToNode", "Sign NoTrust"));
  EXPECT_FALSE(status().contains("certificate"));
}

}  // namespace
}  // namespace espalier::certificates
