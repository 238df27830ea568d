#include "ike/crypto/suite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier::ike::crypto {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(IkeProposal, ReadsOneOfEachKind) {
  const auto proposal = parse_ike_proposal("aes256gcm16-prfsha384-ecp384");
  ASSERT_TRUE(proposal) << proposal.error().to_string();
  EXPECT_THAT(proposal->encr, ElementsAre(EncrSpec{EncrId::kAesGcm16, 256}));
  EXPECT_THAT(proposal->prf, ElementsAre(PrfId::kHmacSha2_384));
  EXPECT_THAT(proposal->integ, IsEmpty());
  EXPECT_THAT(proposal->dh, ElementsAre(DhId::kEcp384));
}

TEST(IkeProposal, KeepsAlternativesInTheOrderWritten) {
  const auto proposal = parse_ike_proposal("aes256gcm16-aes128gcm16-prfsha384-ecp384-ecp256");
  ASSERT_TRUE(proposal);
  EXPECT_THAT(proposal->encr,
              ElementsAre(EncrSpec{EncrId::kAesGcm16, 256}, EncrSpec{EncrId::kAesGcm16, 128}));
  EXPECT_THAT(proposal->dh, ElementsAre(DhId::kEcp384, DhId::kEcp256));
}

TEST(IkeProposal, DerivesThePrfFromIntegrity) {
  const auto cbc = parse_ike_proposal("aes256-sha256-modp2048");
  ASSERT_TRUE(cbc);
  EXPECT_THAT(cbc->integ, ElementsAre(IntegId::kHmacSha2_256_128));
  EXPECT_THAT(cbc->prf, ElementsAre(PrfId::kHmacSha2_256));
  const auto libreswan = parse_ike_proposal("aes_gcm256-sha2_512-dh31");
  ASSERT_TRUE(libreswan);
  EXPECT_THAT(libreswan->integ, IsEmpty());
  EXPECT_EQ(to_string(*libreswan), "aes256gcm16-prfsha512-curve25519");
}

TEST(IkeProposal, RoundTripsThroughCanonicalKeywords) {
  for (const char* text :
       {"aes256gcm16-prfsha384-ecp384", "chacha20poly1305-prfsha256-curve25519",
        "aes128gcm16-prfsha256-ecp256", "aes256-aes192-aes128-sha512-sha384-prfsha512-modp4096",
        "aes192gcm16-prfsha512-prfsha384-prfsha256-ecp521-modp3072-modp2048"}) {
    const auto proposal = parse_ike_proposal(text);
    ASSERT_TRUE(proposal) << proposal.error().to_string();
    EXPECT_EQ(to_string(*proposal), text);
  }
  EXPECT_EQ(to_string(*parse_ike_proposal("aes256-sha256-modp2048")),
            "aes256-sha256-prfsha256-modp2048");
}

TEST(IkeProposal, ErrorsNameTheKeywordAndWhatIsAllowed) {
  struct Row {
    const char* text;
    const char* says;
    const char* lists;
  };
  for (const Row& row : {
           Row{"aes256gcm16-prfsha1-ecp384", "unknown algorithm \"prfsha1\"", "prfsha384"},
           Row{"aes256gcm16-prfsha384-modp1024", "unknown algorithm \"modp1024\"", "modp2048"},
           Row{"3des-sha256-modp2048", "unknown algorithm \"3des\"", "aes256gcm16"},
           Row{"AES256GCM16-prfsha384-ecp384", "unknown algorithm \"AES256GCM16\"", "aes256gcm16"},
           Row{"", "empty keyword", "aes256gcm16"},
           Row{"aes256gcm16--ecp384", "empty keyword", "aes256gcm16"},
           Row{"aes256gcm16-prfsha384-ecp384-", "empty keyword", "aes256gcm16"},
           Row{"prfsha384-ecp384", "names no cipher", "chacha20poly1305"},
           Row{"aes256gcm16-ecp384", "names no PRF", "prfsha512"},
           Row{"aes256gcm16-prfsha384", "names no key exchange", "curve25519"},
           Row{"aes256-prfsha256-ecp256", "names no integrity", "sha512"},
           Row{"aes256gcm16-aes256-sha256-ecp256", "mixes aes256gcm16 and aes256", "write two"},
           Row{"aes256gcm16-sha256-prfsha256-ecp256", "brings its own integrity", "sha256"},
           Row{"aes256gcm16-aes_gcm256-prfsha256-ecp256", "twice", "aes_gcm256"},
       }) {
    const auto proposal = parse_ike_proposal(row.text);
    ASSERT_FALSE(proposal) << row.text;
    EXPECT_THAT(proposal.error().detail, AllOf(HasSubstr(row.says), HasSubstr(row.lists)));
  }
}

TEST(EspProposal, ReadsAndRoundTrips) {
  for (const char* text : {"aes256gcm16", "aes256gcm16-aes128gcm16", "aes256-sha256",
                           "aes256-aes128-sha512-sha256", "chacha20poly1305"}) {
    const auto proposal = parse_esp_proposal(text);
    ASSERT_TRUE(proposal) << proposal.error().to_string();
    EXPECT_EQ(to_string(*proposal), text);
    EXPECT_THAT(proposal->dh, IsEmpty());
  }
}

