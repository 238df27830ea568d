#include "operator/certificates/certificate_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/certificates/testing/pki.h"

namespace espalier::certificates {
namespace {

namespace der = ike::crypto::der;
using testing::HasSubstr;

// What check_request() says of a request, from its DER; empty when it takes it.
std::string verdict(ByteView request, const NodeIdentity& node = node1()) {
  auto decoded = decode_request(request);
  if (!decoded) return decoded.error().to_string();
  auto checked = check_request(*decoded, node, shared_keys());
  return checked ? "" : checked.error().to_string();
}

std::string verdict(const RequestParts& parts) {
  return verdict(parts.sign(*new_key()));
}

TEST(CertificateRequest, OfANodeIsTaken) {
  for (const Curve curve : {Curve::kP256, Curve::kP384}) {
    const auto key = new_key(curve);
    auto request = make_request(*key, node1(), shared_keys());
    ASSERT_TRUE(request) << request.error().to_string();
    EXPECT_EQ(verdict(*request), "");
    auto decoded = decode_request(*request);
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->key, key->public_key());
    EXPECT_EQ(decoded->subject, (Name{"espalier.io", "node1"}));
  }
}

TEST(CertificateRequest, ThePartsMakeARequestThatIsTaken) {
  EXPECT_EQ(verdict(RequestParts{}), "");
}

TEST(CertificateRequest, WantsTheSubjectExactly) {
  struct Row {
    Bytes subject;
    const char* says;
  };
  const Bytes country = der::encode(
      der::kSet,
      der::encode(der::kSequence, {der::encode(der::kObjectIdentifier, Bytes{0x55, 4, 6}),
                                   der::encode(der::kPrintableString, as_bytes("CH"))}));
  const auto plus_part = [](ByteView part) {
    const Bytes name = encode_name({"espalier.io", "node1"});
    return der::encode(der::kSequence, {*der::only(name, der::kSequence), part});
  };
  const Bytes twice = der::encode(
      der::kSet, der::encode(der::kSequence, {der::encode(der::kObjectIdentifier, oid::kCommonName),
                                              der::encode(der::kUtf8String, as_bytes("node2"))}));
  for (const Row& row : {
           Row{encode_name({"espalier.io", "node2"}),
               R"(subject.commonName: is "node2", not "node1")"},
           Row{encode_name({"espalier.io", "Node1"}), "subject.commonName: is"},
           Row{encode_name({"espalier.io", ""}), R"(subject.commonName: is "", not)"},
           Row{encode_name({"system:nodes", "node1"}),
               R"(subject.organization: is "system:nodes", not "espalier.io")"},
           Row{encode_name({"", "node1"}), "subject.organization: is"},
           Row{plus_part(country), "subject: has a part of type 550406"},
           Row{plus_part(twice), "subject.commonName: comes twice"},
           Row{encode_name({"espalier.io", std::string("node1\0", 6)}),
               "subject.commonName: is empty or holds"},
       }) {
    RequestParts parts;
    parts.subject = row.subject;
    EXPECT_THAT(verdict(parts), HasSubstr(row.says));
  }
}

TEST(CertificateRequest, WantsTheOneNameAndNothingElse) {
  const auto sans = [](std::initializer_list<Bytes> names) {
    Bytes all;
    for (const Bytes& name : names) append(all, name);
    return encode_extension(oid::kSubjectAltName, false, der::encode(der::kSequence, all));
  };
  const auto name = [](int kind, std::string_view text) {
    return der::encode(der::context(kind, false), as_bytes(text));
  };
  const Bytes own = name(2, "node1.nodes.example.com");
  const Bytes usage = encode_extension(oid::kKeyUsage, true, Bytes{der::kBitString, 2, 7, 0x80});
  struct Row {
    Bytes extensions;
    const char* says;
  };
  for (const Row& row : {
           Row{{}, "subjectAltName: is missing; it must be DNS:node1.nodes.example.com"},
           Row{sans({}), "subjectAltName: is missing"},
           Row{sans({name(2, "node2.nodes.example.com")}),
               R"(subjectAltName[0]: is "node2.nodes.example.com", not)"},
           Row{sans({name(2, "*.nodes.example.com")}), "subjectAltName[0]: is"},
           Row{sans({own, name(2, "node2.nodes.example.com")}), "subjectAltName[1]: is"},
           Row{sans({own, own}), "subjectAltName[1]: comes twice"},
           Row{sans({own, name(7, std::string_view("\x0a\x00\x00\x01", 4))}),
               "subjectAltName[1]: is of kind IP"},
           Row{sans({own, name(6, "spiffe://example.com/node2")}), "[1]: is of kind URI"},
           Row{sans({own, name(1, "root@example.com")}), "[1]: is of kind email"},
           Row{sans({own, der::encode(der::context(4, true), encode_name({"", "node2"}))}),
               "[1]: is of kind other"},
           Row{sans({name(2, std::string_view("node1.nodes.example.com\0", 24))}),
               "subjectAltName: holds what is not printable"},
           Row{sans({name(7, "abc")}), "IP address of an impossible length"},
           Row{encode_extension(oid::kBasicConstraints, true, Bytes{0x30, 3, 1, 1, 0xff}),
               "extensions: ask for one of type 551d13"},
           Row{usage, "extensions: ask for one of type 551d0f"},
       }) {
    RequestParts parts;
    parts.extensions = row.extensions;
    EXPECT_THAT(verdict(parts), HasSubstr(row.says));
  }
  RequestParts twice;
  append(twice.extensions, twice.extensions);
  EXPECT_THAT(verdict(twice), HasSubstr("extensions: hold one extension twice"));
}

TEST(CertificateRequest, TakesNoOtherAttributes) {
  RequestParts parts;
  parts.attributes = der::encode(  // challengePassword
      der::kSequence, {der::encode(der::kObjectIdentifier, *from_hex("2a864886f70d010907")),
                       der::encode(der::kSet, der::encode(der::kUtf8String, as_bytes("secret")))});
  EXPECT_THAT(verdict(parts), HasSubstr("attributes: hold one of type 2a864886f70d010907"));
  RequestParts many;
  many.attributes = parts.attributes;
  append(many.attributes, parts.attributes);
  EXPECT_THAT(verdict(many), HasSubstr("more than the one extensionRequest"));
  RequestParts version;
  version.version = {der::kInteger, 1, 2};
  EXPECT_THAT(verdict(version), HasSubstr("version: is not 0"));
}

TEST(CertificateRequest, IsSignedByTheKeyItAsksFor) {
  const auto key = new_key();
  const Bytes good = RequestParts{}.sign(*key);
  // Another's signature: the last octets of a request that another key signed.
  auto request = decode_request(good);
  auto other = decode_request(RequestParts{}.sign(*new_key()));
  ASSERT_TRUE(request && other);
  request->signature = other->signature;
  auto checked = check_request(*request, node1(), shared_keys());
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().where, "signature");
  EXPECT_EQ(checked.error().code, Code::kDenied);

