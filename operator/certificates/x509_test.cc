#include "operator/certificates/x509.h"

#include <chrono>

#include <gtest/gtest.h>

#include "base/time_text.h"
#include "ike/crypto/der.h"

namespace espalier::certificates {
namespace {

namespace der = ike::crypto::der;
using std::chrono::seconds;

std::optional<WallTime> read_back(WallTime time) {
  const Bytes bytes = encode_time(time);
  der::Reader reader(bytes);
  const auto item = reader.next();
  return item ? decode_time(item->tag, item->content) : std::nullopt;
}

TEST(X509Time, IsUtcTimeTo2049AndGeneralizedTimeAfter) {
  const WallTime last_utc{seconds(2524607999)};  // 2049-12-31T23:59:59Z
  EXPECT_EQ(to_text(ByteView(encode_time(last_utc)).subspan(2)), "491231235959Z");
  EXPECT_EQ(to_text(ByteView(encode_time(last_utc + seconds(1))).subspan(2)), "20500101000000Z");
  for (const auto at : {0L, 951782399L, 951782400L, 2524607999L, 2524608000L, 4102444800L}) {
    EXPECT_EQ(read_back(WallTime{seconds(at)}), WallTime{seconds(at)}) << at;
  }
  // RFC 5280's "no end", and what would be beyond it.
  EXPECT_EQ(to_text(ByteView(encode_time(WallTime{seconds(999999999999)})).subspan(2)),
            "99991231235959Z");
}

TEST(X509Time, TakesNothingElse) {
  const auto utc = [](std::string_view text) { return decode_time(0x17, as_bytes(text)); };
  EXPECT_TRUE(utc("240229000000Z"));
  for (const char* bad : {"", "Z", "2402290000Z", "240230000000Z", "241301000000Z", "240229240000Z",
                          "240229000060Z", "240229000000+0000", "24022900000aZ", "-40229000000Z"}) {
    EXPECT_FALSE(utc(bad)) << bad;
  }
  EXPECT_FALSE(decode_time(0x18, as_bytes("240229000000Z")));
  EXPECT_TRUE(decode_time(0x18, as_bytes("20500101000000Z")));
  EXPECT_FALSE(decode_time(0x04, as_bytes("20500101000000Z")));
}

TEST(X509Time, IsReadByPeopleAsKubernetesWritesIt) {
  EXPECT_EQ(time_text(WallTime{seconds(1795521600)}), "2026-11-24T12:00:00Z");
  EXPECT_EQ(parse_time_text("2026-11-24T12:00:00Z"), WallTime{seconds(1795521600)});
  for (const char* bad :
       {"", "2026-11-24", "2026-11-24T12:00:00", "2026-11-24T12:00:00z", "2026-11-24 12:00:00Z",
        "2026-02-30T12:00:00Z", "2026-11-24T12:00:00ZZ"}) {
    EXPECT_FALSE(parse_time_text(bad)) << bad;
  }
}

TEST(X509Name, ReadsBack) {
  for (const Name& name :
       {Name{"espalier.io", "node1"}, Name{"", "node1"}, Name{"o", ""}, Name{}}) {
    auto read = decode_name(encode_name(name), "subject");
    ASSERT_TRUE(read) << read.error().to_string();
    EXPECT_EQ(*read, name);
  }
}

TEST(X509, DnsNamesAreLowerCaseLabels) {
  for (const char* good : {"a", "node1", "node1.nodes.example.com", "1.2.3", "a-b.c"}) {
    EXPECT_TRUE(is_dns_name(good)) << good;
  }
  for (const std::string& bad :
       {std::string(), std::string("."), std::string("a."), std::string(".a"), std::string("a..b"),
        std::string("A"), std::string("a_b"), std::string("-a"), std::string("a-"),
        std::string("a-.b"), std::string("*.a"), std::string("a b"), std::string(64, 'a'),
        std::string("a\0b", 3)}) {
    EXPECT_FALSE(is_dns_name(bad)) << bad;
  }
  const std::string label(63, 'a');
  const std::string three = label + "." + label + "." + label + ".";
  EXPECT_TRUE(is_dns_name(three + std::string(61, 'a')));
  EXPECT_FALSE(is_dns_name(three + std::string(62, 'a')));
}

}  // namespace
}  // namespace espalier::certificates
