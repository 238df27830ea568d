// DER, distinguished names, subjectAltName and the comparison of identities.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ike/crypto/der.h"
#include "ike/crypto/distinguished_name.h"
#include "ike/crypto/identity_proof.h"

namespace espalier::ike::crypto {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using wire::Identification;
using wire::IdType;

Bytes hex(std::string_view text) {
  return *from_hex(text);
}

TEST(Der, ReadsItemAfterItem) {
  const Bytes bytes = hex("0201050400300305000500");
  der::Reader reader(bytes);
  EXPECT_EQ(to_hex(*reader.content(der::kInteger)), "05");
  EXPECT_TRUE(reader.content(der::kOctetString)->empty());
  const auto sequence = reader.next();
  ASSERT_TRUE(sequence);
  EXPECT_EQ(to_hex(sequence->whole), "3003050005");
  EXPECT_FALSE(reader.at_end());
  EXPECT_FALSE(reader.next()) << "a tag alone";
  EXPECT_FALSE(reader.at_end());
  EXPECT_FALSE(reader.next());
}

TEST(Der, RefusesWhatIsNotDer) {
  for (const char* bad : {
           "",            // nothing
           "30",          // no length
           "3002",        // cut short
           "3080050000",  // indefinite
           "308100",      // a short length in the long form
           "30817f",      // likewise
           "3082007f",    // a leading zero
           "308400000001ff",
           "1f8101",  // a tag of two octets
           "30ff",
       }) {
    const Bytes bytes = hex(bad);
    EXPECT_FALSE(der::Reader(bytes).next()) << bad;
  }
  EXPECT_FALSE(der::only(hex("050000"), der::kNull)) << "more than one item";
  EXPECT_FALSE(der::only(hex("0500"), der::kInteger));
  EXPECT_TRUE(der::only(hex("0500"), der::kNull));
}

TEST(Der, WritesWhatItReads) {
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{127}, std::size_t{128}, std::size_t{255}, std::size_t{256},
        std::size_t{65535}, std::size_t{65536}}) {
    const Bytes content(size, 7);
    const Bytes encoded = der::encode(der::kOctetString, content);
    const auto back = der::only(encoded, der::kOctetString);
    ASSERT_TRUE(back) << size;
    EXPECT_EQ(to_bytes(*back), content);
  }
  EXPECT_EQ(to_hex(der::encode(der::kSequence, {hex("0500"), Bytes{}, hex("020101")})),
            "30050500020101");
}

TEST(DistinguishedName, EncodesAsOpensslDoes) {
  // openssl req -subj "/C=CH/O=Espalier Test/CN=node1", the subject out of the certificate; OpenSSL
  // writes UTF8String where this writes PrintableString, and both are the same name.
  const auto der = dn_to_der("C=CH, O=Espalier Test, CN=node1");
  ASSERT_TRUE(der) << der.error().to_string();
  EXPECT_EQ(to_hex(*der),
            "3035310b3009060355040613024348311630140603550"
            "40a130d457370616c6965722054657374310e300c06035504031305"
            "6e6f646531");
  EXPECT_TRUE(same_name(*der, hex("3035310b3009060355040613024348311630140603550"
                                  "40a0c0d457370616c6965722054657374310e300c060355040"
                                  "30c056e6f646531")));
}

TEST(DistinguishedName, RoundTrips) {
  for (const char* text : {
           "CN=node1",
           "C=CH, O=Linux strongSwan, OU=Research, CN=carol@strongswan.org",
           "DC=org, DC=example, CN=Jörg Müller",
           "CN=a+UID=b, O=c",
           "O=Acme\\, Inc., CN=\\\"quoted\\\"",
           "CN=\\ spaces at the ends\\ ",
           "CN=back\\\\slash, E=a@example.com",
           "CN=tab\\09bell\\07",
           "1.2.840.113556.1.4.656=#0c0775736572406578",
           "SN=4711, S=Meier, G=Hans, T=Dr.",
       }) {
    const auto der = dn_to_der(text);
    ASSERT_TRUE(der) << text << ": " << der.error().to_string();
    const auto back = dn_to_text(*der);
    ASSERT_TRUE(back) << text;
    EXPECT_TRUE(same_name(*der, *dn_to_der(*back))) << *back;
    if (std::string_view(text).find('+') == std::string_view::npos) {
      EXPECT_EQ(*back, text);
    }
  }
}

