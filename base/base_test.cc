#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/ip.h"
#include "base/result.h"
#include "base/secret_bytes.h"
#include "base/time_text.h"

namespace espalier {
namespace {

TEST(IpAddress, ParsesOneSpellingOnly) {
  EXPECT_EQ(IpAddress::parse("192.0.2.1")->to_string(), "192.0.2.1");
  EXPECT_EQ(IpAddress::parse("2001:DB8:0::1")->to_string(), "2001:db8::1");
  for (const char* bad :
       {"", " 1.2.3.4", "1.2.3", "1.2.3.04", "fe80::1%eth0", "1.2.3.4/32", "::g"}) {
    EXPECT_FALSE(IpAddress::parse(bad)) << bad;
  }
  EXPECT_FALSE(IpAddress::parse(std::string_view("192.0.2.1\0x", 11)));
}

TEST(IpAddress, NextCarriesAndWraps) {
  EXPECT_EQ(IpAddress::parse("10.0.0.255")->next().to_string(), "10.0.1.0");
  EXPECT_EQ(IpAddress::parse("255.255.255.255")->next().to_string(), "0.0.0.0");
  EXPECT_EQ(IpAddress::parse("2001:db8::ffff")->next().to_string(), "2001:db8::1:0");
}

TEST(Prefix, RefusesHostBitsAndBadLengths) {
  EXPECT_EQ(Prefix::parse("10.244.0.0/16")->to_string(), "10.244.0.0/16");
  EXPECT_EQ(Prefix::parse("::/0")->to_string(), "::/0");
  for (const char* bad :
       {"10.244.0.1/16", "10.0.0.0", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/-1", "::/129", "/8"}) {
    EXPECT_FALSE(Prefix::parse(bad)) << bad;
  }
}

TEST(Prefix, ContainsAndOverlapsWithinOneFamilyOnly) {
  const Prefix outer = *Prefix::parse("10.0.0.0/8");
  EXPECT_TRUE(outer.contains(*Prefix::parse("10.1.0.0/16")));
  EXPECT_FALSE(Prefix::parse("10.1.0.0/16")->contains(outer));
  EXPECT_TRUE(Prefix::parse("10.1.0.0/16")->overlaps(outer));
  EXPECT_FALSE(Prefix::parse("::/0")->contains(*IpAddress::parse("10.0.0.1")));
  EXPECT_FALSE(Prefix::parse("0.0.0.0/0")->overlaps(*Prefix::parse("::/0")));
  EXPECT_EQ(outer.last().to_string(), "10.255.255.255");
}

TEST(Endpoint, WritesBracketsForIpv6) {
  EXPECT_EQ((Endpoint{*IpAddress::parse("192.0.2.1"), 500}).to_string(), "192.0.2.1:500");
  EXPECT_EQ((Endpoint{*IpAddress::parse("2001:db8::1"), 4500}).to_string(), "[2001:db8::1]:4500");
}

TEST(Bytes, HexRoundTripAndConstantTimeEquality) {
  const Bytes bytes = {0x00, 0x0f, 0xff};
  EXPECT_EQ(to_hex(bytes), "000fff");
  EXPECT_EQ(from_hex("000FfF"), bytes);
  EXPECT_FALSE(from_hex("0"));
  EXPECT_FALSE(from_hex("0g"));
  EXPECT_TRUE(ct_equal(bytes, *from_hex("000fff")));
  EXPECT_FALSE(ct_equal(bytes, *from_hex("000ffe")));
  EXPECT_FALSE(ct_equal(bytes, *from_hex("000f")));
}

TEST(SecretBytes, MovesAndSlices) {
  SecretBytes secret(*from_hex("0102030405"));
  EXPECT_EQ(to_hex(secret.slice(1, 3).view()), "020304");
  EXPECT_EQ(secret.slice(4, 9).size(), 1U);
  EXPECT_TRUE(secret.slice(9, 1).empty());
  const SecretBytes moved = std::move(secret);
  EXPECT_TRUE(secret.empty());  // NOLINT(bugprone-use-after-move): the guarantee under test
  EXPECT_EQ(to_hex(moved.copy().view()), "0102030405");
}

TEST(TimeText, IsAsRfc3339HasIt) {
  const auto text = [](long seconds) { return time_text(WallTime(std::chrono::seconds(seconds))); };
  EXPECT_EQ(text(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(text(-1), "1969-12-31T23:59:59Z");
  EXPECT_EQ(text(951782400), "2000-02-29T00:00:00Z");
  EXPECT_EQ(text(1795521600), "2026-11-24T12:00:00Z");
  EXPECT_EQ(text(253402300799), "9999-12-31T23:59:59Z");
}

TEST(Result, WithinPutsTheOuterPlaceFirst) {
  Result<int> failed = fail(Code::kTruncated, "selector[1]", "needs 8 bytes, 3 left");
  const Result<std::string> outer = within("TSi", failed);
  EXPECT_EQ(outer.error().to_string(), "TSi.selector[1]: needs 8 bytes, 3 left");
}

}  // namespace
}  // namespace espalier
