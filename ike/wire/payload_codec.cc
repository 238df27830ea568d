// The payloads that are a few fields and a string of octets (RFC 7296 sections 3.4 to 3.12, 3.15,
// 3.16). SA and TS have files of their own.
#include "ike/wire/payload_codec.h"

#include <fmt/format.h>

#include "ike/wire/limits.h"

namespace espalier::ike::wire {

namespace {

Bytes rest_of(Reader& reader) {
  return to_bytes(reader.rest());
}

// As rest_of, where nothing makes no sense.
Bytes some(Reader& reader, std::string_view field) {
  if (reader.ok() && reader.remaining() == 0) reader.fail(field, Code::kTruncated, "is empty");
  return rest_of(reader);
}

template <PayloadType kType>
void decode_id(Reader& reader, IdPayload<kType>& payload) {
  payload.id.type = static_cast<IdType>(reader.u8("id_type"));
  const ByteView reserved = reader.bytes(3, "reserved");
  std::copy(reserved.begin(), reserved.end(), payload.reserved.begin());
  payload.id.data = rest_of(reader);
  if (!reader.ok()) return;
  if (auto checked = check(payload.id); !checked) {
    reader.fail("data", checked.error().code, checked.error().detail);
  }
}

template <PayloadType kType>
void encode_id(Writer& writer, const IdPayload<kType>& payload) {
  if (auto checked = check(payload.id); !checked) {
    writer.fail(name_of(kType), checked.error().detail);
  }
  writer.bytes(payload.body());
}

void check_nonce(std::size_t size, std::string* problem) {
  if (size < kMinNonce || size > kMaxNonce) {
    *problem = fmt::format("{} octets, not {} to {}", size, kMinNonce, kMaxNonce);
  }
}

}  // namespace

void decode_body(Reader& reader, Ke& ke) {
  ke.group = reader.u16("dh_group");
  reader.u16("reserved");
  ke.data = some(reader, "data");
}

void encode_body(Writer& writer, const Ke& ke) {
  if (ke.data.empty()) writer.fail("KE.data", "is empty");
  writer.u16(ke.group);
  writer.u16(0);
  writer.bytes(ke.data);
}

void decode_body(Reader& reader, Idi& id) {
  decode_id(reader, id);
}
void decode_body(Reader& reader, Idr& id) {
  decode_id(reader, id);
}
void encode_body(Writer& writer, const Idi& id) {
  encode_id(writer, id);
}
void encode_body(Writer& writer, const Idr& id) {
  encode_id(writer, id);
}

void decode_body(Reader& reader, Cert& cert) {
  cert.encoding = static_cast<CertEncoding>(reader.u8("encoding"));
  cert.data = some(reader, "data");
}

void encode_body(Writer& writer, const Cert& cert) {
  if (cert.data.empty()) writer.fail("CERT.data", "is empty");
  writer.u8(static_cast<std::uint8_t>(cert.encoding));
  writer.bytes(cert.data);
}

void decode_body(Reader& reader, CertReq& request) {
  request.encoding = static_cast<CertEncoding>(reader.u8("encoding"));
  request.authorities = rest_of(reader);
}

void encode_body(Writer& writer, const CertReq& request) {
  writer.u8(static_cast<std::uint8_t>(request.encoding));
  writer.bytes(request.authorities);
}

void decode_body(Reader& reader, Auth& auth) {
  auth.method = static_cast<AuthMethod>(reader.u8("method"));
  reader.bytes(3, "reserved");
  auth.data = some(reader, "data");
}

void encode_body(Writer& writer, const Auth& auth) {
  if (auth.data.empty()) writer.fail("AUTH.data", "is empty");
  writer.u8(static_cast<std::uint8_t>(auth.method));
  writer.zeros(3);
  writer.bytes(auth.data);
}

void decode_body(Reader& reader, Nonce& nonce) {
  nonce.data = rest_of(reader);
  std::string problem;
  check_nonce(nonce.data.size(), &problem);
  if (reader.ok() && !problem.empty()) reader.fail("data", Code::kInvalid, std::move(problem));
}

void encode_body(Writer& writer, const Nonce& nonce) {
  std::string problem;
  check_nonce(nonce.data.size(), &problem);
  if (!problem.empty()) writer.fail("Nonce.data", std::move(problem));
  writer.bytes(nonce.data);
}

void decode_body(Reader& reader, Notify& notify) {
  notify.protocol = static_cast<ProtocolId>(reader.u8("protocol_id"));
  const std::uint8_t spi_size = reader.u8("spi_size");
  notify.type = static_cast<NotifyType>(reader.u16("type"));
  notify.spi = to_bytes(reader.bytes(spi_size, "spi"));
  notify.data = rest_of(reader);
}

void encode_body(Writer& writer, const Notify& notify) {
  writer.u8(static_cast<std::uint8_t>(notify.protocol));
  writer.count8(notify.spi.size(), "N.spi_size");
  writer.u16(static_cast<std::uint16_t>(notify.type));
  writer.bytes(notify.spi);
  writer.bytes(notify.data);
}

void decode_body(Reader& reader, Delete& del) {
  del.protocol = static_cast<ProtocolId>(reader.u8("protocol_id"));
  const std::uint8_t spi_size = reader.u8("spi_size");
  const std::uint16_t count = reader.u16("num_of_spis");
  if (!reader.ok()) return;
  const bool ike = del.protocol == ProtocolId::kIke;
  if (!ike && del.protocol != ProtocolId::kEsp && del.protocol != ProtocolId::kAh) {
    reader.fail("protocol_id", Code::kInvalid,
                fmt::format("{} is not IKE, AH or ESP", static_cast<unsigned>(del.protocol)));
    return;
  }
  // RFC 7296 section 3.11: the IKE SA is the one the message came on, so it has no SPI here.
  if (spi_size != (ike ? 0 : 4)) {
    reader.fail("spi_size", Code::kInvalid,
                fmt::format("{} for {}", spi_size, name_of(del.protocol)));
  }
  if (ike ? count != 0 : count > kMaxDeleteSpis) {
    reader.fail("num_of_spis", Code::kInvalid,
                fmt::format("{} for {}", count, name_of(del.protocol)));
  }
  for (int i = 0; i < count && reader.ok(); ++i) {
    const std::uint32_t spi = reader.u32("spi");
    if (reader.ok()) del.spis.push_back(spi);
  }
  reader.expect_end();
}

void encode_body(Writer& writer, const Delete& del) {
  const bool ike = del.protocol == ProtocolId::kIke;
  if (ike && !del.spis.empty()) writer.fail("D.num_of_spis", "IKE has none");
  if (del.spis.size() > kMaxDeleteSpis) writer.fail("D.num_of_spis", "too many");
  writer.u8(static_cast<std::uint8_t>(del.protocol));
  writer.u8(ike ? 0 : 4);
  writer.count16(del.spis.size(), "D.num_of_spis");
  for (const std::uint32_t spi : del.spis) writer.u32(spi);
}

void decode_body(Reader& reader, VendorId& vendor) {
  vendor.data = rest_of(reader);
}

void encode_body(Writer& writer, const VendorId& vendor) {
  writer.bytes(vendor.data);
}

void decode_body(Reader& reader, Cp& cp) {
  cp.cfg_type = static_cast<CfgType>(reader.u8("cfg_type"));
  reader.bytes(3, "reserved");
  for (int i = 0; reader.remaining() > 0; ++i) {
    if (cp.attributes.size() == kMaxCpAttributes) {
      reader.fail("attributes", Code::kInvalid, fmt::format("more than {}", kMaxCpAttributes));
      return;
    }
    Reader head = reader.sub(4, "attribute", i);
    CpAttribute attribute;
    attribute.type = head.u16("type") & 0x7fff;  // the top bit is reserved
    const std::uint16_t length = head.u16("length");
    Reader value = reader.sub(length, "attribute", i);
    attribute.value = to_bytes(value.rest());
    if (reader.ok()) cp.attributes.push_back(std::move(attribute));
  }
}

void encode_body(Writer& writer, const Cp& cp) {
  writer.u8(static_cast<std::uint8_t>(cp.cfg_type));
  writer.zeros(3);
  for (const CpAttribute& attribute : cp.attributes) {
    writer.u16(attribute.type & 0x7fff);
    writer.count16(attribute.value.size(), "CP.attribute.length");
    writer.bytes(attribute.value);
  }
}

void decode_body(Reader& reader, Eap& eap) {
  eap.message = rest_of(reader);
}

void encode_body(Writer& writer, const Eap& eap) {
  writer.bytes(eap.message);
}

void decode_body(Reader& reader, Unknown& unknown) {
  unknown.body = rest_of(reader);
}

void encode_body(Writer& writer, const Unknown& unknown) {
  writer.bytes(unknown.body);
}

}  // namespace espalier::ike::wire