TEST(DistinguishedName, TakesSeveralSpellings) {
  const Bytes der = *dn_to_der("C=CH, O=Espalier, CN=node1");
  for (const char* same :
       {"c=CH,o=Espalier,cn=node1", "  C = CH , O = Espalier , CN = node1  ",
        "C=\"CH\", O=\"Espalier\", CN=n\\ode1", "2.5.4.6=CH, 2.5.4.10=Espalier, 2.5.4.3=node1",
        "CN=node1, O=Espalier, C=CH", "C=ch, O=ESPALIER, CN=Node1",
        "C=CH, O=  Espalier , CN=node1"}) {
    const auto other = dn_to_der(same);
    ASSERT_TRUE(other) << same << ": " << other.error().to_string();
    EXPECT_TRUE(same_name(der, *other)) << same;
  }
  for (const char* other :
       {"C=CH, O=Espalier, CN=node2", "C=CH, O=Espalier", "O=Espalier, C=CH, CN=node1",
        "C=CH, O=Espalier, CN=node1, CN=node1", "C=CH, O=Espalier+CN=node1",
        "C=CH, OU=Espalier, CN=node1", "C=CH, O=Espal ier, CN=node1"}) {
    ASSERT_TRUE(dn_to_der(other)) << other;
    EXPECT_FALSE(same_name(der, *dn_to_der(other))) << other;
  }
}

TEST(DistinguishedName, ErrorsQuoteWhatIsWrong) {
  struct Row {
    const char* text;
    const char* says;
  };
  for (const Row& row :
       {Row{"", "has no \"=\""}, Row{"node1", "\"node1\" has no \"=\""},
        Row{"CN=node1, ", "has no \"=\""}, Row{"CN=", "\"CN\" has no value"},
        Row{"CN=,O=x", "\"CN\" has no value"},
        Row{"XY=a", "\"XY\" is no attribute type (such as CN, O"},
        Row{"=a", "\"\" is no attribute type"}, Row{"CN=\"a", "a quote is not closed"},
        Row{"CN=a\\", "ends with a backslash"}, Row{"1.2.3=#zz", "no DER"},
        Row{"1.2.3=#050000", "no DER"}, Row{"9.9.9=a", "\"9.9.9\" is no attribute type"}}) {
    const auto der = dn_to_der(row.text);
    ASSERT_FALSE(der) << row.text;
    EXPECT_EQ(der.error().code, Code::kInvalid);
    EXPECT_THAT(der.error().detail, HasSubstr(row.says));
  }
}

TEST(DistinguishedName, ShowsAnythingAsUtf8) {
  // CN as T61String "M\xfcller", which is no UTF-8.
  EXPECT_EQ(*dn_to_text(hex("3011310f300d060355040314064dfc6c6c6572")), "CN=M\\fcller");
  // CN as BMPString "Jö".
  EXPECT_EQ(*dn_to_text(hex("300f310d300b06035504031e04004a00f6")), "CN=Jö");
  for (const char* bad : {"", "30", "3000ff", "3100", "300431020500", "300b310930070603550403"}) {
    EXPECT_FALSE(dn_to_text(hex(bad))) << bad;
  }
  EXPECT_EQ(*dn_to_text(hex("3000")), "");
  EXPECT_FALSE(same_name(hex("3000"), hex("3000"))) << "an empty name is nobody's";
}

