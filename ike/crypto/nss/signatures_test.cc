// AUTH signatures: OpenSSL's under our eyes, ours by the port, forgeries, and every way of RFC 7427
// and RFC 4754.
#include "ike/crypto/nss/signatures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ike/crypto/nss/testing/pki.h"
#include "ike/crypto/signature_algorithm.h"
#include "ike/wire/auth_data.h"

namespace espalier::ike::crypto::nss {
namespace {

using testing::HasSubstr;
using wire::AuthMethod;

std::shared_ptr<const Certificate> certificate_of(const std::string& name) {
  auto blocks = decode_pem(pem(name));
  EXPECT_TRUE(blocks);
  auto certificate = decode_certificate(blocks->front().data.view());
  EXPECT_TRUE(certificate) << certificate.error().to_string();
  return *certificate;
}

Bytes auth_data_of(ByteView identifier, ByteView signature) {
  return *wire::encode_signature_auth(identifier, signature);
}

Result<Signature> sign_as(const std::string& name, const std::vector<HashId>& hashes) {
  const CredentialId id = credential_of(name);
  Outcome outcome = shared_provider().run(Sign{id, hashes, kOctets});
  shared_provider().remove(id);
  if (auto* error = std::get_if<Error>(&outcome)) return tl::unexpected<Error>(*error);
  return std::get<Signature>(outcome);
}

TEST(Verify, TakesWhatOpensslSigned) {
  int checked = 0;
  for (const Vector& vector : read_vectors("../certificates/signatures.txt")) {
    const auto certificate = certificate_of(to_text(vector["certificate"]));
    const Bytes data = auth_data_of(vector["identifier"], vector["signature"]);
    const auto good = verify(*certificate, AuthMethod::kDigitalSignature, data, vector["octets"]);
    EXPECT_TRUE(good) << vector.name() << " " << good.error().sentence;
    Bytes changed = data;
    changed.back() ^= 1;
    EXPECT_FALSE(verify(*certificate, AuthMethod::kDigitalSignature, changed, vector["octets"]));
    Bytes other = vector["octets"];
    other.front() ^= 1;
    EXPECT_FALSE(verify(*certificate, AuthMethod::kDigitalSignature, data, other));
    ++checked;
  }
  EXPECT_EQ(checked, 21);
}

// Bleichenbacher's forgery against exponent 3 and its relatives: PKCS #1 v1.5 is verified to the
// last octet.
TEST(Verify, RefusesPkcs1Forgeries) {
  const auto certificate = certificate_of("node6");
  const Bytes identifier = algorithm_identifier({SignatureScheme::kRsaPkcs1, HashId::kSha2_256});
  int refused = 0;
  for (const Vector& vector : read_vectors("../certificates/forgeries.txt")) {
    const std::string name = to_text(vector["name"]);
    const auto result = verify(*certificate, AuthMethod::kDigitalSignature,
                               auth_data_of(identifier, vector["signature"]), vector["octets"]);
    EXPECT_EQ(result.has_value(), name == "genuine") << name;
    if (!result) {
      EXPECT_EQ(result.error().reason, RefusalReason::kBadSignature);
      ++refused;
    }
  }
  EXPECT_GT(refused, 12);
}

TEST(Verify, HoldsTheAlgorithmToTheSignature) {
  const auto rsa = certificate_of("node4");
  const auto ecdsa = certificate_of("node1");
  for (const Vector& vector : read_vectors("../certificates/signatures.txt")) {
    const auto genuine = find_signature_algorithm(vector["identifier"]);
    ASSERT_TRUE(genuine);
    const auto certificate = certificate_of(to_text(vector["certificate"]));
    for (const SignatureScheme scheme :
         {SignatureScheme::kRsaPkcs1, SignatureScheme::kRsaPss, SignatureScheme::kEcdsa}) {
      for (const HashId hash : kAllHashes) {
        const SignatureAlgorithm claimed{scheme, hash};
        const auto result = verify(*certificate, AuthMethod::kDigitalSignature,
                                   auth_data_of(algorithm_identifier(claimed), vector["signature"]),
                                   vector["octets"]);
        EXPECT_EQ(result.has_value(), claimed == *genuine) << vector.name() << to_string(claimed);
      }
    }
  }
}

TEST(Verify, RefusesUnknownAlgorithmsAndMethods) {
  const auto certificate = certificate_of("node1");
  // ecdsa-with-SHA1, sha1WithRSAEncryption, Ed25519.
  for (const char* identifier :
       {"300906072a8648ce3d0401", "300d06092a864886f70d0101050500", "300506032b6570"}) {
    const auto result = verify(*certificate, AuthMethod::kDigitalSignature,
                               auth_data_of(*from_hex(identifier), Bytes(70, 1)), kOctets);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().reason, RefusalReason::kUnsupportedAlgorithm);
    EXPECT_THAT(result.error().sentence, HasSubstr(identifier));
  }
  for (const AuthMethod method :
       {AuthMethod::kRsaDigitalSignature, AuthMethod::kDssDigitalSignature,
        AuthMethod::kSharedKeyMic, AuthMethod::kNull, static_cast<AuthMethod>(250)}) {
    const auto result = verify(*certificate, method, Bytes(64, 1), kOctets);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().reason, RefusalReason::kUnsupportedAlgorithm);
  }
}

