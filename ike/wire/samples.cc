#include "ike/wire/samples.h"

#include "ike/wire/notify_data.h"

namespace espalier::ike::wire {

namespace {

IpAddress ip(const char* text) {
  return IpAddress::parse(text).value();
}

Transform transform(TransformType type, std::uint16_t id,
                    std::optional<std::uint16_t> key_length = std::nullopt) {
  return {type, id, key_length, {}};
}

// Numbers of RFC 7296 section 3.3.2 and its registries.
Sa ike_sa() {
  Proposal aead;
  aead.number = 1;
  aead.transforms = {transform(TransformType::kEncryption, 20, 256),
                     transform(TransformType::kPrf, 6), transform(TransformType::kKeyExchange, 31),
                     transform(TransformType::kKeyExchange, 20)};
  Proposal cbc;
  cbc.number = 2;
  cbc.transforms = {transform(TransformType::kEncryption, 12, 256),
                    transform(TransformType::kEncryption, 12, 128),
                    transform(TransformType::kPrf, 5), transform(TransformType::kIntegrity, 12),
                    transform(TransformType::kKeyExchange, 14)};
  return {{aead, cbc}};
}

Sa esp_sa() {
  Proposal esp;
  esp.protocol = ProtocolId::kEsp;
  esp.spi = {0xc0, 0xff, 0xee, 0x01};
  esp.transforms = {transform(TransformType::kEncryption, 20, 256),
                    transform(TransformType::kSequenceNumbers, 1),
                    transform(TransformType::kSequenceNumbers, 0)};
  return {{esp}};
}

Sa ike_rekey_sa() {
  Sa sa = ike_sa();
  sa.proposals.resize(1);
  sa.proposals[0].spi = counting(8, 1);
  return sa;
}

Sa sa_with_unknown_attributes() {
  Sa sa = esp_sa();
  sa.proposals[0].transforms[0].other_attributes = {{14, true, {0, 128}},
                                                    {0x1234, false, {1, 2, 3}}};
  sa.proposals[0].transforms.push_back({static_cast<TransformType>(241), 7, {}, {}});
  return sa;
}

Identification id(IdType type, std::string_view text) {
  return {type, to_bytes(as_bytes(text))};
}

TrafficSelector range(const char* start, const char* end, std::uint8_t protocol,
                      std::uint16_t start_port, std::uint16_t end_port) {
  return {protocol, start_port, end_port, ip(start), ip(end)};
}

std::vector<TrafficSelector> selectors() {
  return {range("10.1.0.0", "10.1.255.255", 0, 0, 65535),
          range("fd00::", "fd00::ffff", 17, 4789, 4789),
          range("192.0.2.1", "192.0.2.1", 1, 0x0800, 0x08ff),
          range("192.0.2.2", "192.0.2.9", 6, 65535, 0)};
}

Notify esp_notify(NotifyType type) {
  Notify notify;
  notify.type = type;
  notify.protocol = ProtocolId::kEsp;
  notify.spi = {1, 2, 3, 4};
  return notify;
}

Notify plain_notify(NotifyType type, Bytes data) {
  Notify notify;
  notify.type = type;
  notify.data = std::move(data);
  return notify;
}

}  // namespace

Bytes counting(std::size_t size, std::uint8_t first) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(first + i);
  return bytes;
}

Bytes octets(std::string_view text) {
  std::string digits;
  for (const char c : text) {
    if (c != ' ' && c != '\n') digits += c;
  }
  return from_hex(digits).value();
}

