#include "operator/certificates/controller/node_certificates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kube/testing/fake_api_server.h"
#include "operator/certificates/testing/pki.h"

namespace espalier::certificates {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kNs = "espalier-system";

// cert-manager signs; what nodes trust is read by read_.
class IssuedTrustTest : public testing::Test {
 protected:
  NodeCertificates::Options options() {
    NodeCertificates::Options made;
    made.ns = kNs;
    made.issuer = IssuerRef{"corporate"};
    made.read_bundle = [this](const std::string& bundle) {
      read_.push_back(bundle);
      return known_;
    };
    return made;
  }
  std::vector<std::string> expiries() const {
    std::vector<std::string> lines;
    for (const Expiry& each : certificates_.expiries()) {
      const auto days = std::chrono::duration_cast<Seconds>(each.not_after - kNow) / kDay;
      lines.push_back(each.role + " " + each.subject + " " + std::to_string(days));
    }
    return lines;
  }
  void expect_again(const kube::Reconciled& result) {
    ASSERT_TRUE(result) << result.error().to_string();
    EXPECT_EQ(result->after, Duration(std::chrono::minutes(1)));
  }

  kube::testing::FakeApiServer server_;
  kube::Client client_{server_, {"espalier-operator"}};
  std::vector<std::string> read_;
  Result<std::vector<TrustedCa>> known_;
  NodeCertificates certificates_{client_, {}, shared_keys(), options()};
};

TEST_F(IssuedTrustTest, ItsEndsAreToldAndNoCaIsMade) {
  expect_again(certificates_.reconcile_ca(kNow));
  EXPECT_THAT(expiries(), IsEmpty());
  EXPECT_THAT(read_, IsEmpty()) << "there is no bundle";

  ASSERT_TRUE(publish_trust(client_, kNs, "bundle"));
  known_ = std::vector<TrustedCa>{
      {"CN=b", kNow + 9 * kDay}, {"CN=a", kNow + 3 * kDay}, {"CN=b", kNow + 5 * kDay}};
  expect_again(certificates_.reconcile_ca(kNow));
  EXPECT_THAT(read_, ElementsAre("bundle"));
  EXPECT_THAT(expiries(), ElementsAre("trusted CN=a 3", "trusted CN=b 9"))
      << "a CA that was renewed ends with its latest certificate";
  EXPECT_EQ(server_.find(kube::secrets(), kube::ObjectKey{kNs, "espalier-ca"}), nullptr);
}

TEST_F(IssuedTrustTest, ABundleThatCannotBeReadIsSaidAndComesAgain) {
  ASSERT_TRUE(publish_trust(client_, kNs, "bundle"));
  known_ = std::vector<TrustedCa>{{"CN=a", kNow + 3 * kDay}};
  expect_again(certificates_.reconcile_ca(kNow));
  known_ = fail(Code::kInvalid, "certificate 1", "is none");
  const auto failed = certificates_.reconcile_ca(kNow);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, kube::ErrorKind::kTransient) << "or it would not come again";
  EXPECT_EQ(failed.error().retry_after, std::chrono::minutes(1));
  EXPECT_THAT(failed.error().to_string(), HasSubstr("ConfigMap espalier-system/espalier-trust"));
  EXPECT_THAT(expiries(), ElementsAre("trusted CN=a 3"));
}

}  // namespace
}  // namespace espalier::certificates