  // Every bit that is changed makes it another request or none.
  for (std::size_t at = 0; at < good.size(); ++at) {
    Bytes changed = good;
    changed[at] ^= 0x10;
    EXPECT_NE(verdict(changed), "") << at;
  }
}

TEST(CertificateRequest, WantsAKeyThatIsOneOfOurs) {
  const auto key_info = [](ByteView algorithm, ByteView curve, ByteView point) {
    return der::encode(
        der::kSequence,
        {der::encode(der::kSequence, {der::encode(der::kObjectIdentifier, algorithm), curve}),
         encode_bits(point)});
  };
  const auto says = [](ByteView info) {
    auto key = decode_public_key(info);
    return key ? "" : key.error().to_string();
  };
  const Bytes p256 = der::encode(der::kObjectIdentifier, oid::kP256);
  Bytes point(65);
  point[0] = 4;
  EXPECT_EQ(says(key_info(oid::kEcPublicKey, p256, point)), "");
  const Bytes rsa = *from_hex("2a864886f70d010101");
  EXPECT_THAT(says(key_info(rsa, Bytes{der::kNull, 0}, point)), HasSubstr("is no ECDSA key"));
  const Bytes p521 = der::encode(der::kObjectIdentifier, Bytes{0x2b, 0x81, 0x04, 0x00, 0x23});
  EXPECT_THAT(says(key_info(oid::kEcPublicKey, p521, point)), HasSubstr("on another curve"));
  EXPECT_THAT(says(key_info(oid::kEcPublicKey, p256, ByteView(point).first(33))),
              HasSubstr("is no uncompressed point of ECDSA P-256"));
  point[0] = 2;
  EXPECT_THAT(says(key_info(oid::kEcPublicKey, p256, point)), HasSubstr("no uncompressed point"));

  // A point that is not on the curve.
  const auto key = new_key();
  auto request = decode_request(RequestParts{}.sign(*key));
  ASSERT_TRUE(request);
  Bytes off = key->public_key().point;
  off[40] ^= 1;
  request->key = public_key_of(Curve::kP256, off);
  EXPECT_FALSE(check_request(*request, node1(), shared_keys()));
}

TEST(CertificateRequest, PemHoldsExactlyOne) {
  const Bytes good = RequestParts{}.sign(*new_key());
  const std::string pem = request_pem(good);
  EXPECT_TRUE(decode_request_pem(pem));
  EXPECT_FALSE(decode_request_pem(pem + pem));
  EXPECT_FALSE(decode_request_pem(""));
  EXPECT_FALSE(decode_request_pem(to_text(ike::crypto::encode_pem("CERTIFICATE", good).view())));
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_FALSE(decode_request(longer));
  auto huge = decode_request(Bytes(kMaxRequest + 1, 0x30));
  ASSERT_FALSE(huge);
  EXPECT_THAT(huge.error().detail, HasSubstr("longer than"));
  EXPECT_FALSE(decode_request_pem(std::string(1 << 20, 'x')));
}

TEST(CertificateRequest, AnIdentityThatIsNoDnsNameIsNotCertified) {
  const auto key = new_key();
  for (const char* identity : {"10.0.0.1/8", "user@example.com", "C=CH, CN=x", "Node1.example.com",
                               "*.example.com", "a..b", "-a.b", "a-.b", "a.", ""}) {
    auto made = make_request(*key, {"node1", identity}, shared_keys());
    ASSERT_FALSE(made) << identity;
    EXPECT_EQ(made.error().code, Code::kUnsupported);
  }
  auto request = decode_request(RequestParts{}.sign(*key));
  ASSERT_TRUE(request);
  auto checked = check_request(*request, {"node1", "user@example.com"}, shared_keys());
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().where, "identity");
}

}  // namespace
}  // namespace espalier::certificates