std::vector<Sample> sample_payloads() {
  // A distinguished name "CN=a" in DER.
  const Bytes dn = {0x30, 0x0c, 0x31, 0x0a, 0x30, 0x08, 0x06,
                    0x03, 0x55, 0x04, 0x03, 0x0c, 0x01, 0x61};
  return {
      {"sa_ike", "sa", ike_sa()},
      {"sa_esp", "sa", esp_sa()},
      {"sa_ike_rekey", "sa", ike_rekey_sa()},
      {"sa_unknown_attributes", "sa", sa_with_unknown_attributes()},
      {"ke_x25519", "ke", Ke{31, counting(32)}},
      {"idi_fqdn", "idi", Idi{id(IdType::kFqdn, "node-1.example.org"), {}}},
      {"idi_reserved", "idi", Idi{id(IdType::kKeyId, "a key"), {1, 2, 3}}},
      {"idi_ipv6", "idi", Idi{identification_of(ip("2001:db8::1")), {}}},
      {"idr_dn", "idr", Idr{{IdType::kDerAsn1Dn, dn}, {}}},
      {"idr_mail", "idr", Idr{id(IdType::kRfc822Addr, "user@example.org"), {}}},
      {"idr_null", "idr", Idr{{IdType::kNull, {}}, {}}},
      {"cert_x509", "cert", Cert{CertEncoding::kX509Signature, counting(60)}},
      {"certreq_two", "certreq", CertReq{CertEncoding::kX509Signature, counting(40)}},
      {"certreq_none", "certreq", CertReq{CertEncoding::kX509Signature, {}}},
      {"auth_psk", "auth", Auth{AuthMethod::kSharedKeyMic, counting(32)}},
      {"auth_signature", "auth", Auth{AuthMethod::kDigitalSignature, counting(90, 12)}},
      {"nonce_32", "nonce", Nonce{counting(32)}},
      {"nonce_16", "nonce", Nonce{counting(16)}},
      {"nonce_256", "nonce", Nonce{counting(256)}},
      {"notify_cookie", "notify", plain_notify(NotifyType::kCookie, counting(36))},
      {"notify_transport", "notify", plain_notify(NotifyType::kUseTransportMode, {})},
      {"notify_rekey", "notify", esp_notify(NotifyType::kRekeySa)},
      {"notify_ppk", "notify", make_ppk_identity({PpkIdType::kFixed, to_bytes(as_bytes("ppk-1"))})},
      {"notify_hashes", "notify",
       make_signature_hash_algorithms({HashAlgorithm::kSha256, HashAlgorithm::kSha384})},
      {"notify_unknown", "notify", plain_notify(static_cast<NotifyType>(40960), {9})},
      {"delete_ike", "delete", Delete{ProtocolId::kIke, {}}},
      {"delete_esp", "delete", Delete{ProtocolId::kEsp, {0x01020304, 0xfffefdfc}}},
      {"vendor", "vendor", VendorId{to_bytes(as_bytes("a vendor"))}},
      {"tsi", "tsi", Tsi{selectors(), 0}},
      {"tsr", "tsr", Tsr{{selectors()[0]}, 0}},
      {"cp_request", "cp", Cp{CfgType::kRequest, {{1, {}}, {8, {}}}}},
      {"cp_reply", "cp", Cp{CfgType::kReply, {{1, {10, 0, 0, 7}}, {3, {10, 0, 0, 1}}}}},
      {"eap_identity", "eap", Eap{{1, 1, 0, 5, 1}}},
      {"unknown_200", "unknown", Unknown{200, false, counting(5)}},
  };
}