TEST(Verify, RefusesMalformedAuthData) {
  const auto certificate = certificate_of("node1");
  for (const Bytes& data : {Bytes{}, Bytes{5}, Bytes{2, 1, 1}, Bytes{0, 1, 1}, Bytes(5000, 1)}) {
    const auto result = verify(*certificate, AuthMethod::kDigitalSignature, data, kOctets);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().reason, RefusalReason::kMalformed) << data.size();
  }
  const Bytes identifier = algorithm_identifier({SignatureScheme::kEcdsa, HashId::kSha2_256});
  for (const char* signature :
       {"00", "3000", "30060201000201", "3006020100020100", "30060201010201ff", "ffffffff",
        "3046022100ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff022100ffffffffff"
        "ff"
        "ffffffffffffffffffffffffffffffffffffffffffffffffffff"}) {
    const auto result = verify(*certificate, AuthMethod::kDigitalSignature,
                               auth_data_of(identifier, *from_hex(signature)), kOctets);
    ASSERT_FALSE(result) << signature;
    EXPECT_EQ(result.error().reason, RefusalReason::kBadSignature);
  }
}

TEST(Sign, ChoosesTheHashForTheKeyAndThePeer) {
  struct Row {
    const char* name;
    std::vector<HashId> taken;
    SignatureAlgorithm chosen;
  };
  const std::vector<HashId> only512 = {HashId::kIdentity, HashId::kSha2_512};
  const std::vector<HashId> only256 = {HashId::kSha2_256};
  for (const Row& row : {
           Row{"node1", kAllHashes, {SignatureScheme::kEcdsa, HashId::kSha2_256}},
           Row{"node2", kAllHashes, {SignatureScheme::kEcdsa, HashId::kSha2_384}},
           Row{"node3", kAllHashes, {SignatureScheme::kEcdsa, HashId::kSha2_512}},
           Row{"node4", kAllHashes, {SignatureScheme::kRsaPss, HashId::kSha2_256}},
           Row{"node1", only512, {SignatureScheme::kEcdsa, HashId::kSha2_512}},
           Row{"node3", only256, {SignatureScheme::kEcdsa, HashId::kSha2_256}},
           Row{"node5", only512, {SignatureScheme::kRsaPss, HashId::kSha2_512}},
       }) {
    auto signature = sign_as(row.name, row.taken);
    ASSERT_TRUE(signature) << signature.error().to_string();
    EXPECT_EQ(signature->method, AuthMethod::kDigitalSignature);
    const auto parts = wire::decode_signature_auth(signature->auth_data);
    ASSERT_TRUE(parts);
    EXPECT_EQ(to_hex(parts->algorithm), to_hex(algorithm_identifier(row.chosen))) << row.name;
    EXPECT_TRUE(
        verify(*certificate_of(row.name), signature->method, signature->auth_data, kOctets));
  }
}

TEST(Sign, WithoutCommonHashThereIsNoSignature) {
  for (const char* name : {"node1", "node4"}) {
    auto signature = sign_as(name, {HashId::kIdentity});
    ASSERT_FALSE(signature);
    EXPECT_EQ(signature.error().code, Code::kUnsupported);
  }
}

// RFC 4754 for peers without SIGNATURE_HASH_ALGORITHMS: raw r | s; RSA would mean SHA-1.
TEST(Sign, FallsBackToRfc4754ForEcdsaOnly) {
  struct Row {
    const char* name;
    AuthMethod method;
    std::size_t size;
  };
  for (const Row& row : {Row{"node1", AuthMethod::kEcdsaSha256P256, 64},
                         Row{"node2", AuthMethod::kEcdsaSha384P384, 96},
                         Row{"node3", AuthMethod::kEcdsaSha512P521, 132}}) {
    auto signature = sign_as(row.name, {});
    ASSERT_TRUE(signature) << signature.error().to_string();
    EXPECT_EQ(signature->method, row.method);
    EXPECT_EQ(signature->auth_data.size(), row.size);
    const auto certificate = certificate_of(row.name);
    EXPECT_TRUE(verify(*certificate, row.method, signature->auth_data, kOctets));
    Bytes longer = signature->auth_data;
    longer.push_back(0);
    EXPECT_FALSE(verify(*certificate, row.method, longer, kOctets));
    Bytes changed = signature->auth_data;
    changed[row.size / 2] ^= 1;
    EXPECT_FALSE(verify(*certificate, row.method, changed, kOctets));
    for (const Row& other : {Row{"node1", AuthMethod::kEcdsaSha256P256, 64},
                             Row{"node2", AuthMethod::kEcdsaSha384P384, 96},
                             Row{"node3", AuthMethod::kEcdsaSha512P521, 132}}) {
      if (other.method == row.method) continue;
      EXPECT_FALSE(verify(*certificate, other.method, signature->auth_data, kOctets));
    }
    EXPECT_FALSE(verify(*certificate_of("node4"), row.method, signature->auth_data, kOctets));
  }
  auto rsa = sign_as("node4", {});
  ASSERT_FALSE(rsa);
  EXPECT_EQ(rsa.error().code, Code::kUnsupported);
  EXPECT_THAT(rsa.error().detail, HasSubstr("SHA-1"));
}

TEST(Sign, NeedsAKnownCredential) {
  const Outcome outcome =
      shared_provider().run(Sign{static_cast<CredentialId>(4711), kAllHashes, kOctets});
  ASSERT_TRUE(std::holds_alternative<Error>(outcome));
  EXPECT_EQ(std::get<Error>(outcome).code, Code::kNotFound);
}

}  // namespace
}  // namespace espalier::ike::crypto::nss
