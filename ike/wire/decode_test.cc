// Whole messages: header, chains, what is encrypted, limits; and what other implementations have
// fallen over.
#include "ike/wire/decode.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "ike/wire/encode.h"
#include "ike/wire/fragment.h"
#include "ike/wire/samples.h"

namespace espalier::ike::wire {
namespace {

Bytes init_request() {
  return encode_clear(sample_ike_sa_init()).value();
}

// `count` payloads of type `type` with nothing in them.
Bytes chain_of(std::size_t count, PayloadType type, ByteView body = {}) {
  Bytes bytes;
  for (std::size_t i = 0; i < count; ++i) {
    bytes.push_back(i + 1 < count ? static_cast<std::uint8_t>(type) : 0);
    bytes.push_back(0);
    bytes.push_back(0);
    bytes.push_back(static_cast<std::uint8_t>(body.size() + 4));
    append(bytes, body);
  }
  return bytes;
}

TEST(Header, IsTheFigureOfTheRfc) {
  // RFC 7296 section 3.1, and an empty INFORMATIONAL.
  const Bytes octets = from_hex(
                           "0102030405060708"
                           "1112131415161718"
                           "00202528"
                           "00000007"
                           "0000001c")
                           .value();
  const auto header = decode_header(octets);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->spi_i, 0x0102030405060708U);
  EXPECT_EQ(header->spi_r, 0x1112131415161718U);
  EXPECT_EQ(header->next, PayloadType::kNone);
  EXPECT_EQ(header->version, 0x20);
  EXPECT_EQ(header->exchange, ExchangeType::kInformational);
  EXPECT_TRUE(header->initiator);
  EXPECT_TRUE(header->response);
  EXPECT_FALSE(header->higher_version);
  EXPECT_EQ(header->message_id, 7U);
  EXPECT_EQ(header->length, 28U);

  Message message;
  message.header = *header;
  EXPECT_EQ(encode_clear(message).value(), octets);
  const auto decoded = decode_clear(octets);
  ASSERT_TRUE(decoded);
  EXPECT_TRUE(decoded->payloads.empty());
  EXPECT_FALSE(decoded->encrypted);
}

TEST(Header, CutShortHasNobodyToAnswer) {
  const Bytes whole = init_request();
  for (std::size_t size = 0; size < kHeaderSize; ++size) {
    const auto header = decode_header(ByteView(whole).first(size));
    ASSERT_FALSE(header);
    EXPECT_EQ(header.error().error.code, Code::kTruncated);
    EXPECT_EQ(header.error().error.where.find("header."), 0U);
    EXPECT_FALSE(header.error().notify);
    EXPECT_FALSE(header.error().header);
  }
}

TEST(Header, AnotherMajorVersion) {
  Bytes octets = init_request();
  octets[17] = 0x30;
  const auto higher = decode_clear(octets);
  ASSERT_FALSE(higher);
  EXPECT_EQ(higher.error().error, (Error{Code::kUnsupported, "header.version", "3.0"}));
  EXPECT_EQ(higher.error().notify, NotifyType::kInvalidMajorVersion);
  ASSERT_TRUE(higher.error().header);
  EXPECT_EQ(higher.error().header->spi_i, 0x0102030405060708U);

  octets[17] = 0x10;
  const auto lower = decode_clear(octets);
  ASSERT_FALSE(lower);
  EXPECT_FALSE(lower.error().notify);

  octets[17] = 0x25;  // a higher minor version is ours to read: RFC 7296 section 2.5
  EXPECT_TRUE(decode_clear(octets));
}

TEST(Header, TheLengthIsTheDatagrams) {
  for (const int change : {-1, 1, 0x100}) {
    Bytes octets = init_request();
    const std::size_t length = octets.size() + static_cast<std::size_t>(change);
    octets[26] = static_cast<std::uint8_t>(length >> 8);
    octets[27] = static_cast<std::uint8_t>(length);
    const auto decoded = decode_clear(octets);
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().error.where, "header.length");
  }
  Bytes octets = init_request();
  octets[24] = 1;
  EXPECT_FALSE(decode_clear(octets));
}