std::vector<MalformedSample> malformed_payloads() {
  const std::string tsi =
      "02 000000 07000010 0000ffff 0a000000 0a0000ff"
      "08000028 0000ffff 00000000000000000000000000000000"
      "ffffffffffffffffffffffffffffffff";
  const struct {
    PayloadType type;
    std::string octets;
    std::string where;
    Code code;
  } kCases[] = {
      // SA
      {PayloadType::kSa, "", "SA", Code::kInvalid},
      {PayloadType::kSa, "00 00 0007 01 01 00 00", "SA.proposal[0].length", Code::kInvalid},
      {PayloadType::kSa, "00 00 0009 01 01 00 00", "SA.proposal[0]", Code::kTruncated},
      {PayloadType::kSa, "00 00 ffff 01 01 00 00", "SA.proposal[0]", Code::kTruncated},
      {PayloadType::kSa, "00 00 0008 01 01 04 00", "SA.proposal[0].spi", Code::kTruncated},
      {PayloadType::kSa, "02 00 0008 01 01 00 00", "SA.proposal[0].last_substruc", Code::kInvalid},
      {PayloadType::kSa, "00 00 0008 01 01 00 00 00 00 0008 02 01 00 00",
       "SA.proposal[0].last_substruc", Code::kInvalid},
      {PayloadType::kSa, "02 00 0008 01 01 00 00 00 00 0008 01 01 00 00", "SA.proposal[1].number",
       Code::kInvalid},
      {PayloadType::kSa, "00 00 0010 01 01 00 02 00 00 0008 02 00 0005",
       "SA.proposal[0].transform[1]", Code::kTruncated},
      {PayloadType::kSa, "00 00 0010 01 01 00 00 00 00 0008 02 00 0005", "SA.proposal[0]",
       Code::kInvalid},
      {PayloadType::kSa, "00 00 0010 01 01 00 01 03 00 0008 02 00 0005",
       "SA.proposal[0].transform[0].last_substruc", Code::kInvalid},
      {PayloadType::kSa, "00 00 0010 01 01 00 01 00 00 0007 02 00 0005",
       "SA.proposal[0].transform[0].length", Code::kInvalid},
      {PayloadType::kSa, "00 00 0010 01 01 00 01 00 00 0009 02 00 0005",
       "SA.proposal[0].transform[0]", Code::kTruncated},
      {PayloadType::kSa, "00 00 0012 01 01 00 01 00 00 000a 02 00 0005 800e",
       "SA.proposal[0].transform[0].attribute_value", Code::kTruncated},
      {PayloadType::kSa, "00 00 0015 01 01 00 01 00 00 000d 02 00 0005 000e 0002 01",
       "SA.proposal[0].transform[0].attribute_value", Code::kTruncated},
      {PayloadType::kSa, "00 00 0008 01 01 00 81", "SA.proposal[0].num_transforms", Code::kInvalid},
      // TS
      {PayloadType::kTsi, "00 000000", "TSi.number_of_tss", Code::kInvalid},
      {PayloadType::kTsi, "81 000000", "TSi.number_of_tss", Code::kInvalid},
      {PayloadType::kTsi, "01 000000", "TSi.selector[0]", Code::kTruncated},
      {PayloadType::kTsi, "03" + tsi.substr(2), "TSi.selector[2]", Code::kTruncated},
      {PayloadType::kTsi, "01" + tsi.substr(2), "TSi", Code::kInvalid},
      {PayloadType::kTsi, "01 000000 07000007 0000ff", "TSi.selector[0].selector_length",
       Code::kInvalid},
      {PayloadType::kTsi, "01 000000 0700000f 0000ffff 0a000000 0a0000",
       "TSi.selector[0].end_address", Code::kTruncated},
      {PayloadType::kTsi, "01 000000 07000011 0000ffff 0a000000 0a0000ff 00", "TSi.selector[0]",
       Code::kInvalid},
      {PayloadType::kTsi, "01 000000 08000010 0000ffff 0a000000 0a0000ff",
       "TSi.selector[0].start_address", Code::kTruncated},
      {PayloadType::kTsr, "01 000000 07000010 0000ffff 0a000001 0a000000",
       "TSr.selector[0].end_address", Code::kInvalid},
      {PayloadType::kTsr,
       "02 000000 07000010 0000ffff 0a000000 0a0000ff 07000010 01bb01ba 0a000000 0a0000ff",
       "TSr.selector[1].end_port", Code::kInvalid},
      // The rest
      {PayloadType::kKe, "0013", "KE.reserved", Code::kTruncated},
      {PayloadType::kKe, "0013 0000", "KE.data", Code::kTruncated},
      {PayloadType::kIdi, "02 000000", "IDi.data", Code::kInvalid},
      {PayloadType::kIdi, "01 000000 c00002", "IDi.data", Code::kInvalid},
      {PayloadType::kIdr, "05 000000 c0000201", "IDr.data", Code::kInvalid},
      {PayloadType::kIdr, "02 000000 61006220", "IDr.data", Code::kInvalid},
      {PayloadType::kCert, "04", "CERT[0].data", Code::kTruncated},
      {PayloadType::kCertReq, "", "CERTREQ[0].encoding", Code::kTruncated},
      {PayloadType::kAuth, "02 000000", "AUTH.data", Code::kTruncated},
      {PayloadType::kNonce, "000102030405060708090a0b0c0d0e", "Nonce.data", Code::kInvalid},
      {PayloadType::kNonce, std::string(257 * 2, '0'), "Nonce.data", Code::kInvalid},
      {PayloadType::kNotify, "03 04 4009 010203", "N[0].spi", Code::kTruncated},
      {PayloadType::kNotify, "03 ff 4009 01020304", "N[0].spi", Code::kTruncated},
      {PayloadType::kDelete, "01 08 0001 0102030405060708", "D[0].spi_size", Code::kInvalid},
      {PayloadType::kDelete, "01 00 0001", "D[0].num_of_spis", Code::kInvalid},
      {PayloadType::kDelete, "03 08 0001 0102030405060708", "D[0].spi_size", Code::kInvalid},
      {PayloadType::kDelete, "03 04 0002 01020304", "D[0].spi", Code::kTruncated},
      {PayloadType::kDelete, "03 04 0001 01020304 05", "D[0]", Code::kInvalid},
      {PayloadType::kDelete, "03 04 ffff 01020304", "D[0].num_of_spis", Code::kInvalid},
      {PayloadType::kCp, "01 000000 0001", "CP.attribute[0]", Code::kTruncated},
      {PayloadType::kCp, "01 000000 0001 0001", "CP.attribute[0]", Code::kTruncated},
  };
  std::vector<MalformedSample> samples;
  for (const auto& c : kCases) samples.push_back({c.type, octets(c.octets), c.where, c.code});
  return samples;
}

