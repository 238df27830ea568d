// The node's identity through an API server to the operator's approver and CA, and back.
#include "nodeagent/identity/kube/kube_signer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kube/testing/fake_api_server.h"
#include "kube/testing/manual_executor.h"
#include "kube/testing/status_answer.h"
#include "nodeagent/identity/node_identity.h"
#include "nodeagent/identity/testing/fakes.h"
#include "operator/certificates/approval.h"
#include "operator/certificates/testing/pki.h"

namespace espalier::identity {
namespace {

using certificates::kDay;
using certificates::kNow;
using certificates::node1;
using certificates::shared_keys;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Json = nlohmann::json;

constexpr const char* kAgent = "system:serviceaccount:espalier-system:espalier-agent";

class KubeSignerTest : public ::testing::Test {
 protected:
  KubeSignerTest() {
    identity_.emplace(node1(), NodeIdentity::Ports{&shared_keys(), signer_.get(), &store_});
  }
  ~KubeSignerTest() override {
    signer_.reset();
    executor_.run();
  }

  void start() {
    identity_->start(now_);
    EXPECT_TRUE(identity_->on_bundle(ca_.certificate_pem(), now_));
    executor_.run();
  }
  std::vector<kube::ObjectPtr> requests() const {
    return server_.list(kube::certificate_signing_requests());
  }
  void put(Json object) {
    server_.put(kube::certificate_signing_requests(), std::move(object));
    executor_.run();
  }
  static kube::testing::Fault broken_post() {
    kube::testing::Fault fault;
    fault.when = [](const kube::Request& request) { return request.method == kube::Method::kPost; };
    return fault;
  }
  // What the node asks for, from its store.
  PostedRequest asked() {
    const auto blocks = ike::crypto::decode_pem(store_.texts[Slot::kNext]);
    EXPECT_TRUE(blocks);
    const ByteView der = blocks->back().data.view();
    const auto request = certificates::decode_request(der);
    const auto digest = shared_keys().sha256(request->key.info);
    return {"espalier-node1-" + to_hex(ByteView(*digest).first(8)), certificates::request_pem(der)};
  }
  // What the API server writes into a request that the agent's pod on `node` makes.
  static Json made_by_agent_on(const std::string& node, Json object) {
    object["spec"]["username"] = kAgent;
    object["spec"]["extra"] = {{certificates::kNodeNameClaim, {node}},
                               {certificates::kPodNameClaim, {"espalier-agent-x2v9q"}},
                               {certificates::kPodUidClaim, {"0d2a7c1e"}}};
    return object;
  }
  // The operator, once around: decides about the one request, and writes what it decided.
  certificates::Verdict operate(const std::string& node = "node1") {
    Json object = made_by_agent_on(node, requests().back()->json);
    const certificates::Decision decision = certificates::decide(
        object, {kAgent, 30 * kDay},
        [](const std::string& name) {
          return std::optional<std::string>(name + ".nodes.example.com");
        },
        shared_keys());
    switch (decision.verdict) {
      case certificates::Verdict::kSign: {
        auto certificate =
            ca_.sign_node(*decision.request, decision.node, now_, decision.lifetime, shared_keys());
        EXPECT_TRUE(certificate);
        put(certificates::with_certificate(object, certificates::to_pem(*certificate)));
        break;
      }
      case certificates::Verdict::kApprove:
      case certificates::Verdict::kDeny:
      case certificates::Verdict::kFail:
        put(certificates::with_condition(object, decision));
        break;
      default:
        break;
    }
    return decision.verdict;
  }