TEST(Header, TooLongForAnything) {
  Message message = sample_ike_sa_init();
  message.payloads.assign(2, VendorId{Bytes(40000)});
  const auto encoded = encode_clear(message);
  ASSERT_FALSE(encoded);
  EXPECT_EQ(encoded.error().where, "header.length");

  Bytes octets(kMaxMessage + 1);
  octets[17] = kVersion2;
  octets[25] = 1;
  const auto decoded = decode_header(octets);
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().error.where, "header.length");
}

TEST(Clear, AnIkeSaInitComesBackAsItWent) {
  const Message message = sample_ike_sa_init();
  const auto decoded = decode_clear(init_request());
  ASSERT_TRUE(decoded) << decoded.error().error.to_string();
  EXPECT_EQ(decoded->payloads, message.payloads);
  EXPECT_EQ(decoded->header.next, PayloadType::kSa);
  EXPECT_EQ(decoded->header.length, init_request().size());
  EXPECT_FALSE(decoded->encrypted);
  ASSERT_NE(decoded->find<Ke>(), nullptr);
  EXPECT_EQ(decoded->find<Ke>()->group, 31);
  EXPECT_EQ(decoded->find<Idi>(), nullptr);
  EXPECT_EQ(decoded->all<Notify>().size(), 5U);
  EXPECT_NE(decoded->find_notify(NotifyType::kUsePpk), nullptr);
  EXPECT_EQ(decoded->find_notify(NotifyType::kCookie), nullptr);
  EXPECT_EQ(find_error(decoded->payloads), nullptr);
}

TEST(Clear, CutAtEachOctetIsRefusedByName) {
  const Bytes whole = init_request();
  for (std::size_t size = kHeaderSize; size < whole.size(); ++size) {
    Bytes octets(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    octets[26] = static_cast<std::uint8_t>(size >> 8);
    octets[27] = static_cast<std::uint8_t>(size);
    const auto decoded = decode_clear(octets);
    ASSERT_FALSE(decoded) << size;
    EXPECT_EQ(decoded.error().error.where.find("IKE_SA_INIT."), 0U);
    EXPECT_EQ(decoded.error().notify, NotifyType::kInvalidSyntax);
    EXPECT_TRUE(decoded.error().header);
  }
}

TEST(Clear, OctetsAfterTheLastPayloadAreRefused) {
  Bytes octets = init_request();
  octets.push_back(0);
  octets[26] = static_cast<std::uint8_t>(octets.size() >> 8);
  octets[27] = static_cast<std::uint8_t>(octets.size());
  const auto decoded = decode_clear(octets);
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().error.where, "IKE_SA_INIT");
}

TEST(Payloads, AnIkeAuthComesBackAsItWent) {
  const auto payloads = sample_ike_auth();
  const auto encoded = encode_payloads(payloads).value();
  EXPECT_EQ(encoded.first, PayloadType::kIdi);
  const auto decoded = decode_payloads(encoded.first, encoded.bytes, "IKE_AUTH");
  ASSERT_TRUE(decoded) << decoded.error().error.to_string();
  EXPECT_EQ(*decoded, payloads);
  EXPECT_EQ(all<Cert>(*decoded).size(), 2U);
}

TEST(Payloads, NoneAtAllIsAnEmptyList) {
  const auto encoded = encode_payloads({}).value();
  EXPECT_EQ(encoded.first, PayloadType::kNone);
  const auto decoded = decode_payloads(encoded.first, encoded.bytes, "INFORMATIONAL");
  ASSERT_TRUE(decoded);
  EXPECT_TRUE(decoded->empty());
  EXPECT_FALSE(decode_payloads(PayloadType::kNone, Bytes{0}, "INFORMATIONAL"));
}

TEST(Payloads, AnUnknownOneIsSkippedUnlessCritical) {
  for (const int number : {1, 32, 49, 52, 54, 200, 255}) {
    const auto type = static_cast<std::uint8_t>(number);
    std::vector<Payload> payloads = {Nonce{counting(16)}, Unknown{type, false, counting(3)},
                                     Ke{31, counting(32)}};
    auto encoded = encode_payloads(payloads).value();
    const auto skipped = decode_payloads(encoded.first, encoded.bytes, "IKE_AUTH");
    ASSERT_TRUE(skipped) << number;
    EXPECT_EQ(*skipped, payloads);

    std::get<Unknown>(payloads[1]).critical = true;
    encoded = encode_payloads(payloads).value();
    const auto refused = decode_payloads(encoded.first, encoded.bytes, "IKE_AUTH");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().error.where, fmt::format("IKE_AUTH.payload[{}]", type));
    EXPECT_EQ(refused.error().error.code, Code::kUnsupported);
    EXPECT_EQ(refused.error().notify, NotifyType::kUnsupportedCriticalPayload);
    EXPECT_EQ(refused.error().critical_type, type);
  }
}

