#include "nodeagent/identity/node_identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ike/crypto/nss/testing/pki.h"
#include "nodeagent/identity/testing/fakes.h"
#include "operator/certificates/testing/pki.h"

namespace espalier::identity {
namespace {

using certificates::Certificate;
using certificates::CertificateAuthority;
using certificates::kDay;
using certificates::kNow;
using certificates::new_ca;
using certificates::node1;
using certificates::shared_keys;
using testing::FakeSigner;
using testing::FakeStore;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr Seconds kLife = 30 * kDay;

class NodeIdentityTest : public ::testing::Test {
 protected:
  NodeIdentityTest() { restart(); }

  void restart() {
    signer.posted.clear();
    signer.forgotten.clear();
    identity.emplace(node1(), NodeIdentity::Ports{&shared_keys(), &signer, &store});
  }
  void start_with_bundle() {
    identity->start(now);
    EXPECT_TRUE(identity->on_bundle(ca.certificate_pem(), now));
  }
  [[nodiscard]] Certificate sign(const CertificateAuthority& by,
                                 const certificates::NodeIdentity& node = node1()) const {
    auto request = certificates::decode_request_pem(signer.posted.back().pem);
    EXPECT_TRUE(request) << request.error().to_string();
    auto certificate = by.sign_node(*request, node, now, kLife, shared_keys());
    EXPECT_TRUE(certificate);
    return std::move(*certificate);
  }
  void answer(RequestAnswer::State state, const std::string& text = {}) {
    identity->on_answer(signer.posted.back().name, {state, text}, now);
  }
  void issue() { answer(RequestAnswer::State::kIssued, certificates::to_pem(sign(ca))); }
  void go_to_deadline() {
    ASSERT_NE(identity->next_deadline(), WallTime::max());
    now = std::max(now, identity->next_deadline());
    identity->on_deadline(now);
  }

