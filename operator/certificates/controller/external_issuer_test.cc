#include "operator/certificates/controller/external_issuer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/base64.h"
#include "kube/testing/fake_api_server.h"
#include "operator/certificates/controller/trust_config_map.h"
#include "operator/certificates/testing/pki.h"

namespace espalier::certificates {
namespace {

using kube::Json;
using kube::ObjectKey;
using testing::HasSubstr;
using What = ExternalIssuer::Answer::What;

const std::string kNs = "espalier-system";
const ObjectKey kAsked{kNs, "espalier-u1"};

class ExternalIssuerTest : public testing::Test {
 protected:
  ExternalIssuerTest() { server_.serve(certificate_requests()); }

  static kube::ObjectPtr request() {
    auto made = kube::make_object({{"apiVersion", "certificates.k8s.io/v1"},
                                   {"kind", "CertificateSigningRequest"},
                                   {"metadata", {{"name", "node1-a"}, {"uid", "u1"}}},
                                   {"spec", {{"request", "Q1NS"}}}});
    EXPECT_TRUE(made);
    return *made;
  }
  ExternalIssuer::Answer ask() {
    auto answer = issuer_.ask(*request(), kDay);
    EXPECT_TRUE(answer) << answer.error().to_string();
    return answer ? *answer : ExternalIssuer::Answer{};
  }
  // As cert-manager's controller does.
  void say(const Json& status) {
    auto json = server_.find(certificate_requests(), kAsked)->json;
    json["status"] = status;
    server_.put(certificate_requests(), json);
  }
  static Json condition(const char* type, const char* status, const char* reason) {
    return Json::array(
        {{{"type", type}, {"status", status}, {"reason", reason}, {"message", "because"}}});
  }
  static std::string ca_pem() {
    auto ca = CertificateAuthority::create(shared_keys(), Curve::kP256, kNow, 30 * kDay);
    EXPECT_TRUE(ca);
    return ca->certificate_pem();
  }
  static std::string base64(const std::string& text) {
    return to_text(encode_base64(as_bytes(text)).view());
  }
  std::string trusted() {
    const auto bundle = read_trust(client_, kNs);
    EXPECT_TRUE(bundle);
    return bundle ? bundle->value_or("") : "";
  }

  kube::testing::FakeApiServer server_;
  kube::Client client_{server_, {"espalier-operator", false, {}}};
  ExternalIssuer issuer_{client_, kNs, {"corporate", "ClusterIssuer", "cert-manager.io"}};
};

TEST_F(ExternalIssuerTest, AsksOnceAndWaits) {
  EXPECT_EQ(ask().what, What::kPending);
  EXPECT_EQ(ask().what, What::kPending);
  const auto asked = server_.list(certificate_requests());
  ASSERT_EQ(asked.size(), 1U);
  const Json& json = asked.front()->json;
  EXPECT_EQ(json["spec"]["request"], "Q1NS");
  EXPECT_EQ(json["spec"]["duration"], "86400s");
  EXPECT_EQ(json["spec"]["issuerRef"]["name"], "corporate");
  EXPECT_EQ(json["metadata"]["ownerReferences"][0]["name"], "node1-a") << "it goes along";
  say({{"conditions", condition("Ready", "False", "Pending")}});
  EXPECT_EQ(ask().what, What::kPending);
}

TEST_F(ExternalIssuerTest, ItsCaIsTrustedBeforeACertificateIsGivenOut) {
  ask();
  const std::string ca = ca_pem();
  const Json issued = {{"conditions", condition("Ready", "True", "Issued")},
                       {"certificate", base64(ca)},
                       {"ca", base64(ca)}};
  say(issued);
  server_.inject({.when = [](const kube::Request& request) {
    return request.path.find("configmaps") != std::string::npos &&
           request.method != kube::Method::kGet;
  }});
  EXPECT_FALSE(issuer_.ask(*request(), kDay)) << "not before it is published";
  const auto answer = ask();
  EXPECT_EQ(answer.what, What::kIssued);
  EXPECT_EQ(answer.certificate, ca);
  EXPECT_EQ(trusted(), ca);
  // Another CA of it, later: both are trusted.
  const std::string next = ca_pem();
  Json later = issued;
  later["ca"] = base64(next);
  say(later);
  EXPECT_EQ(ask().what, What::kIssued);
  EXPECT_EQ(trusted(), ca + next);
  (void)server_.take_writes();
  EXPECT_EQ(ask().what, What::kIssued);
  EXPECT_TRUE(server_.take_writes().empty());
}

TEST_F(ExternalIssuerTest, WithoutACaItWaitsForOneByHand) {
  ask();
  say({{"conditions", condition("Ready", "True", "Issued")}, {"certificate", base64(ca_pem())}});
  EXPECT_EQ(ask().what, What::kPending);
  EXPECT_EQ(ask().reason, "NoTrust");
  ASSERT_TRUE(publish_trust(client_, kNs, ca_pem()));
  EXPECT_EQ(ask().what, What::kIssued);
}

TEST_F(ExternalIssuerTest, ARefusalSaysWhoAndWhy) {
  ask();
  for (const Json& no :
       {condition("Denied", "True", "Policy"), condition("InvalidRequest", "True", "Wrong"),
        condition("Ready", "False", "Failed")}) {
    say({{"conditions", no}});
    EXPECT_EQ(ask().what, What::kRefused);
    EXPECT_EQ(ask().reason, "IssuerRefused");
    EXPECT_THAT(ask().message, HasSubstr("ClusterIssuer corporate says"));
    EXPECT_THAT(ask().message, HasSubstr("because"));
  }
  say({{"conditions", condition("Ready", "True", "Issued")}, {"certificate", base64("no PEM")}});
  EXPECT_EQ(ask().what, What::kRefused);
}

TEST_F(ExternalIssuerTest, AnotherRequestUnderItsNameIsRefused) {
  ask();
  auto json = server_.find(certificate_requests(), kAsked)->json;
  json["spec"]["request"] = "b3RoZXI=";
  server_.put(certificate_requests(), json);
  EXPECT_EQ(ask().what, What::kRefused);
  EXPECT_EQ(ask().reason, "OtherRequest");
}

TEST_F(ExternalIssuerTest, WithoutCertManagerItSaysSo) {
  server_.unserve(certificate_requests());
  const auto answer = issuer_.ask(*request(), kDay);
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().to_string(), HasSubstr("is cert-manager installed?"));
  EXPECT_EQ(answer.error().kind, kube::ErrorKind::kTransient);
}

}  // namespace
}  // namespace espalier::certificates