TEST(EspProposal, TakesNoGroupNoPrfAndNoIntegrityBesideAead) {
  EXPECT_THAT(parse_esp_proposal("aes256gcm16-ecp384").error().detail,
              AllOf(HasSubstr("\"ecp384\""), HasSubstr("pfs")));
  EXPECT_FALSE(parse_esp_proposal("aes256gcm16-prfsha384"));
  EXPECT_FALSE(parse_esp_proposal("aes256gcm16-sha256"));
  EXPECT_FALSE(parse_esp_proposal("aes256"));
  EXPECT_FALSE(parse_esp_proposal("sha256"));
}

TEST(Suite, FindsOnlyWhatIsSupported) {
  EXPECT_EQ(find_encr(20, 256), (EncrSpec{EncrId::kAesGcm16, 256}));
  EXPECT_EQ(find_encr(12, 192), (EncrSpec{EncrId::kAesCbc, 192}));
  EXPECT_EQ(find_encr(28, std::nullopt), (EncrSpec{EncrId::kChaCha20Poly1305, 256}));
  EXPECT_FALSE(find_encr(20, std::nullopt));  // RFC 7296 section 3.3.5: required for AES
  EXPECT_FALSE(find_encr(20, 257));
  EXPECT_FALSE(find_encr(28, 256));  // RFC 7634 section 4: none for ChaCha20-Poly1305
  EXPECT_FALSE(find_encr(19, 256));  // AES-GCM with a 12-octet ICV
  EXPECT_FALSE(find_encr(3, std::nullopt));
  for (std::uint16_t id = 0; id < 64; ++id) {
    EXPECT_EQ(find_prf(id).has_value(), id >= 5 && id <= 7) << id;
    EXPECT_EQ(find_integ(id).has_value(), id == 0 || (id >= 12 && id <= 14)) << id;
    EXPECT_EQ(find_dh(id).has_value(),
              id == 0 || (id >= 14 && id <= 16) || (id >= 19 && id <= 21) || id == 31)
        << id;
    EXPECT_EQ(find_hash(id).has_value(), id >= 2 && id <= 5) << id;
  }
}

TEST(Suite, SizesAreTheRfcs) {
  // RFC 4106 (AES-GCM in ESP), RFC 5282 (in IKE), RFC 7634, RFC 4868, RFC 3526, RFC 5903, RFC 8031.
  EXPECT_EQ(keymat_size({EncrId::kAesGcm16, 256}), 36U);
  EXPECT_EQ(keymat_size({EncrId::kAesGcm16, 128}), 20U);
  EXPECT_EQ(keymat_size({EncrId::kChaCha20Poly1305, 256}), 36U);
  EXPECT_EQ(keymat_size({EncrId::kAesCbc, 256}), 32U);
  EXPECT_EQ(iv_size(EncrId::kAesCbc), 16U);
  EXPECT_EQ(iv_size(EncrId::kAesGcm16), 8U);
  EXPECT_EQ(icv_size(EncrId::kAesGcm16, IntegId::kNone), 16U);
  EXPECT_EQ(icv_size(EncrId::kAesCbc, IntegId::kHmacSha2_256_128), 16U);
  EXPECT_EQ(icv_size(EncrId::kAesCbc, IntegId::kHmacSha2_384_192), 24U);
  EXPECT_EQ(icv_size(EncrId::kAesCbc, IntegId::kHmacSha2_512_256), 32U);
  EXPECT_EQ(public_size(DhId::kModp4096), 512U);
  EXPECT_EQ(public_size(DhId::kEcp521), 132U);
  EXPECT_EQ(shared_size(DhId::kEcp521), 66U);
  EXPECT_EQ(shared_size(DhId::kModp2048), 256U);
  EXPECT_EQ(shared_size(DhId::kCurve25519), 32U);
}

TEST(Defaults, AreWhatTheDesignSays) {
  ASSERT_THAT(default_ike_proposals(false), testing::SizeIs(1));
  EXPECT_EQ(to_string(default_ike_proposals(false)[0]),
            "aes256gcm16-prfsha384-curve25519-ecp384-ecp256");
  EXPECT_EQ(to_string(default_ike_proposals(true)[0]), "aes256gcm16-prfsha384-ecp384-ecp256");
  EXPECT_EQ(to_string(default_esp_proposals(true)[0]), "aes256gcm16-aes128gcm16");
}

TEST(Fips, NamesTheKeywordThatIsNotAllowed) {
  EXPECT_TRUE(check_fips(default_ike_proposals(true)[0]));
  EXPECT_TRUE(check_fips(default_esp_proposals(true)[0]));
  EXPECT_EQ(check_fips(default_ike_proposals(false)[0]).error().detail,
            "curve25519 is not allowed in FIPS mode; allowed: ecp256, ecp384, ecp521, modp2048, "
            "modp3072, modp4096");
  EXPECT_EQ(check_fips(*parse_esp_proposal("aes256gcm16-chacha20poly1305")).error().detail,
            "chacha20poly1305 is not allowed in FIPS mode; allowed: aes128gcm16, aes192gcm16, "
            "aes256gcm16, aes128, aes192, aes256");
  EXPECT_THAT(check_fips(*parse_ike_proposal("chacha20poly1305-prfsha256-ecp256")).error().detail,
              HasSubstr("chacha20poly1305"));
}

TEST(Suite, WritesNegotiatedSuites) {
  EXPECT_EQ(to_string(IkeSuite{}), "aes256gcm16-prfsha384-curve25519");
  EXPECT_EQ(to_string(EspSuite{{EncrId::kAesCbc, 128}, IntegId::kHmacSha2_256_128}),
            "aes128-sha256");
}

}  // namespace
}  // namespace espalier::ike::crypto
