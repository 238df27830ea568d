#include "ike/wire/identification.h"

#include <gtest/gtest.h>

namespace espalier::ike::wire {
namespace {

Identification of(IdType type, std::string_view text) {
  return {type, to_bytes(as_bytes(text))};
}

Identification address(const char* text) {
  return identification_of(IpAddress::parse(text).value());
}

TEST(Identity, IsReadAsPeopleWriteIt) {
  const struct {
    std::string_view text;
    ParsedIdentity parsed;
  } kCases[] = {
      {"192.0.2.1", address("192.0.2.1")},
      {"2001:db8::1", address("2001:db8::1")},
      {"::ffff:192.0.2.1", address("::ffff:192.0.2.1")},
      {"user@example.org", of(IdType::kRfc822Addr, "user@example.org")},
      {"@@user@example.org", of(IdType::kRfc822Addr, "user@example.org")},
      {"gw.example.org", of(IdType::kFqdn, "gw.example.org")},
      {"*.example.org", of(IdType::kFqdn, "*.example.org")},
      {"node-1", of(IdType::kFqdn, "node-1")},
      {"@gw.example.org", of(IdType::kFqdn, "gw.example.org")},
      {"@192.0.2.1", of(IdType::kFqdn, "192.0.2.1")},
      {"@#6e6f6465", of(IdType::kKeyId, "node")},
      {"keyid:#00ff", Identification{IdType::kKeyId, {0, 0xff}}},
      {"keyid:a b=c", of(IdType::kKeyId, "a b=c")},
      {"fqdn:192.0.2.1", of(IdType::kFqdn, "192.0.2.1")},
      {"dns:a=b", of(IdType::kFqdn, "a=b")},
      {"rfc822:root", of(IdType::kRfc822Addr, "root")},
      {"email:a@b", of(IdType::kRfc822Addr, "a@b")},
      {"userfqdn:a@b", of(IdType::kRfc822Addr, "a@b")},
      {"ipv4:192.0.2.1", address("192.0.2.1")},
      {"ipv4:0.0.0.0", address("0.0.0.0")},
      {"ipv6:::1", address("::1")},
      {"ipv4:#c0000201", address("192.0.2.1")},
      {"asn1dn:#3000", Identification{IdType::kDerAsn1Dn, {0x30, 0}}},
      {"C=CH, O=espalier, CN=node-1", DnText{"C=CH, O=espalier, CN=node-1"}},
      {"CN=user@example.org", DnText{"CN=user@example.org"}},
      {"asn1dn:CN=a", DnText{"CN=a"}},
      {"CN=J\xc3\xbcrg", DnText{"CN=J\xc3\xbcrg"}},
      {"%any", AnyIdentity{}},
      {"*", AnyIdentity{}},
      {"0.0.0.0", AnyIdentity{}},
      {"::", AnyIdentity{}},
      {"%null", Identification{IdType::kNull, {}}},
  };
  for (const auto& c : kCases) {
    const auto parsed = parse_identity(c.text);
    ASSERT_TRUE(parsed) << c.text << ": " << parsed.error().to_string();
    EXPECT_EQ(*parsed, c.parsed) << c.text;
  }
}

TEST(Identity, RefusesWithASentence) {
  const struct {
    std::string_view text;
    std::string_view detail;
  } kCases[] = {
      {"", "is empty"},
      {"@", "0 octets for ID_FQDN"},
      {"@@", "0 octets for ID_RFC822_ADDR"},
      {"@#", "0 octets for ID_KEY_ID"},
      {"@#6", "'6' is not hexadecimal"},
      {"keyid:", "0 octets for ID_KEY_ID"},
      {"fe80::zz", "'fe80::zz' is no IPv6 address (write keyid:fe80::zz for a key id)"},
      {"a b", "ID_FQDN holds octets that are not printable ASCII"},
      {"a b@c", "ID_RFC822_ADDR holds octets that are not printable ASCII"},
      {"n\xc3\xb6"
       "de",
       "ID_FQDN holds octets that are not printable ASCII"},
      {"ipv4:2001:db8::1", "'2001:db8::1' is no IPv4 address"},
      {"ipv4:#c00002", "3 octets for ID_IPV4_ADDR"},
      {"ipv6:192.0.2.1", "'192.0.2.1' is no IPv6 address"},
      {"asn1dn:node", "'node' is no distinguished name"},
      {"a\nb", "holds a control character"},
      {std::string_view("192.0.2.1\0", 10), "holds a control character"},
  };
  for (const auto& c : kCases) {
    const auto parsed = parse_identity(c.text);
    ASSERT_FALSE(parsed) << c.text;
    EXPECT_EQ(parsed.error(), (Error{Code::kInvalid, {}, std::string(c.detail)})) << c.text;
  }
  EXPECT_FALSE(parse_identity(std::string(kMaxIdentityText + 1, 'a')));
  EXPECT_TRUE(parse_identity(std::string(kMaxIdentityText, 'a')));
}

TEST(Identity, IsShownSoThatItReadsBack) {
  const struct {
    Identification id;
    std::string_view text;
  } kCases[] = {
      {address("192.0.2.1"), "192.0.2.1"},
      {address("2001:db8::1"), "2001:db8::1"},
      {address("0.0.0.0"), "ipv4:0.0.0.0"},
      {address("::"), "ipv6:::"},
      {of(IdType::kFqdn, "gw.example.org"), "gw.example.org"},
      {of(IdType::kFqdn, "192.0.2.1"), "fqdn:192.0.2.1"},
      {of(IdType::kFqdn, "#61"), "#61"},
      {of(IdType::kFqdn, "a=b"), "fqdn:a=b"},
      {of(IdType::kFqdn, "a b"), "fqdn:#612062"},
      {of(IdType::kFqdn, "%any"), "fqdn:%any"},
      {of(IdType::kRfc822Addr, "user@example.org"), "user@example.org"},
      {of(IdType::kRfc822Addr, "root"), "rfc822:root"},
      {of(IdType::kKeyId, "node"), "keyid:node"},
      {of(IdType::kKeyId, "#61"), "keyid:#233631"},
      {{IdType::kKeyId, {0, 0xff}}, "keyid:#00ff"},
      {{IdType::kDerAsn1Dn, {0x30, 0}}, "asn1dn:#3000"},
      {{IdType::kNull, {}}, "%null"},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(to_string(c.id), c.text);
    const auto parsed = parse_identity(to_string(c.id));
    if (c.text == "fqdn:#612062") {
      EXPECT_FALSE(parsed);
      continue;
    }
    ASSERT_TRUE(parsed) << c.text;
    EXPECT_EQ(*parsed, ParsedIdentity(c.id)) << c.text;
  }
  EXPECT_EQ(to_string({IdType::kDerAsn1Dn, {0x30, 0}}, "CN=a"), "CN=a");
  EXPECT_EQ(to_string({IdType::kDerAsn1Gn, {0x30, 0}}), "ID_DER_ASN1_GN:#3000");
  EXPECT_EQ(to_string({static_cast<IdType>(99), {1}}), "id-type-99:#01");
  EXPECT_EQ(to_string({IdType::kIpv4Addr, {1, 2}}), "ipv4:#0102");
}

TEST(Identity, ChecksWhatThePeerSends) {
  EXPECT_TRUE(check({IdType::kNull, {1, 2}}));  // RFC 7619 section 2.1
  EXPECT_TRUE(check({static_cast<IdType>(201), {}}));
  EXPECT_FALSE(check({IdType::kIpv4Addr, Bytes(16)}));
  EXPECT_FALSE(check({IdType::kIpv6Addr, Bytes(4)}));
  EXPECT_FALSE(check({IdType::kFqdn, {'a', 0, 'b'}}));
  EXPECT_FALSE(check({IdType::kDerAsn1Dn, {}}));
  EXPECT_FALSE(check({IdType::kKeyId, Bytes(kMaxIdentityText + 1)}));
}

}  // namespace
}  // namespace espalier::ike::wire