TEST(Payloads, TheCriticalBitOfAKnownOneMeansNothing) {
  auto encoded = encode_payloads({Nonce{counting(16)}}).value();
  encoded.bytes[1] = 0x80;  // RFC 7296 section 2.5
  EXPECT_TRUE(decode_payloads(encoded.first, encoded.bytes, "IKE_AUTH"));
  encoded.bytes[1] = 0x7f;  // RESERVED
  EXPECT_TRUE(decode_payloads(encoded.first, encoded.bytes, "IKE_AUTH"));
}

TEST(Payloads, WhatStandsOnceStandsOnce) {
  for (const Sample& sample : sample_payloads()) {
    const PayloadType type = type_of(sample.payload);
    const bool repeats = type == PayloadType::kCert || type == PayloadType::kCertReq ||
                         type == PayloadType::kNotify || type == PayloadType::kDelete ||
                         type == PayloadType::kVendorId ||
                         std::holds_alternative<Unknown>(sample.payload);
    const auto encoded = encode_payloads({sample.payload, sample.payload}).value();
    const auto decoded = decode_payloads(encoded.first, encoded.bytes, "IKE_AUTH");
    EXPECT_EQ(decoded.has_value(), repeats) << sample.name;
    if (!decoded) {
      EXPECT_EQ(decoded.error().error.where, fmt::format("IKE_AUTH.{}", name_of(type)));
      EXPECT_EQ(decoded.error().error.detail, "stands twice");
    }
  }
}

TEST(Payloads, AreNamedByTheirPlaceAmongTheirKind) {
  auto encoded = encode_payloads({VendorId{{1}}, Cert{CertEncoding::kX509Signature, {1}},
                                  Cert{CertEncoding::kX509Signature, {}}});
  ASSERT_FALSE(encoded);
  const Bytes octets = {37, 0, 0, 6, 4, 1, 0, 0, 0, 5, 4};
  const auto decoded = decode_payloads(PayloadType::kCert, octets, "IKE_AUTH");
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().error.where, "IKE_AUTH.CERT[1].data");
}

TEST(Payloads, ALengthBelowItsOwnHeader) {
  for (const int length : {0, 1, 2, 3}) {
    const Bytes octets = {0, 0, 0, static_cast<std::uint8_t>(length)};
    const auto decoded = decode_payloads(PayloadType::kVendorId, octets, "IKE_AUTH");
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().error.where, "IKE_AUTH.V[0].length");
  }
}

TEST(Limits, Hold) {
  const Bytes notify = {0, 0, 0x40, 0x07};
  EXPECT_TRUE(decode_payloads(PayloadType::kVendorId,
                              chain_of(kMaxPayloads, PayloadType::kVendorId), "IKE_AUTH"));
  EXPECT_TRUE(decode_payloads(PayloadType::kNotify,
                              chain_of(kMaxNotifies, PayloadType::kNotify, notify), "IKE_AUTH"));
  const auto too_many = decode_payloads(
      PayloadType::kNotify, chain_of(kMaxNotifies + 1, PayloadType::kNotify, notify), "IKE_AUTH");
  ASSERT_FALSE(too_many);
  EXPECT_EQ(too_many.error().error.where, fmt::format("IKE_AUTH.N[{}]", kMaxNotifies));

  Sa sa;
  for (std::size_t i = 0; i <= kMaxProposals; ++i) {
    Proposal proposal;
    proposal.number = static_cast<std::uint8_t>(i + 1);
    sa.proposals.push_back(proposal);
  }
  const auto proposals = encode_payloads({sa}).value();
  const auto decoded = decode_payloads(proposals.first, proposals.bytes, "IKE_SA_INIT");
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().error.where, "IKE_SA_INIT.SA.proposals");

  EXPECT_FALSE(encode_payloads(std::vector<Payload>(kMaxPayloads + 1, VendorId{})));
}