  FakeStore store;
  FakeSigner signer;
  CertificateAuthority ca = new_ca();
  WallTime now = kNow;
  std::optional<NodeIdentity> identity;
};

TEST_F(NodeIdentityTest, AsksChecksStoresAndUses) {
  start_with_bundle();
  ASSERT_THAT(signer.posted, SizeIs(1));
  EXPECT_THAT(signer.posted[0].name, HasSubstr("espalier-node1-"));
  auto request = certificates::decode_request_pem(signer.posted[0].pem);
  ASSERT_TRUE(request);
  EXPECT_TRUE(certificates::check_request(*request, node1(), shared_keys()));
  EXPECT_EQ(store.texts.count(Slot::kNext), 1U) << "before anybody is asked";
  EXPECT_FALSE(identity->status(now).ready);
  answer(RequestAnswer::State::kPending);
  EXPECT_FALSE(identity->next_use());

  issue();
  auto use = identity->next_use();
  ASSERT_TRUE(use);
  EXPECT_FALSE(identity->next_use());
  EXPECT_EQ(store.texts.count(Slot::kNext), 0U);
  EXPECT_THAT(store.texts[Slot::kCurrent], HasSubstr("PRIVATE KEY"));
  EXPECT_EQ(signer.forgotten, std::vector{signer.posted[0].name});
  const IdentityStatus status = identity->status(now);
  EXPECT_TRUE(status.ready);
  EXPECT_EQ(status.reason, "Issued");
  EXPECT_EQ(status.not_after, now + kLife);

  // The IKE engine's own judgement of it.
  using namespace ike::crypto;
  Provider& provider = nss::shared_provider();
  auto credential = provider.add_credential(use->chain_pem, to_text(use->key_pem.view()), now);
  ASSERT_TRUE(credential) << credential.error().to_string();
  auto trust = provider.add_trust(ca.certificate_pem());
  ASSERT_TRUE(trust);
  Outcome made = provider.run(Sign{*credential, nss::kAllHashes, nss::kOctets});
  auto* signature = std::get_if<Signature>(&made);
  ASSERT_NE(signature, nullptr);
  VerifyPeer job;
  job.chain = {use->certificate.der};
  job.trust = *trust;
  job.claimed = nss::id_of(node1().identity);
  job.method = signature->method;
  job.auth_data = signature->auth_data;
  job.octets = nss::kOctets;
  job.now = now;
  EXPECT_TRUE(nss::is_verified(provider.run(job)));
  provider.remove(*credential);
  provider.remove(*trust);
}

TEST_F(NodeIdentityTest, RenewsAtTwoThirdsWithAnotherKeyAndNeverWithout) {
  start_with_bundle();
  issue();
  const auto first = identity->next_use();
  ASSERT_TRUE(first);
  const Seconds life = first->certificate.not_after - first->certificate.not_before;
  const WallTime renewal = identity->next_deadline();
  EXPECT_GE(renewal, first->certificate.not_before + life * 2 / 3 - life / 20);
  EXPECT_LE(renewal, first->certificate.not_before + life * 2 / 3 + life / 20);
  now = renewal - Seconds(1);
  identity->on_deadline(now);
  EXPECT_THAT(signer.posted, SizeIs(1));

  go_to_deadline();
  ASSERT_THAT(signer.posted, SizeIs(2));
  EXPECT_NE(signer.posted[0].name, signer.posted[1].name);
  EXPECT_TRUE(identity->status(now).ready);
  EXPECT_THAT(store.texts[Slot::kCurrent], HasSubstr(certificates::to_pem(first->certificate)));
  EXPECT_FALSE(identity->next_use());
  issue();
  const auto second = identity->next_use();
  ASSERT_TRUE(second);
  EXPECT_NE(second->certificate.key, first->certificate.key);
  EXPECT_EQ(identity->status(now).not_after, now + kLife);
}

TEST_F(NodeIdentityTest, NodesRenewAtDifferentTimes) {
  std::set<WallTime> times;
  for (int i = 0; i < 8; ++i) {
    store.texts.clear();
    restart();
    start_with_bundle();
    issue();
    times.insert(identity->next_deadline());
  }
  EXPECT_GT(times.size(), 6U);
}

TEST_F(NodeIdentityTest, ARefusalIsRetriedLaterAndLaterAndTheOldOneStays) {
  start_with_bundle();
  issue();
  ASSERT_TRUE(identity->next_use());
  go_to_deadline();
  Seconds last{0};
  for (std::size_t round = 0; round < 12; ++round) {
    ASSERT_THAT(signer.posted, SizeIs(2 + round));
    answer(RequestAnswer::State::kRefused, "TokenNotBound: no claim");
    EXPECT_THAT(identity->status(now).message, HasSubstr("TokenNotBound"));
    EXPECT_TRUE(identity->status(now).ready);
    EXPECT_FALSE(identity->next_use());
    const Seconds wait = identity->next_deadline() - now;
    EXPECT_GE(wait, round < 6 ? kFirstRetry * (1 << round) : kLongestRetry);
    EXPECT_LE(wait, kLongestRetry * 3 / 2);
    EXPECT_GE(wait * 3 / 2, last);
    last = wait;
    identity->on_deadline(now + wait - Seconds(1));
    EXPECT_THAT(signer.posted, SizeIs(2 + round)) << "too early";
    go_to_deadline();
  }
  issue();
  EXPECT_TRUE(identity->next_use());
  EXPECT_EQ(identity->status(now).message, "");
}

TEST_F(NodeIdentityTest, ARestartGoesOnWithTheSameRequest) {
  start_with_bundle();
  const PostedRequest before = signer.posted.back();
  restart();
  start_with_bundle();
  ASSERT_THAT(signer.posted, SizeIs(1));
  EXPECT_EQ(signer.posted[0].name, before.name);
  EXPECT_EQ(signer.posted[0].pem, before.pem);
  issue();
  const auto used = identity->next_use();
  ASSERT_TRUE(used);

  restart();
  start_with_bundle();
  EXPECT_THAT(signer.posted, IsEmpty());
  const auto again = identity->next_use();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->certificate, used->certificate);
  EXPECT_TRUE(ct_equal(again->key_pem.view(), used->key_pem.view()));
  EXPECT_TRUE(identity->status(now).ready);
}

TEST_F(NodeIdentityTest, AnEndBetweenStoringAndForgettingLeavesNoRequestBehind) {
  start_with_bundle();
  const std::string next = store.texts[Slot::kNext];
  issue();
  store.texts[Slot::kNext] = next;  // as if the process had ended right then
  restart();
  start_with_bundle();
  EXPECT_THAT(signer.posted, IsEmpty());
  EXPECT_TRUE(identity->status(now).ready);
}

TEST_F(NodeIdentityTest, WhatIsStoredAndOfNoUseIsLeftOut) {
  start_with_bundle();
  issue();
  const std::string good = store.texts[Slot::kCurrent];
  struct Row {
    std::string stored;
    WallTime at;
    const char* says;
  };
  const std::string other_key =
      to_text(ca.key_pem(shared_keys())->view()) + good.substr(good.find("-----BEGIN CERT"));
  for (const Row& row :
       {Row{"rubbish", now, "is not PEM"},
        Row{good.substr(good.find("-----BEGIN CERT")), now, "is missing"},
        Row{other_key, now, "does not belong"}, Row{good, now + kLife, "has expired"}}) {
    store.texts = {{Slot::kCurrent, row.stored}};
    restart();
    now = row.at;
    start_with_bundle();
    EXPECT_FALSE(identity->next_use());
    EXPECT_THAT(identity->status(now).message, HasSubstr(row.says));
    EXPECT_THAT(signer.posted, SizeIs(1)) << row.says;
  }
  store.texts = {{Slot::kNext, "rubbish"}};
  restart();
  start_with_bundle();
  EXPECT_THAT(signer.posted, SizeIs(1));
}

TEST_F(NodeIdentityTest, TakesNoCertificateThatIsNotWhatWasAskedFor) {
  struct Row {
    std::function<std::string()> pem;
    const char* says;
  };
  const auto other_key = [&] {
    auto request =
        certificates::decode_request(certificates::RequestParts{}.sign(*certificates::new_key()));
    return certificates::to_pem(*ca.sign_node(*request, node1(), now, kLife, shared_keys()));
  };
  for (const Row& row : {
           Row{[] { return std::string("x"); }, "is not PEM"},
           Row{other_key, "another key"},
           Row{[&] {
                 return certificates::to_pem(sign(ca, {"node2", node1().identity}));
               },
               "it is for \"node2\""},
           Row{[&] {
                 return certificates::to_pem(sign(ca, {"node1", "node2.example.com"}));
               },
               "subjectAltName is not exactly"},
           Row{[&] { return ca.certificate_pem(); }, "another key"},
       }) {
    store.texts.clear();
    restart();
    start_with_bundle();
    answer(RequestAnswer::State::kIssued, row.pem());
    EXPECT_FALSE(identity->next_use());
    EXPECT_EQ(identity->status(now).reason, "WrongCertificate");
    EXPECT_THAT(identity->status(now).message, HasSubstr(row.says));
    EXPECT_EQ(store.texts.count(Slot::kCurrent), 0U);
  }
}

TEST_F(NodeIdentityTest, ACertificateThatIsNotValidNowIsNotUsed) {
  start_with_bundle();
  const std::string pem = certificates::to_pem(sign(ca));
  now += kLife;
  answer(RequestAnswer::State::kIssued, pem);
  EXPECT_FALSE(identity->next_use());
  EXPECT_THAT(identity->status(now).message, HasSubstr("not now"));
}

TEST_F(NodeIdentityTest, WaitsForTheBundleThatVerifiesTheCertificate) {
  start_with_bundle();
  const CertificateAuthority fresh = new_ca();
  answer(RequestAnswer::State::kIssued, certificates::to_pem(sign(fresh)));
  EXPECT_FALSE(identity->next_use());
  EXPECT_EQ(identity->status(now).reason, "UntrustedIssuer");
  EXPECT_THAT(signer.posted, SizeIs(1));
  ASSERT_TRUE(identity->on_bundle(fresh.certificate_pem() + ca.certificate_pem(), now));
  EXPECT_TRUE(identity->next_use());
  EXPECT_TRUE(identity->status(now).ready);
  EXPECT_THAT(signer.posted, SizeIs(1)) << "asked once";
}

TEST_F(NodeIdentityTest, AsksAnewWhenNoBundleVerifiesTheCertificate) {
  start_with_bundle();
  answer(RequestAnswer::State::kIssued, certificates::to_pem(sign(new_ca())));
  EXPECT_EQ(identity->next_deadline(), now + kPatience);
  ASSERT_TRUE(identity->on_bundle(ca.certificate_pem(), now + kPatience / 2));
  EXPECT_EQ(identity->next_deadline(), now + kPatience);
  go_to_deadline();
  EXPECT_EQ(identity->status(now).reason, "UntrustedIssuer");
  EXPECT_THAT(signer.posted, SizeIs(1));
  go_to_deadline();
  ASSERT_THAT(signer.posted, SizeIs(2));
  issue();
  EXPECT_TRUE(identity->next_use());
}

TEST_F(NodeIdentityTest, AsksAnewWhenItsCaLeavesTheBundle) {
  start_with_bundle();
  issue();
  ASSERT_TRUE(identity->next_use());
  const CertificateAuthority fresh = new_ca();
  ASSERT_TRUE(identity->on_bundle(fresh.certificate_pem() + ca.certificate_pem(), now));
  EXPECT_THAT(signer.posted, SizeIs(1));
  ASSERT_TRUE(identity->on_bundle(fresh.certificate_pem(), now));
  ASSERT_THAT(signer.posted, SizeIs(2));
  EXPECT_TRUE(identity->status(now).ready) << "the old one is all there is";
  answer(RequestAnswer::State::kIssued, certificates::to_pem(sign(fresh)));
  EXPECT_TRUE(identity->next_use());
}

TEST_F(NodeIdentityTest, ABundleThatCannotBeReadChangesNothing) {
  start_with_bundle();
  issue();
  ASSERT_TRUE(identity->next_use());
  const auto says = [&](const std::string& pem) {
    const Status status = identity->on_bundle(pem, now);
    return status ? "" : status.error().to_string();
  };
  EXPECT_THAT(says(""), HasSubstr("ca.crt: is not PEM"));
  EXPECT_THAT(says(store.texts[Slot::kCurrent]), HasSubstr("ca.crt: holds what is no CA's"));
  EXPECT_THAT(says("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
              HasSubstr("ca.crt.certificate: is no X.509"));
  EXPECT_THAT(says("-----BEGIN X-----\nAAAA\n-----END X-----\n"), HasSubstr("no certificate"));
  EXPECT_THAT(signer.posted, SizeIs(1));
  EXPECT_TRUE(identity->status(now).ready);
}

TEST_F(NodeIdentityTest, PostsTheSameRequestAgainWhenItWasLost) {
  start_with_bundle();
  const std::string name = signer.posted[0].name;
  identity->on_post_failed(name, {Code::kUnavailable, "API server", "connection refused"}, now);
  EXPECT_EQ(identity->status(now).reason, "SignerUnreachable");
  EXPECT_THAT(identity->status(now).message, HasSubstr("connection refused"));
  go_to_deadline();
  ASSERT_THAT(signer.posted, SizeIs(2));
  answer(RequestAnswer::State::kGone);
  EXPECT_THAT(signer.posted, SizeIs(2));
  go_to_deadline();
  ASSERT_THAT(signer.posted, SizeIs(3));
  EXPECT_EQ(signer.posted[1].name, name);
  EXPECT_EQ(signer.posted[2].pem, signer.posted[0].pem);
  identity->on_answer("espalier-node1-another", {RequestAnswer::State::kRefused, "x"}, now);
  EXPECT_EQ(identity->next_deadline(), WallTime::max()) << "waits for the answer alone";
  issue();
  EXPECT_TRUE(identity->next_use());
}

TEST_F(NodeIdentityTest, TellsAfterAWhileThatNobodyAnswers) {
  start_with_bundle();
  EXPECT_EQ(identity->status(now + kPatience - Seconds(1)).message, "");
  EXPECT_THAT(identity->status(now + kPatience).message, HasSubstr("has no answer since"));
}

TEST_F(NodeIdentityTest, ANewIdentityIsAskedForAtOnce) {
  start_with_bundle();
  issue();
  ASSERT_TRUE(identity->next_use());
  const certificates::NodeIdentity renamed = {"node1", "node1.other.example.com"};
  identity->on_identity(renamed.identity, now);
  ASSERT_THAT(signer.posted, SizeIs(2));
  EXPECT_FALSE(identity->status(now).ready) << "peers expect the new name";
  answer(RequestAnswer::State::kIssued, certificates::to_pem(sign(ca, renamed)));
  const auto use = identity->next_use();
  ASSERT_TRUE(use);
  EXPECT_EQ(use->certificate.alt_names[0].text, renamed.identity);
}

TEST_F(NodeIdentityTest, WhatCannotBeStoredIsNotAskedForNorUsed) {
  store.broken = true;
  start_with_bundle();
  EXPECT_THAT(signer.posted, IsEmpty());
  EXPECT_THAT(identity->status(now).message, HasSubstr("the disk is full"));
  store.broken = false;
  go_to_deadline();
  ASSERT_THAT(signer.posted, SizeIs(1));
  store.broken = true;
  issue();
  EXPECT_FALSE(identity->next_use());
  EXPECT_EQ(identity->status(now).reason, "CannotStore");
  store.broken = false;
  go_to_deadline();
  issue();
  EXPECT_TRUE(identity->next_use());
}

}  // namespace
}  // namespace espalier::identity
