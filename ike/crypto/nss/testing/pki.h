// The committed test certificates as credentials, trusts and chains of the shared provider.
#pragma once

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "ike/crypto/nss/testing/shared_provider.h"
#include "ike/crypto/nss/testing/vectors.h"
#include "ike/crypto/pem.h"

namespace espalier::ike::crypto::nss {

// 2026-11-24T12:00:00Z, between the dates of the certificates.
inline constexpr WallTime kNow{std::chrono::seconds(1795521600)};
inline constexpr WallTime kYear2095{std::chrono::seconds(3944678400)};

inline std::string pem(const std::string& name) {
  return read_test_file("certificates/" + name + ".pem");
}

inline Bytes file_bytes(const std::string& name) {
  return to_bytes(as_bytes(read_test_file("certificates/" + name)));
}

inline std::vector<Bytes> chain_of(std::initializer_list<const char*> names) {
  std::vector<Bytes> chain;
  for (const char* name : names) {
    auto blocks = decode_pem(pem(name));
    EXPECT_TRUE(blocks) << name;
    chain.push_back(to_bytes(blocks->front().data.view()));
  }
  return chain;
}

inline CredentialId credential_of(const std::string& name) {
  auto id = shared_provider().add_credential(pem(name), pem(name + "-key"), kNow);
  EXPECT_TRUE(id) << id.error().to_string();
  return id.value_or(CredentialId{});
}

inline TrustId trust_of(std::initializer_list<const char*> names) {
  std::string bundle;
  for (const char* name : names) bundle += pem(name);
  auto id = shared_provider().add_trust(bundle);
  EXPECT_TRUE(id) << id.error().to_string();
  return id.value_or(TrustId{});
}

inline wire::Identification id_of(const std::string& text) {
  auto parsed = wire::parse_identity(text);
  EXPECT_TRUE(parsed) << text;
  return std::get<wire::Identification>(*parsed);
}

inline const std::vector<HashId> kAllHashes = {HashId::kSha2_256, HashId::kSha2_384,
                                               HashId::kSha2_512};

inline const Bytes kOctets = to_bytes(as_bytes("RealMessage | NonceRData | MACedIDForI"));

// A VerifyPeer for a peer that really signed kOctets with the key of chain's first name.
inline VerifyPeer honest_peer(std::initializer_list<const char*> chain, TrustId trust,
                              const std::string& id) {
  VerifyPeer job;
  job.chain = chain_of(chain);
  job.trust = trust;
  job.claimed = id_of(id);
  job.octets = kOctets;
  job.now = kNow;
  const CredentialId credential = credential_of(*chain.begin());
  Outcome outcome = shared_provider().run(Sign{credential, kAllHashes, kOctets});
  shared_provider().remove(credential);
  if (auto* signature = std::get_if<Signature>(&outcome)) {
    job.method = signature->method;
    job.auth_data = std::move(signature->auth_data);
  } else {
    ADD_FAILURE() << *chain.begin() << " did not sign";
  }
  return job;
}

inline testing::AssertionResult is_verified(const Outcome& outcome) {
  if (std::holds_alternative<PeerVerified>(outcome)) return testing::AssertionSuccess();
  if (const auto* refusal = std::get_if<Refusal>(&outcome)) {
    return testing::AssertionFailure() << name_of(refusal->reason) << ": " << refusal->sentence;
  }
  if (const auto* error = std::get_if<Error>(&outcome)) {
    return testing::AssertionFailure() << error->to_string();
  }
  return testing::AssertionFailure() << "another outcome";
}

// The refusal; a failed test when there is none.
inline Refusal refusal_of(const Outcome& outcome) {
  if (const auto* refusal = std::get_if<Refusal>(&outcome)) return *refusal;
  ADD_FAILURE() << "not refused";
  return {};
}

}  // namespace espalier::ike::crypto::nss
