#include <gtest/gtest.h>

#include "nodeagent/dataplane/kernel_ipsec.h"
#include "nodeagent/dataplane/ownership.h"

namespace espalier::dataplane {
namespace {

Prefix prefix(const char* text) {
  return Prefix::parse(text).value();
}

TEST(EspAlgorithm, KeySizesIncludeTheSalt) {
  const EspAlgorithm gcm{EspCipher::kAesGcm16, 256, EspIntegrity::kNone};
  EXPECT_EQ(gcm.encryption_key_size(), 36U);
  EXPECT_EQ(gcm.integrity_key_size(), 0U);
  const EspAlgorithm chacha{EspCipher::kChaCha20Poly1305, 256, EspIntegrity::kNone};
  EXPECT_EQ(chacha.encryption_key_size(), 36U);
  const EspAlgorithm cbc{EspCipher::kAesCbc, 128, EspIntegrity::kHmacSha384_192};
  EXPECT_EQ(cbc.encryption_key_size(), 16U);
  EXPECT_EQ(cbc.integrity_key_size(), 48U);
}

TEST(EspAlgorithm, OnlyWholeCombinationsAreValid) {
  EXPECT_TRUE((EspAlgorithm{EspCipher::kAesGcm16, 128, EspIntegrity::kNone}.valid()));
  EXPECT_FALSE((EspAlgorithm{EspCipher::kAesGcm16, 128, EspIntegrity::kHmacSha256_128}.valid()));
  EXPECT_FALSE((EspAlgorithm{EspCipher::kAesCbc, 128, EspIntegrity::kNone}.valid()));
  EXPECT_FALSE((EspAlgorithm{EspCipher::kAesCbc, 160, EspIntegrity::kHmacSha256_128}.valid()));
  EXPECT_FALSE((EspAlgorithm{EspCipher::kChaCha20Poly1305, 128, EspIntegrity::kNone}.valid()));
}

TEST(Selector, MatchesByPrefixProtocolAndPort) {
  const Selector rule{prefix("10.0.0.0/24"), prefix("10.0.1.0/24"), 17, 0, 500};
  EXPECT_TRUE(rule.matches({prefix("10.0.0.7/32"), prefix("10.0.1.9/32"), 17, 4711, 500}));
  EXPECT_FALSE(rule.matches({prefix("10.0.0.7/32"), prefix("10.0.1.9/32"), 17, 4711, 501}));
  EXPECT_FALSE(rule.matches({prefix("10.0.0.7/32"), prefix("10.0.1.9/32"), 6, 4711, 500}));
  EXPECT_FALSE(rule.matches({prefix("10.0.2.7/32"), prefix("10.0.1.9/32"), 17, 4711, 500}));
  EXPECT_FALSE(rule.matches({prefix("2001:db8::/128"), prefix("2001:db8::1/128"), 17, 1, 500}));
  EXPECT_EQ(rule.reversed(), (Selector{prefix("10.0.1.0/24"), prefix("10.0.0.0/24"), 17, 500, 0}));
  const Selector echo{prefix("10.0.0.0/24"), prefix("10.0.1.0/24"), 1, 8, 0};
  EXPECT_EQ(echo.reversed(), (Selector{echo.destination, echo.source, 1, 8, 0}));
  EXPECT_EQ(rule.to_string(), "10.0.0.0/24 -> 10.0.1.0/24 proto 17 ports 0 -> 500");
}

TEST(Ownership, IndexCarriesTheDirectionInItsLowBits) {
  for (const auto direction : {Direction::kIn, Direction::kOut, Direction::kForward}) {
    for (const std::uint32_t slot : {0U, 1U, kIndexSlots - 1}) {
      const auto index = index_of(slot, direction);
      EXPECT_TRUE(owns_index(index));
      EXPECT_EQ(index & 7U, static_cast<std::uint32_t>(direction));
    }
  }
  EXPECT_NE(index_of(1, Direction::kIn), index_of(2, Direction::kIn));
  EXPECT_EQ(index_of(kIndexSlots, Direction::kIn), index_of(0, Direction::kIn));
}

TEST(Ownership, ByReqidOrIndex) {
  Policy policy{{prefix("10.0.0.0/24"), prefix("10.0.1.0/24")}};
  EXPECT_FALSE(owns(policy));
  policy.index = index_of(5, Direction::kOut);
  EXPECT_TRUE(owns(policy));
  policy.index = 8;
  policy.transform = Template{};
  policy.transform->reqid = kReqidLast;
  EXPECT_TRUE(owns(policy));
  policy.transform->reqid = kReqidLast + 1;
  EXPECT_FALSE(owns(policy));
}

}  // namespace
}  // namespace espalier::dataplane
