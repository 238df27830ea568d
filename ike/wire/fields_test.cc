// The small pieces: names of numbers, data of notifies, signature AUTH, traffic selectors.
#include <set>

#include <gtest/gtest.h>

#include "ike/wire/auth_data.h"
#include "ike/wire/notify_data.h"
#include "ike/wire/samples.h"

namespace espalier::ike::wire {
namespace {

TEST(Names, AreTheRegistrys) {
  EXPECT_EQ(name_of(ExchangeType::kIkeSaInit), "IKE_SA_INIT");
  EXPECT_EQ(name_of(PayloadType::kTsi), "TSi");
  EXPECT_EQ(name_of(NotifyType::kNoProposalChosen), "NO_PROPOSAL_CHOSEN");
  EXPECT_EQ(name_of(NotifyType::kIkev2FragmentationSupported), "IKEV2_FRAGMENTATION_SUPPORTED");
  EXPECT_EQ(name_of(NotifyType::kAdditionalIp4Address), "ADDITIONAL_IP4_ADDRESS");
  EXPECT_EQ(name_of(NotifyType::kNoPpkAuth), "NO_PPK_AUTH");
  EXPECT_EQ(name_of(TransformType::kIntegrity), "INTEG");
  EXPECT_EQ(name_of(IdType::kDerAsn1Dn), "ID_DER_ASN1_DN");
  EXPECT_EQ(name_of(AuthMethod::kDigitalSignature), "Digital Signature");
  EXPECT_EQ(name_of(HashAlgorithm::kSha384), "SHA2-384");
  EXPECT_EQ(name_of(CertEncoding::kX509Signature), "X.509 Certificate - Signature");
  EXPECT_EQ(name_of(ProtocolId::kEsp), "ESP");
  EXPECT_EQ(name_of(TsType::kIpv6AddrRange), "TS_IPV6_ADDR_RANGE");
  EXPECT_EQ(name_of(CfgType::kReply), "CFG_REPLY");
}

TEST(Names, OfUnknownNumbersAreTheNumbers) {
  EXPECT_EQ(name_of(static_cast<NotifyType>(40960)), "unknown");
  EXPECT_EQ(describe(static_cast<NotifyType>(40960)), "notify 40960");
  EXPECT_EQ(describe(static_cast<ExchangeType>(99)), "exchange 99");
  EXPECT_EQ(describe(static_cast<PayloadType>(200)), "payload 200");
  EXPECT_EQ(describe(NotifyType::kCookie), "COOKIE");
}

TEST(Names, OfNotifiesAreUnlikeEachOther) {
  std::set<std::string_view> names;
  int known = 0;
  for (int number = 0; number < 65536; ++number) {
    const std::string_view name = name_of(static_cast<NotifyType>(number));
    if (name == "unknown") continue;
    ++known;
    EXPECT_TRUE(names.insert(name).second) << name;
  }
  EXPECT_GT(known, 60);
  EXPECT_TRUE(is_error(NotifyType::kChildSaNotFound));
  EXPECT_TRUE(is_error(static_cast<NotifyType>(16383)));
  EXPECT_FALSE(is_error(NotifyType::kInitialContact));
}

Notify with(NotifyType type, Bytes data) {
  return Notify{type, ProtocolId::kNone, {}, std::move(data)};
}

TEST(NotifyData, ComesBackAsItWent) {
  EXPECT_EQ(make_invalid_ke_payload(19).data, (Bytes{0, 19}));
  EXPECT_EQ(invalid_ke_group(make_invalid_ke_payload(0x1234)), 0x1234);
  EXPECT_EQ(make_unsupported_critical_payload(200).data, Bytes{200});
  EXPECT_EQ(make_invalid_major_version().data, Bytes{0x20});
  EXPECT_EQ(rekey_sa_spi(make_rekey_sa(0x01020304)), 0x01020304U);
  EXPECT_EQ(make_rekey_sa(1).protocol, ProtocolId::kEsp);
  EXPECT_EQ(make_child_sa_not_found(5).spi32(), 5U);
  const std::vector<HashAlgorithm> hashes = {HashAlgorithm::kSha512,
                                             static_cast<HashAlgorithm>(77)};
  EXPECT_EQ(signature_hash_algorithms(make_signature_hash_algorithms(hashes)), hashes);
  const PpkIdentity ppk{PpkIdType::kFixed, {'p'}};
  EXPECT_EQ(ppk_identity(make_ppk_identity(ppk)), ppk);
  EXPECT_EQ(make_ppk_identity(ppk).data, (Bytes{2, 'p'}));
}

TEST(NotifyData, OfAnyOtherFormIsNothing) {
  EXPECT_FALSE(invalid_ke_group(with(NotifyType::kInvalidKePayload, {1})));
  EXPECT_FALSE(invalid_ke_group(with(NotifyType::kInvalidKePayload, {1, 2, 3})));
  EXPECT_FALSE(invalid_ke_group(with(NotifyType::kCookie, {1, 2})));
  EXPECT_FALSE(cookie_of(with(NotifyType::kCookie, {})));
  EXPECT_FALSE(cookie_of(with(NotifyType::kCookie, Bytes(65))));
  EXPECT_FALSE(cookie_of(with(NotifyType::kCookie2, {1})));
  EXPECT_FALSE(nat_detection_hash(with(NotifyType::kNatDetectionSourceIp, Bytes(19))));
  EXPECT_FALSE(nat_detection_hash(with(NotifyType::kCookie, Bytes(20))));
  EXPECT_FALSE(signature_hash_algorithms(with(NotifyType::kSignatureHashAlgorithms, {})));
  EXPECT_FALSE(signature_hash_algorithms(with(NotifyType::kSignatureHashAlgorithms, {0, 2, 0})));
  EXPECT_FALSE(window_size(with(NotifyType::kSetWindowSize, {0, 0, 0, 0})));
  EXPECT_FALSE(window_size(with(NotifyType::kSetWindowSize, {0, 0, 1})));
  EXPECT_FALSE(ppk_identity(with(NotifyType::kPpkIdentity, {})));
  EXPECT_FALSE(ppk_identity(with(NotifyType::kPpkIdentity, {2})));
  const Notify cookie = with(NotifyType::kCookie, Bytes(64));
  EXPECT_EQ(cookie_of(cookie)->size(), 64U);
  const Notify nat = with(NotifyType::kNatDetectionDestinationIp, Bytes(20));
  EXPECT_TRUE(nat_detection_hash(nat));
  EXPECT_EQ(window_size(with(NotifyType::kSetWindowSize, {0, 0, 1, 0})), 256U);
}

// CVE-2023-38710 (libreswan): REKEY_SA naming protocol 0 or 1.
TEST(NotifyData, ARekeyNamesAChildSa) {
  for (const int protocol : {0, 1, 4, 255}) {
    Notify notify = make_rekey_sa(7);
    notify.protocol = static_cast<ProtocolId>(protocol);
    EXPECT_FALSE(rekey_sa_spi(notify)) << protocol;
  }
  Notify notify = make_rekey_sa(7);
  notify.spi = Bytes(8);
  EXPECT_FALSE(rekey_sa_spi(notify));
  notify.spi = {};
  EXPECT_FALSE(rekey_sa_spi(notify));
}

TEST(SignatureAuth, IsAlgorithmAndSignature) {
  const Bytes algorithm = counting(12);
  const Bytes signature = counting(70, 100);
  const Bytes data = encode_signature_auth(algorithm, signature).value();
  EXPECT_EQ(data[0], 12);
  const auto decoded = decode_signature_auth(data);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(to_bytes(decoded->algorithm), algorithm);
  EXPECT_EQ(to_bytes(decoded->signature), signature);

  EXPECT_EQ(decode_signature_auth({}).error().error.where, "AUTH.asn1_length");
  EXPECT_EQ(decode_signature_auth(Bytes{0, 1}).error().error.where, "AUTH.asn1_length");
  EXPECT_EQ(decode_signature_auth(Bytes{3, 1, 2}).error().error.where, "AUTH.algorithm_identifier");
  EXPECT_EQ(decode_signature_auth(Bytes{2, 1, 2}).error().error.where, "AUTH.signature");
  EXPECT_FALSE(encode_signature_auth(Bytes(256), signature));
  EXPECT_FALSE(encode_signature_auth({}, signature));
  EXPECT_FALSE(encode_signature_auth(algorithm, {}));
}

TEST(TrafficSelector, IsShownShort) {
  const auto ip = [](const char* text) { return IpAddress::parse(text).value(); };
  const struct {
    TrafficSelector selector;
    std::string_view text;
  } kCases[] = {
      {TrafficSelector::from_prefix(Prefix::parse("10.0.0.0/8").value()), "10.0.0.0/8"},
      {TrafficSelector::from_prefix(Prefix::parse("0.0.0.0/0").value()), "0.0.0.0/0"},
      {TrafficSelector::from_prefix(Prefix::parse("2001:db8::1/128").value(), 6, 443),
       "2001:db8::1/128 tcp 443"},
      {TrafficSelector::from_prefix(Prefix::parse("192.0.2.0/24").value(), 17), "192.0.2.0/24 udp"},
      {{47, 0, 65535, ip("10.0.0.1"), ip("10.0.0.9")}, "10.0.0.1-10.0.0.9 47"},
      {{17, 4789, 4790, ip("10.0.0.1"), ip("10.0.0.1")}, "10.0.0.1/32 udp 4789-4790"},
      {{0, 65535, 0, ip("10.0.0.1"), ip("10.0.0.1")}, "10.0.0.1/32 opaque"},
  };
  for (const auto& c : kCases) EXPECT_EQ(c.selector.to_string(), c.text);
}

}  // namespace
}  // namespace espalier::ike::wire
