// What the verifier remembers of chains, and when it forgets.
#include "ike/crypto/nss/peer_verifier.h"

#include <gtest/gtest.h>

#include "ike/crypto/nss/testing/pki.h"

namespace espalier::ike::crypto::nss {
namespace {

Trust trust_with(std::initializer_list<const char*> names) {
  std::string bundle;
  for (const char* name : names) bundle += pem(name);
  Trust trust;
  trust.anchors = *read_anchors(bundle);
  return trust;
}

TEST(PeerVerifier, VerifiesAChainOnceForManyTunnels) {
  PeerVerifier verifier;
  const Trust trust = trust_with({"ca"});
  VerifyPeer job = honest_peer({"below", "intermediate"}, TrustId{}, "below.example.com");
  for (int tunnel = 0; tunnel < 100; ++tunnel) {
    ASSERT_TRUE(is_verified(verifier.verify(job, trust, 1)));
  }
  EXPECT_EQ(verifier.verified_chains(), 1U);
  // Another chain of the same leaf is another chain.
  job.chain.push_back(chain_of({"ca"}).front());
  EXPECT_TRUE(is_verified(verifier.verify(job, trust, 1)));
  EXPECT_EQ(verifier.verified_chains(), 2U);
}

TEST(PeerVerifier, RemembersNothingForAnotherTrust) {
  PeerVerifier verifier;
  const VerifyPeer job = honest_peer({"node1"}, TrustId{}, "node1.example.com");
  EXPECT_TRUE(is_verified(verifier.verify(job, trust_with({"ca"}), 1)));
  EXPECT_EQ(refusal_of(verifier.verify(job, trust_with({"rsa-ca"}), 2)).reason,
            RefusalReason::kUntrustedIssuer);
  EXPECT_TRUE(is_verified(verifier.verify(job, trust_with({"ca"}), 3)));
  EXPECT_EQ(verifier.verified_chains(), 2U);
}

TEST(PeerVerifier, ForgetsWhenTheChainEnds) {
  PeerVerifier verifier;
  const Trust trust = trust_with({"ca"});
  VerifyPeer job = honest_peer({"node1"}, TrustId{}, "node1.example.com");
  EXPECT_TRUE(is_verified(verifier.verify(job, trust, 1)));
  job.now = WallTime(std::chrono::seconds(4102444799));  // the last second
  EXPECT_TRUE(is_verified(verifier.verify(job, trust, 1)));
  EXPECT_EQ(verifier.verified_chains(), 1U);
  job.now += std::chrono::seconds(1);
  EXPECT_EQ(refusal_of(verifier.verify(job, trust, 1)).reason, RefusalReason::kExpired);
  job.now = WallTime(std::chrono::seconds(1577836799));  // a second before the first
  EXPECT_EQ(refusal_of(verifier.verify(job, trust, 1)).reason, RefusalReason::kNotYetValid);
}

TEST(PeerVerifier, WithStrictRevocationForgetsWhenTheListEnds) {
  PeerVerifier verifier;
  Trust trust = trust_with({"ca"});
  trust.crls.push_back(*decode_crl(file_bytes("crl-stale.pem")));  // good until 2021-01-01
  trust.revocation = Revocation::kStrict;
  VerifyPeer job = honest_peer({"node1"}, TrustId{}, "node1.example.com");
  job.now = WallTime(std::chrono::seconds(1590000000));  // in May 2020
  const Outcome outcome = verifier.verify(job, trust, 1);
  ASSERT_TRUE(is_verified(outcome));
  EXPECT_EQ(std::get<PeerVerified>(outcome).not_after, WallTime(std::chrono::seconds(1609459200)));
  job.now = WallTime(std::chrono::seconds(1609459201));
  EXPECT_EQ(refusal_of(verifier.verify(job, trust, 1)).reason, RefusalReason::kRevocationUnknown);
}

TEST(PeerVerifier, ChecksIdentityAndSignatureEachTime) {
  PeerVerifier verifier;
  const Trust trust = trust_with({"ca"});
  const VerifyPeer good = honest_peer({"node1"}, TrustId{}, "node1.example.com");
  ASSERT_TRUE(is_verified(verifier.verify(good, trust, 1)));
  VerifyPeer other_id = good;
  other_id.claimed = id_of("node2.example.com");
  EXPECT_EQ(refusal_of(verifier.verify(other_id, trust, 1)).reason,
            RefusalReason::kIdNotInCertificate);
  VerifyPeer other_text = good;
  other_text.octets.push_back(0);
  EXPECT_EQ(refusal_of(verifier.verify(other_text, trust, 1)).reason, RefusalReason::kBadSignature);
  EXPECT_EQ(verifier.verified_chains(), 1U);
}

TEST(PeerVerifier, ForgetsTheLeastRecentlyUsedWhenFull) {
  PeerVerifier verifier(2);
  const Trust trust = trust_with({"ca"});
  const VerifyPeer a = honest_peer({"node1"}, TrustId{}, "node1.example.com");
  const VerifyPeer b = honest_peer({"node2"}, TrustId{}, "node2.example.com");
  const VerifyPeer c = honest_peer({"node4"}, TrustId{}, "node4.example.com");
  for (const VerifyPeer* job : {&a, &b, &a, &c, &a}) {
    EXPECT_TRUE(is_verified(verifier.verify(*job, trust, 1)));
  }
  EXPECT_EQ(verifier.verified_chains(), 3U) << "c drove out b";
  EXPECT_TRUE(is_verified(verifier.verify(b, trust, 1)));
  EXPECT_EQ(verifier.verified_chains(), 4U);
}

TEST(PeerVerifier, RefusalsAreNotRemembered) {
  PeerVerifier verifier;
  const VerifyPeer job = honest_peer({"node1"}, TrustId{}, "node1.example.com");
  EXPECT_FALSE(is_verified(verifier.verify(job, trust_with({"rsa-ca"}), 1)));
  EXPECT_TRUE(is_verified(verifier.verify(job, trust_with({"ca"}), 1)));
}

}  // namespace
}  // namespace espalier::ike::crypto::nss