// CVE-2026-12413 (libreswan): a message put together from fragments held more payloads than the
// array for them.
TEST(Limits, MorePayloadsThanExpectedInsideReassembledFragments) {
  const Bytes plaintext = chain_of(10000, PayloadType::kVendorId);
  const auto fragments = split(plaintext, PayloadType::kVendorId, 1000);
  ASSERT_TRUE(fragments);
  Reassembly reassembly;
  for (const Fragment& fragment : *fragments) {
    reassembly.add(fragment.number, fragment.total, fragment.first, fragment.plaintext);
  }
  ASSERT_TRUE(reassembly.complete());
  const auto decoded = decode_payloads(reassembly.first(), reassembly.plaintext(), "IKE_AUTH");
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().error.detail, "more than 64 payloads");
}

// CVE-2023-23009 (libreswan): an IKE_AUTH whose selectors are malformed, after authentication. One
// octet wrong anywhere in TSi and TSr gives a list or a named failure.
TEST(Limits, MalformedSelectorsInsideAnIkeAuth) {
  std::vector<Payload> payloads = sample_ike_auth();
  const auto encoded = encode_payloads(payloads).value();
  for (std::size_t at = 0; at < encoded.bytes.size(); ++at) {
    Bytes octets = encoded.bytes;
    octets[at] = static_cast<std::uint8_t>(~octets[at]);
    const auto decoded = decode_payloads(encoded.first, octets, "IKE_AUTH");
    if (!decoded) {
      EXPECT_EQ(decoded.error().error.where.find("IKE_AUTH"), 0U);
      EXPECT_TRUE(decoded.error().notify);
    }
  }
}

Header auth_header() {
  Header header;
  header.spi_i = 1;
  header.spi_r = 2;
  header.exchange = ExchangeType::kIkeAuth;
  header.initiator = true;
  header.message_id = 1;
  return header;
}

TEST(Sk, ThePrefixIsTheAssociatedDataAndTheBodyFollowsIt) {
  const Bytes body = counting(8 + 48 + 16);  // IV, ciphertext, ICV
  Bytes datagram = encode_sk_prefix(auth_header(), PayloadType::kIdi, body.size()).value();
  EXPECT_EQ(datagram.size(), kHeaderSize + kGenericHeaderSize);
  append(datagram, body);
  const auto decoded = decode_clear(datagram);
  ASSERT_TRUE(decoded) << decoded.error().error.to_string();
  EXPECT_TRUE(decoded->payloads.empty());
  ASSERT_TRUE(decoded->encrypted);
  EXPECT_EQ(*decoded->encrypted, (Encrypted{false, 32, 32, body.size(), PayloadType::kIdi, 1, 1}));
}

TEST(Sk, ClearPayloadsBeforeItAreReadAndAssociated) {
  Message message;
  message.header = auth_header();
  message.payloads = {VendorId{{1, 2, 3}},
                      Unknown{static_cast<std::uint8_t>(PayloadType::kSk), false, counting(40)}};
  const auto decoded = decode_clear(encode_clear(message).value());
  ASSERT_TRUE(decoded) << decoded.error().error.to_string();
  EXPECT_EQ(decoded->payloads.size(), 1U);
  ASSERT_TRUE(decoded->encrypted);
  EXPECT_EQ(decoded->encrypted->offset, kHeaderSize + 7 + 4);
  EXPECT_EQ(decoded->encrypted->length, 40U);
  EXPECT_EQ(decoded->encrypted->first, PayloadType::kNone);
}

TEST(Sk, IsTheLastPayload) {
  Message message;
  message.header = auth_header();
  message.payloads = {Unknown{static_cast<std::uint8_t>(PayloadType::kSk), false, counting(40)},
                      VendorId{{1, 2, 3}}};
  const auto decoded = decode_clear(encode_clear(message).value());
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().error.where, "IKE_AUTH");
  EXPECT_EQ(decoded.error().error.detail, "7 octets after its end");
}

TEST(Sk, StandsNotInsideItself) {
  for (const PayloadType type : {PayloadType::kSk, PayloadType::kSkf}) {
    const Bytes octets = {0, 0, 0, 12, 0, 1, 0, 1, 9, 9, 9, 9};
    const auto decoded = decode_payloads(type, octets, "IKE_AUTH");
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().error.where, fmt::format("IKE_AUTH.{}", name_of(type)));
  }
}