Message sample_ike_sa_init() {
  Message message;
  message.header.spi_i = 0x0102030405060708;
  message.header.exchange = ExchangeType::kIkeSaInit;
  message.header.initiator = true;
  message.payloads = {
      ike_sa(),
      Ke{31, counting(32)},
      Nonce{counting(32)},
      plain_notify(NotifyType::kNatDetectionSourceIp, counting(20)),
      plain_notify(NotifyType::kNatDetectionDestinationIp, counting(20, 100)),
      plain_notify(NotifyType::kIkev2FragmentationSupported, {}),
      make_signature_hash_algorithms({HashAlgorithm::kSha256, HashAlgorithm::kSha384}),
      plain_notify(NotifyType::kUsePpk, {}),
  };
  return message;
}

std::vector<Payload> sample_ike_auth() {
  return {
      Idi{id(IdType::kFqdn, "node-1.example.org"), {}},
      Cert{CertEncoding::kX509Signature, counting(60)},
      Cert{CertEncoding::kX509Signature, counting(70)},
      CertReq{CertEncoding::kX509Signature, counting(20)},
      Idr{id(IdType::kFqdn, "node-2.example.org"), {}},
      Auth{AuthMethod::kDigitalSignature, counting(90, 12)},
      esp_sa(),
      Tsi{selectors(), 0},
      Tsr{selectors(), 0},
      plain_notify(NotifyType::kInitialContact, {}),
      plain_notify(NotifyType::kUseTransportMode, {}),
      make_ppk_identity({PpkIdType::kFixed, to_bytes(as_bytes("ppk-1"))}),
  };
}

}  // namespace espalier::ike::wire
