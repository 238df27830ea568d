#include "ike/wire/encode.h"

#include <algorithm>
#include <variant>

#include <fmt/format.h>

#include "ike/wire/payload_codec.h"
#include "ike/wire/writer.h"

namespace espalier::ike::wire {

namespace {

// RFC 7296 section 3.1.
void write_header(Writer& writer, const Header& header, PayloadType next, std::size_t length) {
  if (length > kMaxMessage) {
    writer.fail("header.length", fmt::format("{} octets, above {}", length, kMaxMessage));
  }
  writer.u64(header.spi_i);
  writer.u64(header.spi_r);
  writer.u8(static_cast<std::uint8_t>(next));
  writer.u8(header.version);
  writer.u8(static_cast<std::uint8_t>(header.exchange));
  writer.u8(static_cast<std::uint8_t>((header.initiator ? 0x08U : 0U) |
                                      (header.higher_version ? 0x10U : 0U) |
                                      (header.response ? 0x20U : 0U)));
  writer.u32(header.message_id);
  writer.u32(static_cast<std::uint32_t>(length));
}

PayloadType first_of(const std::vector<Payload>& payloads) {
  return payloads.empty() ? PayloadType::kNone : type_of(payloads.front());
}

void write_payloads(Writer& writer, const std::vector<Payload>& payloads) {
  if (payloads.size() > kMaxPayloads) {
    writer.fail("payloads", fmt::format("{}, more than {}", payloads.size(), kMaxPayloads));
  }
  for (std::size_t i = 0; i < payloads.size(); ++i) {
    const Payload& payload = payloads[i];
    const PayloadType next =
        i + 1 < payloads.size() ? type_of(payloads[i + 1]) : PayloadType::kNone;
    const Unknown* unknown = std::get_if<Unknown>(&payload);
    const std::size_t start = writer.size();
    writer.u8(static_cast<std::uint8_t>(next));
    writer.u8(unknown && unknown->critical ? 0x80 : 0);  // RFC 7296 section 2.5: 0 for our own
    const auto length = writer.length16(start, name_of(type_of(payload)));
    std::visit([&writer](const auto& body) { encode_body(writer, body); }, payload);
  }
}

}  // namespace

Result<Bytes> encode_clear(const Message& message) {
  auto inner = encode_payloads(message.payloads);
  if (!inner) return forward(inner);
  const std::size_t length = kHeaderSize + inner->bytes.size();
  Writer writer(length);
  write_header(writer, message.header, inner->first, length);
  writer.bytes(inner->bytes);
  return writer.take();
}

Result<EncodedPayloads> encode_payloads(const std::vector<Payload>& payloads) {
  Writer writer(512);
  write_payloads(writer, payloads);
  auto bytes = writer.take();
  if (!bytes) return forward(bytes);
  return EncodedPayloads{first_of(payloads), *std::move(bytes)};
}

Result<Bytes> encode_body(const Payload& payload) {
  Writer writer;
  std::visit([&writer](const auto& body) { encode_body(writer, body); }, payload);
  return writer.take();
}

Result<Bytes> encode_sk_prefix(const Header& header, PayloadType first, std::size_t body_length) {
  const std::size_t length = kGenericHeaderSize + body_length;
  Writer writer(kHeaderSize + length);
  write_header(writer, header, PayloadType::kSk, kHeaderSize + length);
  writer.u8(static_cast<std::uint8_t>(first));
  writer.u8(0);
  writer.count16(length, "SK.length");
  return writer.take();
}

Result<Bytes> encode_skf_prefix(const Header& header, PayloadType first,
                                std::uint16_t fragment_number, std::uint16_t total_fragments,
                                std::size_t body_length) {
  const std::size_t length = kSkfHeaderSize + body_length;
  Writer writer(kHeaderSize + length);
  if (fragment_number == 0 || fragment_number > total_fragments ||
      total_fragments > kMaxFragments) {
    writer.fail("SKF.fragment_number", fmt::format("{} of {}", fragment_number, total_fragments));
  }
  write_header(writer, header, PayloadType::kSkf, kHeaderSize + length);
  writer.u8(static_cast<std::uint8_t>(fragment_number == 1 ? first : PayloadType::kNone));
  writer.u8(0);
  writer.count16(length, "SKF.length");
  writer.u16(fragment_number);
  writer.u16(total_fragments);
  return writer.take();
}

std::size_t padded_size(std::size_t plaintext, std::size_t block) {
  block = std::clamp<std::size_t>(block, 1, 256);
  return (plaintext + 1 + block - 1) / block * block;
}

Bytes pad_plaintext(ByteView plaintext, std::size_t block) {
  const std::size_t size = padded_size(plaintext.size(), block);
  Bytes padded;
  padded.reserve(size);
  append(padded, plaintext);
  padded.resize(size, 0);
  padded.back() = static_cast<std::uint8_t>(size - plaintext.size() - 1);
  return padded;
}

}  // namespace espalier::ike::wire