TEST(Skf, CarriesItsNumbersAndCoversThem) {
  Bytes datagram = encode_skf_prefix(auth_header(), PayloadType::kIdi, 1, 3, 30).value();
  EXPECT_EQ(datagram.size(), kHeaderSize + kSkfHeaderSize);
  append(datagram, counting(30));
  const auto first = decode_clear(datagram);
  ASSERT_TRUE(first) << first.error().error.to_string();
  EXPECT_EQ(*first->encrypted, (Encrypted{true, 36, 36, 30, PayloadType::kIdi, 1, 3}));

  datagram = encode_skf_prefix(auth_header(), PayloadType::kIdi, 3, 3, 30).value();
  append(datagram, counting(30));
  const auto last = decode_clear(datagram);
  ASSERT_TRUE(last);
  EXPECT_EQ(*last->encrypted, (Encrypted{true, 36, 36, 30, PayloadType::kNone, 3, 3}));
}

TEST(Skf, RefusesNumbersThatCannotBe) {
  const struct {
    std::uint16_t number, total;
    std::uint8_t first;
    std::string_view where;
  } kCases[] = {
      {0, 1, 35, "IKE_AUTH.SKF.fragment_number"},
      {2, 1, 0, "IKE_AUTH.SKF.fragment_number"},
      {0, 0, 0, "IKE_AUTH.SKF.total_fragments"},
      {1, kMaxFragments + 1, 35, "IKE_AUTH.SKF.total_fragments"},
      {1, 0xffff, 35, "IKE_AUTH.SKF.total_fragments"},
      {2, 3, 35, "IKE_AUTH.SKF.next_payload"},
  };
  for (const auto& c : kCases) {
    Bytes datagram = encode_skf_prefix(auth_header(), PayloadType::kIdi, 1, 1, 4).value();
    append(datagram, counting(4));
    datagram[28] = c.first;
    datagram[32] = static_cast<std::uint8_t>(c.number >> 8);
    datagram[33] = static_cast<std::uint8_t>(c.number);
    datagram[34] = static_cast<std::uint8_t>(c.total >> 8);
    datagram[35] = static_cast<std::uint8_t>(c.total);
    const auto decoded = decode_clear(datagram);
    ASSERT_FALSE(decoded) << c.number << " of " << c.total;
    EXPECT_EQ(decoded.error().error.where, c.where);
  }
  EXPECT_FALSE(encode_skf_prefix(auth_header(), PayloadType::kIdi, 0, 1, 4));
  EXPECT_FALSE(encode_skf_prefix(auth_header(), PayloadType::kIdi, 2, 1, 4));
  EXPECT_FALSE(encode_skf_prefix(auth_header(), PayloadType::kIdi, 1, kMaxFragments + 1, 4));
}

TEST(Sk, TooLongForItsLength) {
  EXPECT_FALSE(encode_sk_prefix(auth_header(), PayloadType::kIdi, 65535));
  EXPECT_FALSE(encode_sk_prefix(auth_header(), PayloadType::kIdi, kMaxMessage - 31));
  EXPECT_TRUE(encode_sk_prefix(auth_header(), PayloadType::kIdi, kMaxMessage - 32));
}

TEST(Padding, ComesOffAsItWentOn) {
  for (const std::size_t block : {1U, 4U, 8U, 16U, 256U}) {
    for (std::size_t size = 0; size < 40; ++size) {
      const Bytes plaintext = counting(size);
      const Bytes padded = pad_plaintext(plaintext, block);
      EXPECT_EQ(padded.size() % block, 0U);
      EXPECT_EQ(padded.size(), padded_size(size, block));
      EXPECT_LE(padded.size(), size + block);
      const auto stripped = strip_padding(padded);
      ASSERT_TRUE(stripped);
      EXPECT_EQ(to_bytes(*stripped), plaintext);
    }
  }
}

TEST(Padding, MoreThanThereIs) {
  EXPECT_FALSE(strip_padding({}));
  EXPECT_FALSE(strip_padding(Bytes{1}));
  EXPECT_FALSE(strip_padding(Bytes{1, 2, 3, 4}));
  EXPECT_EQ(strip_padding(Bytes{1, 2, 3, 4}).error().error.where, "SK.pad_length");
  EXPECT_TRUE(strip_padding(Bytes{1, 2, 3, 3}).value().empty());
  EXPECT_TRUE(strip_padding(Bytes{0}).value().empty());
}

}  // namespace
}  // namespace espalier::ike::wire
