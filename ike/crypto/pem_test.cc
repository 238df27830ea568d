#include "ike/crypto/pem.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ike/crypto/der.h"
#include "ike/crypto/signature_algorithm.h"

namespace espalier::ike::crypto {
namespace {

using testing::HasSubstr;

TEST(Pem, WrittenReadsBackInLinesOf64) {
  for (const std::size_t size : {0U, 1U, 47U, 48U, 49U, 96U, 200U}) {
    Bytes data(size);
    for (std::size_t i = 0; i < size; ++i) data[i] = static_cast<std::uint8_t>(i * 7);
    const std::string text = to_text(encode_pem("A KEY", data).view());
    auto blocks = decode_pem(text);
    ASSERT_TRUE(blocks) << size;
    ASSERT_EQ(blocks->size(), 1U);
    EXPECT_EQ(blocks->front().label, "A KEY");
    EXPECT_TRUE(equal(blocks->front().data.view(), data));
  }
  EXPECT_EQ(to_text(encode_pem("A", Bytes(49)).view()),
            "-----BEGIN A-----\n" + std::string(64, 'A') + "\nAA==\n-----END A-----\n");
}

TEST(Pem, ReadsBlocksAndSkipsWhatIsAround) {
  auto blocks = decode_pem(
      "Bag Attributes: none\n-----BEGIN A-----\nZm9v\n-----END A-----\nbetween\n"
      "-----BEGIN LONG LABEL-----\nYmFy\n-----END LONG LABEL-----");
  ASSERT_TRUE(blocks);
  ASSERT_EQ(blocks->size(), 2U);
  EXPECT_EQ((*blocks)[0].label, "A");
  EXPECT_EQ(to_text((*blocks)[0].data.view()), "foo");
  EXPECT_EQ((*blocks)[1].label, "LONG LABEL");
}

TEST(Pem, ErrorsSayWhatIsWrong) {
  struct Row {
    const char* text;
    const char* says;
  };
  for (const Row& row :
       {Row{"", "is not PEM (no"}, Row{"-----BEGIN", "is not PEM (no"},
        Row{"-----BEGIN A", "is not PEM (no"},
        Row{"-----BEGIN A-----\nZm9v", "the block \"A\" does not end"},
        Row{"-----BEGIN A-----\nZm9v\n-----END B-----", "the block \"A\" does not end"},
        Row{"-----BEGIN A-----\nZ\n-----END A-----", "the block \"A\" ends in the middle"},
        Row{"-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\n\nZm9v\n-----END A-----",
            "is encrypted"}}) {
    auto blocks = decode_pem(row.text);
    ASSERT_FALSE(blocks) << row.text;
    EXPECT_THAT(blocks.error().detail, HasSubstr(row.says));
  }
}

// RFC 7427 appendix A prints these.
TEST(SignatureAlgorithm, WritesTheRfcsOctets) {
  EXPECT_EQ(to_hex(algorithm_identifier({SignatureScheme::kRsaPkcs1, HashId::kSha2_256})),
            "300d06092a864886f70d01010b0500");
  EXPECT_EQ(to_hex(algorithm_identifier({SignatureScheme::kRsaPkcs1, HashId::kSha2_384})),
            "300d06092a864886f70d01010c0500");
  EXPECT_EQ(to_hex(algorithm_identifier({SignatureScheme::kRsaPkcs1, HashId::kSha2_512})),
            "300d06092a864886f70d01010d0500");
  EXPECT_EQ(to_hex(algorithm_identifier({SignatureScheme::kEcdsa, HashId::kSha2_256})),
            "300a06082a8648ce3d040302");
  EXPECT_EQ(to_hex(algorithm_identifier({SignatureScheme::kEcdsa, HashId::kSha2_384})),
            "300a06082a8648ce3d040303");
  EXPECT_EQ(to_hex(algorithm_identifier({SignatureScheme::kEcdsa, HashId::kSha2_512})),
            "300a06082a8648ce3d040304");
  EXPECT_EQ(
      to_hex(algorithm_identifier({SignatureScheme::kRsaPss, HashId::kSha2_256})),
      "304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864886f70d"
      "010108300d06096086480165030402010500a203020120");
}

TEST(SignatureAlgorithm, KnowsEveryFormOfAKnownAlgorithm) {
  for (const HashId hash : {HashId::kSha2_256, HashId::kSha2_384, HashId::kSha2_512}) {
    for (const SignatureScheme scheme :
         {SignatureScheme::kRsaPkcs1, SignatureScheme::kRsaPss, SignatureScheme::kEcdsa}) {
      const SignatureAlgorithm algorithm{scheme, hash};
      EXPECT_EQ(find_signature_algorithm(algorithm_identifier(algorithm)), algorithm);
    }
  }
  // SHA2-256 without NULL in hash and mask, the trailer field written out; RSA without NULL.
  EXPECT_EQ(
      find_signature_algorithm(*from_hex(
          "304206092a864886f70d01010a3035a00d300b0609608648016503040201a11a301806092a864886f70d0101"
          "08300b0609608648016503040201a203020120a303020101")),
      (SignatureAlgorithm{SignatureScheme::kRsaPss, HashId::kSha2_256}));
  EXPECT_EQ(find_signature_algorithm(*from_hex("300b06092a864886f70d01010b")),
            (SignatureAlgorithm{SignatureScheme::kRsaPkcs1, HashId::kSha2_256}));
}

TEST(SignatureAlgorithm, TakesNothingElse) {
  const Bytes good = algorithm_identifier({SignatureScheme::kRsaPss, HashId::kSha2_256});
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const int bit : {0, 3, 7}) {
      Bytes changed = good;
      changed[i] = static_cast<std::uint8_t>(changed[i] ^ 1 << bit);
      EXPECT_FALSE(find_signature_algorithm(changed)) << i;
    }
  }
  for (const char* other : {
           "",
           "300906072a8648ce3d0401",          // ecdsa-with-SHA1
           "300d06092a864886f70d0101050500",  // sha1WithRSAEncryption
           "300d06092a864886f70d01010a3000",  // PSS with defaults, which are SHA-1
           "300506032b6570",                  // Ed25519
           "300c06082a8648ce3d0403020500",    // ecdsa-with-SHA256 with parameters
       }) {
    EXPECT_FALSE(find_signature_algorithm(*from_hex(other))) << other;
  }
}

TEST(PublicPoint, IsPutInWhereItIsMissing) {
  const Bytes algorithm = der::encode(
      der::kSequence, {*from_hex("06072a8648ce3d0201"), *from_hex("06082a8648ce3d030107")});
  const Bytes without = der::encode(
      der::kSequence, {*from_hex("020101"), der::encode(der::kOctetString, Bytes(32, 5))});
  const Bytes key = der::encode(
      der::kSequence, {*from_hex("020100"), algorithm, der::encode(der::kOctetString, without)});
  auto whole = with_public_point(key, Bytes(65, 4));
  ASSERT_TRUE(whole);
  EXPECT_THAT(to_hex(whole->view()), HasSubstr("a144034200" + to_hex(Bytes(65, 4))));
  EXPECT_FALSE(with_public_point(whole->view(), Bytes(65, 4))) << "it has one";
  EXPECT_FALSE(with_public_point({}, Bytes(65, 4)));
}

}  // namespace
}  // namespace espalier::ike::crypto