  kube::testing::FakeApiServer server_;
  kube::testing::ManualExecutor executor_;
  testing::FakeStore store_;
  certificates::CertificateAuthority ca_ = certificates::new_ca();
  WallTime now_ = kNow;
  std::optional<NodeIdentity> identity_;
  std::vector<std::string> problems_;
  std::unique_ptr<KubeSigner> signer_ = std::make_unique<KubeSigner>(
      server_, executor_,
      KubeSigner::Handlers{[this](const std::string& name, const RequestAnswer& answer) {
                             identity_->on_answer(name, answer, now_);
                           },
                           [this](const std::string& name, const Error& error) {
                             identity_->on_post_failed(name, error, now_);
                           },
                           [this](const Error& error) { problems_.push_back(error.to_string()); }},
      7);
};

TEST_F(KubeSignerTest, ANodeGetsItsCertificateThroughTheApiServer) {
  start();
  ASSERT_THAT(requests(), SizeIs(1));
  const Json spec = requests()[0]->json["spec"];
  EXPECT_EQ(spec["signerName"], "espalier.io/node");
  EXPECT_EQ(spec["usages"], Json::array({"ipsec tunnel"}));
  EXPECT_EQ(operate(), certificates::Verdict::kApprove);
  EXPECT_FALSE(identity_->next_use());
  EXPECT_EQ(operate(), certificates::Verdict::kSign);
  ASSERT_TRUE(identity_->next_use());
  EXPECT_TRUE(identity_->status(now_).ready);
  EXPECT_EQ(operate(), certificates::Verdict::kIgnore);
  executor_.run();
  EXPECT_EQ(server_.open_streams(), 0U) << "what is answered is not watched";
  EXPECT_THAT(problems_, IsEmpty());
}

TEST_F(KubeSignerTest, ARequestFromAnotherNodeIsDeniedAndTheNodeTellsWhy) {
  start();
  EXPECT_EQ(operate("node2"), certificates::Verdict::kDeny);
  EXPECT_FALSE(identity_->next_use());
  EXPECT_EQ(identity_->status(now_).reason, "Refused");
  EXPECT_THAT(identity_->status(now_).message, HasSubstr("OtherNode"));
  EXPECT_THAT(identity_->status(now_).message, HasSubstr("runs on node \"node2\""));
  executor_.run();
  EXPECT_EQ(server_.open_streams(), 0U);
  now_ = identity_->next_deadline();
  identity_->on_deadline(now_);
  executor_.run();
  EXPECT_THAT(requests(), SizeIs(2)) << "another key, another request";
}

TEST_F(KubeSignerTest, FindsTheRequestOfAnEarlierProcess) {
  start();
  const Json before = requests()[0]->json;
  identity_.emplace(node1(), NodeIdentity::Ports{&shared_keys(), signer_.get(), &store_});
  start();
  ASSERT_THAT(requests(), SizeIs(1));
  EXPECT_EQ(operate(), certificates::Verdict::kApprove);
  EXPECT_EQ(operate(), certificates::Verdict::kSign);
  EXPECT_TRUE(identity_->next_use());
}

TEST_F(KubeSignerTest, AServerThatIsAwayIsAskedAgain) {
  server_.inject(broken_post());
  start();
  EXPECT_THAT(requests(), IsEmpty());
  EXPECT_EQ(identity_->status(now_).reason, "SignerUnreachable");
  EXPECT_THAT(identity_->status(now_).message, HasSubstr("POST certificatesigningrequests/"));
  now_ = identity_->next_deadline();
  identity_->on_deadline(now_);
  executor_.run();
  ASSERT_THAT(requests(), SizeIs(1));
}

TEST_F(KubeSignerTest, ALostAnswerMakesNoSecondRequest) {
  server_.inject(broken_post());
  start();
  put(signing_request(asked()));  // it was executed, and its answer lost
  now_ = identity_->next_deadline();
  identity_->on_deadline(now_);
  executor_.run();
  EXPECT_THAT(requests(), SizeIs(1));
  EXPECT_EQ(operate(), certificates::Verdict::kApprove);
  EXPECT_EQ(operate(), certificates::Verdict::kSign);
  EXPECT_TRUE(identity_->next_use());
}

TEST_F(KubeSignerTest, ARequestThatWasForgottenIsMadeAgain) {
  start();
  const std::string name = requests()[0]->key().name;
  server_.remove(kube::certificate_signing_requests(), {"", name});
  executor_.run();
  EXPECT_THAT(requests(), IsEmpty());
  now_ = identity_->next_deadline();
  identity_->on_deadline(now_);
  executor_.run();
  ASSERT_THAT(requests(), SizeIs(1));
  EXPECT_EQ(requests()[0]->key().name, name);
  (void)operate();
  (void)operate();
  EXPECT_TRUE(identity_->next_use());
}

TEST_F(KubeSignerTest, ANameThatAnotherTookIsLeftToIt) {
  server_.inject(broken_post());
  start();
  put(signing_request({asked().name, "-----BEGIN CERTIFICATE REQUEST-----\n"}));
  now_ = identity_->next_deadline();
  identity_->on_deadline(now_);
  executor_.run();
  EXPECT_THAT(identity_->status(now_).message, HasSubstr("another request has this"));
  now_ = identity_->next_deadline();
  identity_->on_deadline(now_);
  executor_.run();
  EXPECT_THAT(requests(), SizeIs(2));
}

TEST(AnswerOf, TakesAnyJson) {
  for (const char* text :
       {"null", "[]", "{}", R"({"status":[]})", R"({"status":{"conditions":{}}})",
        R"({"status":{"conditions":[7,{"type":7}],"certificate":7}})"}) {
    EXPECT_EQ(answer_of(Json::parse(text)).state, RequestAnswer::State::kPending) << text;
  }
  EXPECT_EQ(answer_of(Json::parse(R"({"status":{"certificate":"!"}})")).state,
            RequestAnswer::State::kRefused);
  const RequestAnswer failed = answer_of(Json::parse(
      R"({"status":{"conditions":[{"type":"Approved"},{"type":"Failed","reason":"R","message":"m"}],
          "certificate":"Zm9v"}})"));
  EXPECT_EQ(failed.state, RequestAnswer::State::kRefused);
  EXPECT_EQ(failed.text, "Failed (R): m");
}

}  // namespace
}  // namespace espalier::identity