TEST(SubjectAltName, ReadsWhatIkeKnows) {
  Bytes list = der::encode(der::context(2, false), as_bytes("node.example.com"));
  append(list, der::encode(der::context(1, false), as_bytes("a@b.c")));
  append(list, der::encode(der::context(7, false), hex("c0000201")));
  append(list, der::encode(der::context(7, false), hex("20010db8000000000000000000000001")));
  append(list, der::encode(der::context(6, false), as_bytes("spiffe://x/y")));
  append(list, der::encode(der::context(4, true), *dn_to_der("CN=other")));
  append(list, der::encode(der::context(8, false), hex("2a03")));  // registeredID
  const auto read = decode_subject_alt_names(der::encode(der::kSequence, list));
  ASSERT_TRUE(read);
  EXPECT_THAT(read->texts, ElementsAre("node.example.com", "a@b.c", "192.0.2.1", "2001:db8::1",
                                       "URI:spiffe://x/y", "CN=other"));
  EXPECT_THAT(
      read->identities,
      ElementsAre(Identification{IdType::kFqdn, to_bytes(as_bytes("node.example.com"))},
                  Identification{IdType::kRfc822Addr, to_bytes(as_bytes("a@b.c"))},
                  Identification{IdType::kIpv4Addr, hex("c0000201")},
                  Identification{IdType::kIpv6Addr, hex("20010db8000000000000000000000001")},
                  Identification{IdType::kDerAsn1Dn, *dn_to_der("CN=other")}));
}

TEST(SubjectAltName, LeavesOutWhatCannotBeMeant) {
  Bytes list = der::encode(der::context(2, false),
                           hex("676f6f642e636f6d002e6576696c"));  // "good.com\0.evil"
  append(list, der::encode(der::context(2, false), {}));
  append(list, der::encode(der::context(2, false), as_bytes("has space.com")));
  append(list, der::encode(der::context(7, false),
                           hex("c00002010000ffff")));  // a subnet of name constraints
  append(list, der::encode(der::context(1, false), hex("61400a62")));
  const auto read = decode_subject_alt_names(der::encode(der::kSequence, list));
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->identities.empty());
  for (const char* bad : {"", "3001", "8201ff", "30028201"}) {
    EXPECT_FALSE(decode_subject_alt_names(hex(bad))) << bad;
  }
}

TEST(Proves, ComparesAsTheTypeWants) {
  const Bytes subject = *dn_to_der("O=x, CN=node1.example.com");
  const std::vector<Identification> sans = {
      {IdType::kFqdn, to_bytes(as_bytes("Node1.example.com"))},
      {IdType::kRfc822Addr, to_bytes(as_bytes("Joe@Example.com"))},
      {IdType::kFqdn, to_bytes(as_bytes("*.wild.example.com"))},
      {IdType::kIpv4Addr, hex("c0000201")}};
  const auto proven = [&](IdType type, std::string_view data) {
    return proves(subject, sans, {type, to_bytes(as_bytes(data))});
  };
  EXPECT_TRUE(proven(IdType::kFqdn, "node1.EXAMPLE.com"));
  EXPECT_FALSE(proven(IdType::kFqdn, "node1.example.co"));
  EXPECT_FALSE(proven(IdType::kFqdn, "a.wild.example.com")) << "no wildcards";
  EXPECT_TRUE(proven(IdType::kRfc822Addr, "Joe@eXample.com"));
  EXPECT_FALSE(proven(IdType::kRfc822Addr, "joe@example.com")) << "the local part has case";
  EXPECT_FALSE(proven(IdType::kFqdn, "Joe@Example.com")) << "the type counts";
  EXPECT_FALSE(proven(IdType::kKeyId, "Node1.example.com"));
  EXPECT_FALSE(proven(IdType::kNull, ""));
  EXPECT_TRUE(proves(subject, sans, {IdType::kIpv4Addr, hex("c0000201")}));
  EXPECT_FALSE(proves(subject, sans, {IdType::kIpv4Addr, hex("c0000202")}));
  EXPECT_TRUE(proves(subject, sans, {IdType::kDerAsn1Dn, *dn_to_der("CN=NODE1.example.com, O=X")}));
  EXPECT_FALSE(proves(subject, sans, {IdType::kDerAsn1Dn, *dn_to_der("CN=node1.example.com")}));
  EXPECT_FALSE(proves(subject, {}, {IdType::kFqdn, to_bytes(as_bytes("node1.example.com"))}))
      << "never the CN";
}

}  // namespace
}  // namespace espalier::ike::crypto
