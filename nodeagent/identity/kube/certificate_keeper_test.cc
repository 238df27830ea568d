#include "nodeagent/identity/kube/certificate_keeper.h"

#include <gtest/gtest.h>

#include "base/base64.h"
#include "kube/testing/fake_api_server.h"
#include "kube/testing/manual_executor.h"
#include "nodeagent/identity/testing/fakes.h"
#include "operator/certificates/approval.h"
#include "operator/certificates/testing/pki.h"

namespace espalier::identity {
namespace {

using certificates::kDay;
using certificates::kNow;
using certificates::node1;
using certificates::shared_keys;
using namespace std::chrono_literals;

class CertificateKeeperTest : public ::testing::Test {
 protected:
  ~CertificateKeeperTest() override {
    keeper_.reset();
    executor_.run();
  }
  void begin() {
    keeper_.reset();
    executor_.run();
    keeper_ = std::make_unique<CertificateKeeper>(
        server_, executor_,
        CertificateKeeper::Ports{&shared_keys(), &store_, [this] { return now_; }},
        CertificateKeeper::Handlers{
            [this](UseCertificate use) { uses_.push_back(std::move(use)); },
            [this](const IdentityStatus& status) { statuses_.push_back(status); },
            [this](const Error& error) { problems_.push_back(error.to_string()); }},
        7);
  }
  std::vector<kube::ObjectPtr> requests() const {
    return server_.list(kube::certificate_signing_requests());
  }
  // What an operator does: it signs the request that has no certificate yet.
  void sign() {
    nlohmann::json object;
    for (const auto& request : requests()) {
      if (!kube::find_field(request->json, "status.certificate")) object = request->json;
    }
    ASSERT_TRUE(object.is_object());
    const auto pem = decode_base64(object["spec"]["request"].get<std::string>());
    const auto request = certificates::decode_request_pem(to_text(pem->view()));
    ASSERT_TRUE(request) << request.error().to_string();
    const auto certificate = ca_.sign_node(*request, node1(), now_, 30 * kDay, shared_keys());
    ASSERT_TRUE(certificate) << certificate.error().to_string();
    server_.put(kube::certificate_signing_requests(),
                certificates::with_certificate(object, certificates::to_pem(*certificate)));
    executor_.run();
  }
  // Both clocks.
  void pass(Seconds time) {
    now_ += time;
    executor_.advance(2min);
  }

  kube::testing::FakeApiServer server_;
  kube::testing::ManualExecutor executor_;
  testing::FakeStore store_;
  certificates::CertificateAuthority ca_ = certificates::new_ca();
  WallTime now_ = kNow;
  std::vector<UseCertificate> uses_;
  std::vector<IdentityStatus> statuses_;
  std::vector<std::string> problems_;
  std::unique_ptr<CertificateKeeper> keeper_;
};

TEST_F(CertificateKeeperTest, AsksOnceItsIdentityIsKnownAndRenewsInTime) {
  begin();
  keeper_->set_bundle(ca_.certificate_pem());
  executor_.run();
  EXPECT_TRUE(requests().empty()) << "in whose name?";
  keeper_->set_identity(node1());
  executor_.run();
  ASSERT_EQ(requests().size(), 1U);
  EXPECT_EQ(statuses_.back().reason, "Waiting");
  sign();
  ASSERT_EQ(uses_.size(), 1U);
  EXPECT_TRUE(statuses_.back().ready);
  pass(15 * kDay);
  EXPECT_EQ(requests().size(), 1U);
  pass(8 * kDay);
  ASSERT_EQ(requests().size(), 2U) << "two thirds of its life are over";
  EXPECT_EQ(uses_.size(), 1U) << "the old one is in use";
  sign();
  ASSERT_EQ(uses_.size(), 2U);
  EXPECT_TRUE(problems_.empty()) << problems_[0];
}

TEST_F(CertificateKeeperTest, TakesUpWhatAnEarlierProcessLeft) {
  begin();
  keeper_->set_identity(node1());
  executor_.run();
  begin();
  keeper_->set_identity(node1());
  executor_.run();
  ASSERT_EQ(requests().size(), 1U) << "the same key asks again";
  sign();
  EXPECT_TRUE(uses_.empty()) << "no CA is trusted yet";
  keeper_->set_bundle(ca_.certificate_pem());
  ASSERT_EQ(uses_.size(), 1U);
  begin();
  keeper_->set_identity(node1());
  ASSERT_EQ(uses_.size(), 2U) << "at once, whatever the API server does";
  EXPECT_EQ(uses_[0].chain_pem, uses_[1].chain_pem);
}

TEST_F(CertificateKeeperTest, ABundleThatCannotBeReadChangesNothing) {
  begin();
  keeper_->set_bundle(ca_.certificate_pem());
  keeper_->set_identity(node1());
  executor_.run();
  keeper_->set_bundle("no PEM");
  ASSERT_EQ(problems_.size(), 1U);
  sign();
  EXPECT_EQ(uses_.size(), 1U);
}

}  // namespace
}  // namespace espalier::identity
