// VerifyPeer: who is believed, who is not, and what people are told.
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ike/crypto/distinguished_name.h"
#include "ike/crypto/nss/testing/pki.h"

namespace espalier::ike::crypto::nss {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;

Outcome run(const VerifyPeer& job) {
  return shared_provider().run(job);
}

wire::Identification dn(const std::string& text) {
  return {wire::IdType::kDerAsn1Dn, *dn_to_der(text)};
}

// What a peer with this certificate would be refused for before its signature is looked at.
Refusal refusal_of_chain(std::initializer_list<const char*> chain, TrustId trust,
                         const std::string& id, WallTime now = kNow) {
  VerifyPeer job;
  job.chain = chain_of(chain);
  job.trust = trust;
  job.claimed = id_of(id);
  job.auth_data = Bytes(80, 1);
  job.octets = kOctets;
  job.now = now;
  return refusal_of(run(job));
}

TEST(VerifyPeer, BelievesEveryKindOfKey) {
  const TrustId trust = trust_of({"ca", "rsa-ca"});
  for (const char* name : {"node1", "node2", "node3", "node4", "node5"}) {
    const Outcome outcome = run(honest_peer({name}, trust, std::string(name) + ".example.com"));
    ASSERT_TRUE(is_verified(outcome)) << name;
    const auto& peer = std::get<PeerVerified>(outcome);
    EXPECT_EQ(peer.subject, "C=CH, O=Espalier Test, CN=" + std::string(name));
    EXPECT_THAT(peer.sans, Contains(std::string(name) + ".example.com"));
    EXPECT_THAT(peer.issuer, HasSubstr("Root CA"));
    EXPECT_EQ(peer.not_after, WallTime(std::chrono::seconds(4102444799)));  // 2099-12-31T23:59:59Z
  }
  const Outcome ecdsa = run(honest_peer({"node2"}, trust, "node2.example.com"));
  EXPECT_EQ(std::get<PeerVerified>(ecdsa).algorithm, "ECDSA P-384 with SHA2-384");
  const Outcome rsa = run(honest_peer({"node5"}, trust, "node5.example.com"));
  EXPECT_EQ(std::get<PeerVerified>(rsa).algorithm, "RSA 3072 with SHA2-256 (PSS)");
}

TEST(VerifyPeer, BelievesEveryIdentityTheCertificateProves) {
  const TrustId trust = trust_of({"ca"});
  VerifyPeer job = honest_peer({"node1"}, trust, "node1.example.com");
  for (const char* id : {"node1.example.com", "NODE1.Example.COM", "192.0.2.1", "2001:db8::1",
                         "Node1@example.com", "Node1@EXAMPLE.com"}) {
    job.claimed = id_of(id);
    EXPECT_TRUE(is_verified(run(job))) << id;
  }
  for (const char* name : {"C=CH, O=Espalier Test, CN=node1", "cn=NODE1,o=espalier test,c=ch"}) {
    job.claimed = dn(name);
    EXPECT_TRUE(is_verified(run(job))) << name;
  }
}

TEST(VerifyPeer, RefusesIdentitiesTheCertificateDoesNotProve) {
  const TrustId trust = trust_of({"ca"});
  VerifyPeer job = honest_peer({"node1"}, trust, "node1.example.com");
  for (const char* id : {"node2.example.com", "example.com", "a.node1.example.com", "node1",
                         "192.0.2.2", "2001:db8::2", "node1@example.com", "node1.example.com.",
                         "keyid:node1.example.com", "fqdn:192.0.2.1"}) {
    job.claimed = id_of(id);
    const Refusal refusal = refusal_of(run(job));
    EXPECT_EQ(refusal.reason, RefusalReason::kIdNotInCertificate) << id;
    EXPECT_THAT(refusal.sentence, AllOf(HasSubstr("CN=node1"), HasSubstr("node1.example.com")));
  }
  job.claimed = dn("C=CH, O=Espalier Test, CN=node2");
  EXPECT_EQ(refusal_of(run(job)).reason, RefusalReason::kIdNotInCertificate);
  job.claimed = {wire::IdType::kNull, {}};
  EXPECT_EQ(refusal_of(run(job)).reason, RefusalReason::kIdNotInCertificate);
}

TEST(VerifyPeer, NeverFallsBackToTheCommonName) {
  const Refusal refusal = refusal_of_chain({"no-san"}, trust_of({"ca"}), "no-san.example.com");
  EXPECT_EQ(refusal.reason, RefusalReason::kIdNotInCertificate);
  EXPECT_THAT(refusal.sentence, HasSubstr("no subjectAltName"));
}

TEST(VerifyPeer, HoldsThePeerToWhatIsConfigured) {
  const TrustId trust = trust_of({"ca"});
  VerifyPeer job = honest_peer({"node1"}, trust, "node1.example.com");
  job.expected = id_of("Node1.example.com");
  EXPECT_TRUE(is_verified(run(job)));
  job.expected = id_of("node2.example.com");
  const Refusal refusal = refusal_of(run(job));
  EXPECT_EQ(refusal.reason, RefusalReason::kIdUnexpected);
  EXPECT_THAT(refusal.sentence,
              AllOf(HasSubstr("node1.example.com"), HasSubstr("node2.example.com")));
  // The certificate proves both, but only one is claimed.
  job.expected = id_of("192.0.2.1");
  EXPECT_EQ(refusal_of(run(job)).reason, RefusalReason::kIdUnexpected);
}

TEST(VerifyPeer, FollowsIntermediatesThePeerSends) {
  const TrustId trust = trust_of({"ca"});
  EXPECT_TRUE(is_verified(run(honest_peer({"below", "intermediate"}, trust, "below.example.com"))));
  // In any order after the leaf, with others among them, and with the anchor itself.
  EXPECT_TRUE(is_verified(run(honest_peer({"below", "node2", "ca", "intermediate", "other-ca"},
                                          trust, "below.example.com"))));
  EXPECT_TRUE(
      is_verified(run(honest_peer({"below"}, trust_of({"intermediate"}), "below.example.com"))))
      << "an intermediate may be the anchor";
  const Refusal refusal = refusal_of_chain({"below"}, trust, "below.example.com");
  EXPECT_EQ(refusal.reason, RefusalReason::kUntrustedIssuer);
  EXPECT_THAT(refusal.sentence,
              AllOf(HasSubstr("CN=below"), HasSubstr("CN=Issuing CA"), HasSubstr("CN=Root CA")));
  EXPECT_TRUE(is_verified(run(honest_peer({"below", "intermediate"}, trust, "below.example.com"))))
      << "what one peer sent must not help another, nor hurt";
}

TEST(VerifyPeer, ForgetsWhatAnotherPeerSent) {
  const TrustId trust = trust_of({"ca"});
  ASSERT_TRUE(is_verified(run(honest_peer({"below", "intermediate"}, trust, "below.example.com"))));
  EXPECT_EQ(refusal_of_chain({"below"}, trust, "below.example.com").reason,
            RefusalReason::kUntrustedIssuer);
}

TEST(VerifyPeer, RefusesAnotherCa) {
  const Refusal refusal =
      refusal_of_chain({"rogue"}, trust_of({"ca", "rsa-ca"}), "node1.example.com");
  EXPECT_EQ(refusal.reason, RefusalReason::kUntrustedIssuer);
  EXPECT_THAT(refusal.sentence, AllOf(HasSubstr("CN=node1"), HasSubstr("CN=Other CA"),
                                      HasSubstr("CN=Root CA"), HasSubstr("CN=RSA Root CA")));
  EXPECT_EQ(refusal_of_chain({"rogue", "other-ca"}, trust_of({"ca"}), "node1.example.com").reason,
            RefusalReason::kUntrustedIssuer)
      << "a CA that the peer brings along is no anchor";
  EXPECT_TRUE(is_verified(run(honest_peer({"rogue"}, trust_of({"other-ca"}), "node1.example.com"))))
      << "trusts are kept apart";
}

// A certificate with the issuer name and serial number of a real one. NSS's store can hold only one
// of the two, and its chain builder remembers; that must not let a stranger shut the real one out,
// nor take one for the other.
TEST(VerifyPeer, TellsTwinsApart) {
  const TrustId trust = trust_of({"ca"});
  const TrustId fake = trust_of({"fake-ca"});
  for (int round = 0; round < 2; ++round) {
    const Refusal refusal = refusal_of_chain({"twin"}, trust, "node1.example.com");
    EXPECT_EQ(refusal.reason, RefusalReason::kUntrustedIssuer);
    EXPECT_THAT(refusal.sentence, HasSubstr("the CA of that name"));
    EXPECT_EQ(refusal_of_chain({"twin", "fake-ca"}, trust, "node1.example.com").reason,
              RefusalReason::kUntrustedIssuer);
    EXPECT_TRUE(is_verified(run(honest_peer({"node1"}, trust, "node1.example.com"))));
    EXPECT_EQ(refusal_of_chain({"node1"}, fake, "node1.example.com").reason,
              RefusalReason::kUntrustedIssuer);
  }
  EXPECT_TRUE(is_verified(run(honest_peer({"node1", "twin"}, trust, "node1.example.com"))));
  // Both CAs trusted, each by somebody: the limit of NSS's store, said plainly.
  const Outcome second = run(honest_peer({"twin"}, fake, "node1.example.com"));
  if (!std::holds_alternative<PeerVerified>(second)) {
    const Refusal refusal = refusal_of(second);
    EXPECT_EQ(refusal.reason, RefusalReason::kNotPermitted);
    EXPECT_THAT(refusal.sentence, HasSubstr("a restart helps"));
  }
}

TEST(VerifyPeer, JudgesDatesByTheCallersClock) {
  const TrustId trust = trust_of({"ca"});
  const Refusal expired = refusal_of_chain({"expired"}, trust, "expired.example.com");
  EXPECT_EQ(expired.reason, RefusalReason::kExpired);
  EXPECT_THAT(expired.sentence, AllOf(HasSubstr("CN=expired"), HasSubstr("2021-01-01T00:00:00Z")));
  const Refusal future = refusal_of_chain({"future"}, trust, "future.example.com");
  EXPECT_EQ(future.reason, RefusalReason::kNotYetValid);
  EXPECT_THAT(future.sentence,
              AllOf(HasSubstr("2090-01-01T00:00:00Z"), HasSubstr("2026-11-24T12:00:00Z")));
  // In its time each is believed as far as the signature.
  const WallTime year2020{std::chrono::seconds(1590000000)};
  EXPECT_EQ(refusal_of_chain({"expired"}, trust, "expired.example.com", year2020).reason,
            RefusalReason::kUnsupportedAlgorithm);
  EXPECT_EQ(refusal_of_chain({"future"}, trust, "future.example.com", kYear2095).reason,
            RefusalReason::kUnsupportedAlgorithm);
}

TEST(VerifyPeer, NamesAnExpiredIssuer) {
  const Refusal refusal = refusal_of_chain({"below-expired", "expired-ca"}, trust_of({"ca"}),
                                           "below-expired.example.com");
  EXPECT_EQ(refusal.reason, RefusalReason::kExpired);
  EXPECT_THAT(refusal.sentence,
              AllOf(HasSubstr("CN=Expired CA"), HasSubstr("2021-01-01T00:00:00Z")));
  const Refusal anchor =
      refusal_of_chain({"below-expired"}, trust_of({"expired-ca"}), "below-expired.example.com");
  EXPECT_EQ(anchor.reason, RefusalReason::kExpired);
  EXPECT_THAT(anchor.sentence, HasSubstr("CN=Expired CA"));
}

TEST(VerifyPeer, HoldsToKeyUsage) {
  const TrustId trust = trust_of({"ca"});
  for (const char* good :
       {"eku-tls", "eku-ipsec-ike", "eku-ike-intermediate", "ku-non-repudiation"}) {
    // Chain and identity pass; the made-up AUTH data does not.
    EXPECT_EQ(refusal_of_chain({good}, trust, std::string(good) + ".example.com").reason,
              RefusalReason::kUnsupportedAlgorithm)
        << good;
  }
  for (const char* bad : {"eku-code-signing", "ku-encipherment", "ku-agreement"}) {
    const Refusal refusal = refusal_of_chain({bad}, trust, std::string(bad) + ".example.com");
    EXPECT_EQ(refusal.reason, RefusalReason::kBadKeyUsage) << bad << ": " << refusal.sentence;
    EXPECT_THAT(refusal.sentence, HasSubstr("Usage"));
  }
}

TEST(VerifyPeer, HoldsCasToWhatTheyMayDo) {
  const TrustId trust = trust_of({"ca"});
  const Refusal by_leaf = refusal_of_chain({"by-leaf", "node1"}, trust, "by-leaf.example.com");
  EXPECT_EQ(by_leaf.reason, RefusalReason::kBadKeyUsage) << by_leaf.sentence;
  const Refusal deep =
      refusal_of_chain({"too-deep", "too-deep-ca", "intermediate"}, trust, "too-deep.example.com");
  EXPECT_EQ(deep.reason, RefusalReason::kNotPermitted) << deep.sentence;
  EXPECT_THAT(deep.sentence, HasSubstr("not permitted"));
  const Refusal outside =
      refusal_of_chain({"outside", "constrained-ca"}, trust, "outside.example.com");
  EXPECT_EQ(outside.reason, RefusalReason::kNotPermitted) << outside.sentence;
  EXPECT_THAT(outside.sentence, HasSubstr("not permitted"));
  EXPECT_EQ(refusal_of_chain({"inside", "constrained-ca"}, trust, "a.inside.example.com").reason,
            RefusalReason::kUnsupportedAlgorithm);
}

TEST(VerifyPeer, RefusesWeakKeysAndHashes) {
  const TrustId trust = trust_of({"ca"});
  const Refusal weak = refusal_of_chain({"weak-rsa"}, trust, "weak-rsa.example.com");
  EXPECT_EQ(weak.reason, RefusalReason::kWeakKey);
  EXPECT_THAT(weak.sentence, AllOf(HasSubstr("1024"), HasSubstr("2048")));
  const Refusal sha1 = refusal_of_chain({"sha1"}, trust, "sha1.example.com");
  EXPECT_EQ(sha1.reason, RefusalReason::kUnsupportedAlgorithm) << sha1.sentence;
  EXPECT_THAT(sha1.sentence, HasSubstr("SHA-1"));
}

TEST(VerifyPeer, RefusesWhatIsNoChain) {
  const TrustId trust = trust_of({"ca"});
  VerifyPeer job = honest_peer({"node1"}, trust, "node1.example.com");
  VerifyPeer none = job;
  none.chain.clear();
  EXPECT_EQ(refusal_of(run(none)).reason, RefusalReason::kMalformed);
  VerifyPeer garbage = job;
  garbage.chain.front() = Bytes(100, 0x30);
  EXPECT_EQ(refusal_of(run(garbage)).reason, RefusalReason::kMalformed);
  VerifyPeer cut = job;
  cut.chain.front().pop_back();
  EXPECT_EQ(refusal_of(run(cut)).reason, RefusalReason::kMalformed);
  VerifyPeer longer = job;
  longer.chain.front().push_back(0);
  EXPECT_EQ(refusal_of(run(longer)).reason, RefusalReason::kMalformed);
  VerifyPeer flood = job;
  flood.chain.resize(17, job.chain.front());
  EXPECT_EQ(refusal_of(run(flood)).reason, RefusalReason::kMalformed);
  VerifyPeer extra = job;
  extra.chain.push_back(Bytes(100, 0x30));
  EXPECT_TRUE(is_verified(run(extra))) << "what is not needed may be unreadable";
  VerifyPeer nobody = job;
  nobody.trust = static_cast<TrustId>(4711);
  const Outcome outcome = run(nobody);
  ASSERT_TRUE(std::holds_alternative<Error>(outcome));
  EXPECT_EQ(std::get<Error>(outcome).code, Code::kNotFound);
}

TEST(VerifyPeer, RefusesEveryChangedOctetOfALeaf) {
  const TrustId trust = trust_of({"ca"});
  const VerifyPeer good = honest_peer({"node1"}, trust, "node1.example.com");
  ASSERT_TRUE(is_verified(run(good)));
  for (std::size_t i = 0; i < good.chain.front().size(); ++i) {
    VerifyPeer changed = good;
    changed.chain.front()[i] ^= 0x01;
    EXPECT_TRUE(std::holds_alternative<Refusal>(run(changed))) << "octet " << i;
  }
}

TEST(VerifyPeer, RefusesASignatureOverAnotherText) {
  const TrustId trust = trust_of({"ca", "rsa-ca"});
  for (const char* name : {"node1", "node4"}) {
    VerifyPeer job = honest_peer({name}, trust, std::string(name) + ".example.com");
    job.octets.back() ^= 1;
    const Refusal refusal = refusal_of(run(job));
    EXPECT_EQ(refusal.reason, RefusalReason::kBadSignature);
    EXPECT_THAT(refusal.sentence, AllOf(HasSubstr(name), HasSubstr("does not verify")));
  }
}

TEST(VerifyPeer, IsGoodOnSeveralThreadsAtOnce) {
  const TrustId trust = trust_of({"ca", "rsa-ca"});
  const std::array jobs = {honest_peer({"node1"}, trust, "node1.example.com"),
                           honest_peer({"node2"}, trust, "node2.example.com"),
                           honest_peer({"node4"}, trust, "node4.example.com"),
                           honest_peer({"below", "intermediate"}, trust, "below.example.com")};
  const VerifyPeer twin = [&] {
    VerifyPeer job = jobs[0];
    job.chain = chain_of({"twin"});
    return job;
  }();
  std::array<bool, 4> good{};
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < good.size(); ++t) {
    threads.emplace_back([&, t] {
      bool all = true;
      for (std::size_t n = 0; n < 30; ++n) {
        all = all && std::holds_alternative<PeerVerified>(run(jobs[(t + n) % jobs.size()]));
        all = all && std::holds_alternative<Refusal>(run(twin));
      }
      good[t] = all;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(good, testing::Each(true));
}

TEST(Revocation, RelaxedRefusesTheRevokedOnly) {
  const TrustId trust = trust_of({"ca"});
  const std::vector<Bytes> crls = {file_bytes("crl-fresh.pem")};
  EXPECT_EQ(refusal_of_chain({"revoked"}, trust, "revoked.example.com").reason,
            RefusalReason::kUnsupportedAlgorithm)
      << "without a CRL nobody knows";
  ASSERT_TRUE(shared_provider().set_crls(trust, crls, Revocation::kRelaxed));
  const Refusal refusal = refusal_of_chain({"revoked"}, trust, "revoked.example.com");
  EXPECT_EQ(refusal.reason, RefusalReason::kRevoked) << "also when it was remembered as good";
  EXPECT_THAT(refusal.sentence, AllOf(HasSubstr("CN=revoked"), HasSubstr("CN=Root CA")));
  EXPECT_TRUE(is_verified(run(honest_peer({"node1"}, trust, "node1.example.com"))));
  EXPECT_TRUE(is_verified(run(honest_peer({"below", "intermediate"}, trust, "below.example.com"))));
  const std::vector<Bytes> stale = {file_bytes("crl-stale.pem")};
  ASSERT_TRUE(shared_provider().set_crls(trust, stale, Revocation::kRelaxed));
  EXPECT_EQ(refusal_of_chain({"revoked"}, trust, "revoked.example.com").reason,
            RefusalReason::kRevoked)
      << "a stale list still tells what it tells";
  EXPECT_TRUE(is_verified(run(honest_peer({"node1"}, trust, "node1.example.com"))));
}

TEST(Revocation, StrictWantsAFreshListOfEveryIssuer) {
  const TrustId trust = trust_of({"ca"});
  const std::vector<Bytes> stale = {file_bytes("crl-stale.pem")};
  ASSERT_TRUE(shared_provider().set_crls(trust, stale, Revocation::kStrict));
  const Refusal refusal = refusal_of_chain({"node1"}, trust, "node1.example.com");
  EXPECT_EQ(refusal.reason, RefusalReason::kRevocationUnknown);
  EXPECT_THAT(refusal.sentence, AllOf(HasSubstr("CN=node1"), HasSubstr("2021-01-01T00:00:00Z")));
  const std::vector<Bytes> root_only = {file_bytes("crl-fresh.pem")};
  ASSERT_TRUE(shared_provider().set_crls(trust, root_only, Revocation::kStrict));
  EXPECT_TRUE(is_verified(run(honest_peer({"node1"}, trust, "node1.example.com"))));
  EXPECT_EQ(refusal_of_chain({"below", "intermediate"}, trust, "below.example.com").reason,
            RefusalReason::kRevocationUnknown);
  const std::vector<Bytes> both = {file_bytes("crl-fresh.pem"), file_bytes("crl-intermediate.pem")};
  ASSERT_TRUE(shared_provider().set_crls(trust, both, Revocation::kStrict));
  EXPECT_TRUE(is_verified(run(honest_peer({"below", "intermediate"}, trust, "below.example.com"))));
}

TEST(Revocation, BelievesOnlyTheIssuersOwnList) {
  const TrustId trust = trust_of({"ca"});
  // "forged" is signed by a CA of the same name and lists node1's serial number.
  const std::vector<Bytes> crls = {file_bytes("crl-forged.pem"), file_bytes("crl-other.pem")};
  ASSERT_TRUE(shared_provider().set_crls(trust, crls, Revocation::kRelaxed));
  EXPECT_TRUE(is_verified(run(honest_peer({"node1"}, trust, "node1.example.com"))));
  ASSERT_TRUE(shared_provider().set_crls(trust, crls, Revocation::kStrict));
  EXPECT_EQ(refusal_of_chain({"node1"}, trust, "node1.example.com").reason,
            RefusalReason::kRevocationUnknown);
}

TEST(Revocation, RefusesWhatIsNoList) {
  const TrustId trust = trust_of({"ca"});
  for (const Bytes& bad :
       {Bytes{}, Bytes(40, 0x30), to_bytes(as_bytes(pem("ca"))), file_bytes("node1.der")}) {
    const std::vector<Bytes> crls = {bad};
    EXPECT_FALSE(shared_provider().set_crls(trust, crls, Revocation::kStrict));
  }
  EXPECT_EQ(
      shared_provider().set_crls(static_cast<TrustId>(4711), {}, Revocation::kStrict).error().code,
      Code::kNotFound);
}

}  // namespace
}  // namespace espalier::ike::crypto::nss
