// Each payload by itself: layout against octets written by hand from the RFC's figures, round trip,
// cut short, and every length and count field changed.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "ike/wire/decode.h"
#include "ike/wire/encode.h"
#include "ike/wire/samples.h"

namespace espalier::ike::wire {
namespace {

// The body behind a right generic header, as the only payload of an IKE_AUTH.
Decoded<std::vector<Payload>> decode_one(PayloadType type, ByteView body) {
  const std::size_t length = body.size() + kGenericHeaderSize;
  Bytes chain = {0, 0, static_cast<std::uint8_t>(length >> 8), static_cast<std::uint8_t>(length)};
  append(chain, body);
  return decode_payloads(type, chain, "IKE_AUTH");
}

std::string name_in_errors(const Payload& payload) {
  const auto* unknown = std::get_if<Unknown>(&payload);
  return "IKE_AUTH." + (unknown ? fmt::format("payload[{}]", unknown->type)
                                : std::string(name_of(type_of(payload))));
}

class EachPayload : public testing::TestWithParam<Sample> {};

TEST_P(EachPayload, ComesBackAsItWent) {
  const Payload& payload = GetParam().payload;
  const Bytes body = encode_body(payload).value();
  const auto decoded = decode_one(type_of(payload), body);
  ASSERT_TRUE(decoded) << decoded.error().error.to_string();
  ASSERT_EQ(decoded->size(), 1U);
  EXPECT_EQ(decoded->front(), payload);
  EXPECT_EQ(encode_body(decoded->front()).value(), body);
}

// Shorter than its generic header says, at each octet.
TEST_P(EachPayload, CutShortIsRefusedByName) {
  const Payload& payload = GetParam().payload;
  const auto chain = encode_payloads({payload}).value();
  for (std::size_t size = 0; size < chain.bytes.size(); ++size) {
    const auto decoded =
        decode_payloads(chain.first, ByteView(chain.bytes).first(size), "IKE_AUTH");
    ASSERT_FALSE(decoded) << size;
    EXPECT_EQ(decoded.error().error.code, Code::kTruncated) << size;
    EXPECT_EQ(decoded.error().error.where.find(name_in_errors(payload)), 0U)
        << decoded.error().error.where;
    EXPECT_EQ(decoded.error().notify, NotifyType::kInvalidSyntax);
  }
}

// Shorter than its content needs, at each octet, under a header that says so.
TEST_P(EachPayload, AShorterBodyIsEitherItsOwnOrRefusedByName) {
  const Payload& payload = GetParam().payload;
  const Bytes body = encode_body(payload).value();
  for (std::size_t size = 0; size < body.size(); ++size) {
    const auto decoded = decode_one(type_of(payload), ByteView(body).first(size));
    if (decoded) {
      EXPECT_NE(decoded->front(), payload) << size;
      EXPECT_EQ(encode_body(decoded->front()).value(), to_bytes(ByteView(body).first(size)));
    } else {
      EXPECT_EQ(decoded.error().error.where.find(name_in_errors(payload)), 0U)
          << decoded.error().error.where;
    }
    const bool counted =
        std::holds_alternative<Sa>(payload) || std::holds_alternative<Tsi>(payload) ||
        std::holds_alternative<Tsr>(payload) || std::holds_alternative<Delete>(payload);
    EXPECT_FALSE(counted && decoded) << "its counts ask for all of it; " << size;
  }
}

// Every octet changed in turn: a value or a named failure, never anything else, and a value is one
// that we could have sent.
TEST_P(EachPayload, AnyOctetMayBeWrong) {
  const Payload& payload = GetParam().payload;
  Bytes body = encode_body(payload).value();
  for (std::size_t at = 0; at < body.size(); ++at) {
    const std::uint8_t kept = body[at];
    for (const unsigned flip : {0x01U, 0x02U, 0x10U, 0x80U, 0xffU, unsigned{kept}}) {
      body[at] = static_cast<std::uint8_t>(kept ^ flip);
      const auto decoded = decode_one(type_of(payload), body);
      if (!decoded) {
        EXPECT_EQ(decoded.error().error.where.find(name_in_errors(payload)), 0U)
            << decoded.error().error.where;
      } else if (const auto encoded = encode_body(decoded->front())) {
        const auto again = decode_one(type_of(payload), *encoded);
        ASSERT_TRUE(again);
      }
    }
    body[at] = kept;
  }
}

INSTANTIATE_TEST_SUITE_P(, EachPayload, testing::ValuesIn(sample_payloads()),
                         [](const auto& sample) { return sample.param.name; });

TEST(PayloadLayout, IsTheFiguresOfTheRfc) {
  const struct {
    std::string_view what;
    Payload payload;
    std::string_view octets;
  } kCases[] = {
      {"SA, RFC 7296 section 3.3: one proposal, ENCR_AES_GCM_16 with 256 bits, PRF 5, group 19",
       Sa{{Proposal{1,
                    ProtocolId::kIke,
                    {},
                    {{TransformType::kEncryption, 20, 256, {}},
                     {TransformType::kPrf, 5, std::nullopt, {}},
                     {TransformType::kKeyExchange, 19, std::nullopt, {}}}}}},
       "00 00 0024 01 01 00 03"
       "03 00 000c 01 00 0014 800e 0100"
       "03 00 0008 02 00 0005"
       "00 00 0008 04 00 0013"},
      {"KE, section 3.4", Ke{19, {1, 2, 3}}, "0013 0000 010203"},
      {"IDi, section 3.5", Idi{{IdType::kIpv4Addr, {192, 0, 2, 1}}, {}}, "01 000000 c0000201"},
      {"CERT, section 3.6", Cert{CertEncoding::kX509Signature, {0x30}}, "04 30"},
      {"CERTREQ, section 3.7", CertReq{CertEncoding::kX509Signature, {7, 8}}, "04 0708"},
      {"AUTH, section 3.8", Auth{AuthMethod::kSharedKeyMic, {9}}, "02 000000 09"},
      {"Nonce, section 3.9", Nonce{counting(16)}, "000102030405060708090a0b0c0d0e0f"},
      {"N, section 3.10: REKEY_SA of an ESP SA",
       Notify{NotifyType::kRekeySa, ProtocolId::kEsp, {1, 2, 3, 4}, {}}, "03 04 4009 01020304"},
      {"D, section 3.11", Delete{ProtocolId::kEsp, {0x01020304, 5}},
       "03 04 0002 01020304 00000005"},
      {"V, section 3.12", VendorId{{1}}, "01"},
      {"TSi, section 3.13",
       Tsi{{TrafficSelector::from_prefix(Prefix::parse("10.0.0.0/24").value(), 6, 443)}, 0},
       "01 000000 07 06 0010 01bb 01bb 0a000000 0a0000ff"},
      {"TSr with IPv6",
       Tsr{{TrafficSelector::from_prefix(Prefix::parse("2001:db8::/64").value())}, 0},
       "01 000000 08 00 0028 0000 ffff 20010db8000000000000000000000000"
       "20010db800000000ffffffffffffffff"},
      {"CP, section 3.15", Cp{CfgType::kRequest, {{1, {}}, {3, {1, 2, 3, 4}}}},
       "01 000000 0001 0000 0003 0004 01020304"},
      {"EAP, section 3.16", Eap{{1, 2, 0, 4}}, "01020004"},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(to_hex(encode_body(c.payload).value()), to_hex(octets(c.octets))) << c.what;
    const auto decoded = decode_one(type_of(c.payload), octets(c.octets));
    ASSERT_TRUE(decoded) << c.what;
    EXPECT_EQ(decoded->front(), c.payload) << c.what;
  }
}

TEST(PayloadLayout, ReservedFieldsAreIgnored) {
  const auto ts =
      decode_one(PayloadType::kTsi, octets("01 ffffff 07 00 0010 0000 ffff 0a000000 0a0000ff"));
  ASSERT_TRUE(ts);
  EXPECT_EQ(std::get<Tsi>(ts->front()).selectors.size(), 1U);
  const auto ke = decode_one(PayloadType::kKe, octets("0013 ffff 01"));
  ASSERT_TRUE(ke);
  const auto auth = decode_one(PayloadType::kAuth, octets("02 ffffff 01"));
  ASSERT_TRUE(auth);
}

// Each length and count field at values that lie, and the field that is blamed.
TEST(PayloadFields, ALyingFieldIsNamed) {
  for (const MalformedSample& sample : malformed_payloads()) {
    const auto decoded = decode_one(sample.type, sample.body);
    ASSERT_FALSE(decoded) << to_hex(sample.body);
    EXPECT_EQ(decoded.error().error.where, "IKE_AUTH." + sample.where) << to_hex(sample.body);
    EXPECT_EQ(decoded.error().error.code, sample.code) << to_hex(sample.body);
    EXPECT_EQ(decoded.error().notify, NotifyType::kInvalidSyntax) << to_hex(sample.body);
  }
}

// CVE-2023-38710 (libreswan): a Delete or REKEY_SA with protocol 0 or 1 and an SPI. It was the
// answer to it that asserted.
TEST(PayloadRegression, ProtocolsThatNoChildHas) {
  for (const char* body : {"00 04 0001 01020304", "04 04 0001 01020304", "00 00 0000"}) {
    const auto decoded = decode_one(PayloadType::kDelete, octets(body));
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().error.where, "IKE_AUTH.D[0].protocol_id");
  }
}

TEST(PayloadEncode, WhatThePeerWouldRefuseIsNotSent) {
  Sa wide;
  wide.proposals.resize(1);
  wide.proposals[0].transforms.resize(256);
  Sa long_spi;
  long_spi.proposals.resize(1);
  long_spi.proposals[0].spi = Bytes(256);
  Sa bad_attribute;
  bad_attribute.proposals.resize(1);
  bad_attribute.proposals[0].transforms = {
      {TransformType::kEncryption, 20, {}, {{14, true, {1, 2, 3}}}}};
  TrafficSelector mixed;
  mixed.end = IpAddress::any(IpFamily::kV6);
  const struct {
    Payload payload;
    std::string where;
  } kCases[] = {
      {Sa{}, "SA"},
      {wide, "SA.proposal.num_transforms"},
      {long_spi, "SA.proposal.spi_size"},
      {bad_attribute, "SA.proposal.transform.attribute_value"},
      {Ke{19, {}}, "KE.data"},
      {Idi{{IdType::kIpv4Addr, {1, 2, 3}}, {}}, "IDi"},
      {Idr{{IdType::kFqdn, {}}, {}}, "IDr"},
      {Cert{}, "CERT.data"},
      {Auth{}, "AUTH.data"},
      {Nonce{Bytes(15)}, "Nonce.data"},
      {Nonce{Bytes(257)}, "Nonce.data"},
      {Notify{NotifyType::kRekeySa, ProtocolId::kEsp, Bytes(256), {}}, "N.spi_size"},
      {Delete{ProtocolId::kIke, {1}}, "D.num_of_spis"},
      {Delete{ProtocolId::kEsp, std::vector<std::uint32_t>(kMaxDeleteSpis + 1)}, "D.num_of_spis"},
      {Tsi{}, "TSi"},
      {Tsr{{mixed}, 0}, "TSr"},
      {Tsr{std::vector<TrafficSelector>(kMaxSelectors + 1), 0}, "TSr"},
      {Cp{CfgType::kReply, {{1, Bytes(65536)}}}, "CP.attribute.length"},
  };
  for (const auto& c : kCases) {
    const auto encoded = encode_body(c.payload);
    ASSERT_FALSE(encoded) << c.where;
    EXPECT_EQ(encoded.error().where, c.where);
  }
}

TEST(PayloadDecode, TransformsKeepWhatIsNotUnderstood) {
  // Key Length twice, then a TLV attribute: RFC 7296 section 3.3.6 makes the transform one not to
  // choose, so nothing of it may be lost.
  const auto decoded = decode_one(
      PayloadType::kSa,
      octets("00 00 001f 01 01 00 01 00 00 0017 01 00 0014 800e 0100 800e 0080 1234 0003 010203"));
  ASSERT_TRUE(decoded) << decoded.error().error.to_string();
  const Transform& transform = std::get<Sa>(decoded->front()).proposals[0].transforms[0];
  EXPECT_EQ(transform.key_length, 256);
  ASSERT_EQ(transform.other_attributes.size(), 2U);
  EXPECT_EQ(transform.other_attributes[0], (Attribute{14, true, {0, 128}}));
  EXPECT_EQ(transform.other_attributes[1], (Attribute{0x1234, false, {1, 2, 3}}));
}

TEST(PayloadDecode, SelectorsOfOtherTypesAreCountedAndLeftOut) {
  // TS_SECLABEL (RFC 9478), then an IPv4 range.
  const auto decoded =
      decode_one(PayloadType::kTsi, octets("02 000000 0a 00 0009 0000 0000 61"
                                           "07 00 0010 0000 ffff 0a000000 0a0000ff"));
  ASSERT_TRUE(decoded) << decoded.error().error.to_string();
  const Tsi& ts = std::get<Tsi>(decoded->front());
  EXPECT_EQ(ts.unknown_selectors, 1);
  ASSERT_EQ(ts.selectors.size(), 1U);
  EXPECT_EQ(ts.selectors[0].to_string(), "10.0.0.0/24");
}

TEST(PayloadDecode, TheSignedPartOfAnIdKeepsReserved) {
  const auto decoded = decode_one(PayloadType::kIdi, octets("02 010203 61"));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(to_hex(std::get<Idi>(decoded->front()).body()), "0201020361");
}

TEST(PayloadDecode, CertificateAuthoritiesAreWholeHashes) {
  const CertReq request{CertEncoding::kX509Signature, counting(45)};
  EXPECT_EQ(request.hash_count(), 2U);
  EXPECT_EQ(to_bytes(request.hash(1)), counting(20, 20));
}

TEST(Spi, HasOneLength) {
  EXPECT_EQ(spi32_of(Bytes{1, 2, 3, 4}), 0x01020304U);
  EXPECT_EQ(spi32_of(Bytes{1, 2, 3}), std::nullopt);
  EXPECT_EQ(spi64_of(counting(8, 1)), 0x0102030405060708U);
  EXPECT_EQ(spi64_of(Bytes{1, 2, 3, 4}), std::nullopt);
  EXPECT_EQ(spi_bytes(std::uint32_t{0x01020304}), (Bytes{1, 2, 3, 4}));
  EXPECT_EQ(spi_bytes(std::uint64_t{0x0102030405060708}), counting(8, 1));
}

}  // namespace
}  // namespace espalier::ike::wire
