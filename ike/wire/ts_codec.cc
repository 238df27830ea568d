// TSi and TSr (RFC 7296 section 3.13).
#include <fmt/format.h>

#include "ike/wire/limits.h"
#include "ike/wire/payload_codec.h"

namespace espalier::ike::wire {

namespace {

constexpr std::size_t kSelectorHeader = 8;

void decode_addresses(Reader& reader, std::size_t size, TrafficSelector& selector) {
  const ByteView start = reader.bytes(size, "start_address");
  const ByteView end = reader.bytes(size, "end_address");
  reader.expect_end();
  if (!reader.ok()) return;
  selector.start = IpAddress::from_bytes(start).value_or(IpAddress{});
  selector.end = IpAddress::from_bytes(end).value_or(IpAddress{});
  if (selector.end < selector.start) {
    reader.fail("end_address", Code::kInvalid,
                fmt::format("{} is below the start, {}", selector.end.to_string(),
                            selector.start.to_string()));
  }
  if (selector.end_port < selector.start_port && !selector.opaque_ports()) {
    reader.fail("end_port", Code::kInvalid,
                fmt::format("{} is below the start, {}", selector.end_port, selector.start_port));
  }
}

template <PayloadType kType>
void decode_selector(Reader& list, int index, TsPayload<kType>& ts) {
  Reader head = list.sub(4, "selector", index);
  const auto type = static_cast<TsType>(head.u8("ts_type"));
  TrafficSelector selector;
  selector.protocol = head.u8("ip_protocol_id");
  const std::uint16_t length = head.u16("selector_length");
  if (head.ok() && length < kSelectorHeader) {
    head.fail("selector_length", Code::kInvalid,
              fmt::format("{} octets, less than its header", length));
  }
  Reader reader = list.sub(length < 4U ? 0U : length - 4U, "selector", index);
  if (type != TsType::kIpv4AddrRange && type != TsType::kIpv6AddrRange) {
    ++ts.unknown_selectors;
    return;
  }
  selector.start_port = reader.u16("start_port");
  selector.end_port = reader.u16("end_port");
  decode_addresses(reader, type == TsType::kIpv4AddrRange ? 4 : 16, selector);
  if (reader.ok()) ts.selectors.push_back(selector);
}

template <PayloadType kType>
void decode_ts(Reader& reader, TsPayload<kType>& ts) {
  const std::uint8_t count = reader.u8("number_of_tss");
  reader.bytes(3, "reserved");
  if (reader.ok() && (count == 0 || count > kMaxSelectors)) {
    reader.fail("number_of_tss", Code::kInvalid,
                fmt::format("{}, not 1 to {}", count, kMaxSelectors));
  }
  for (int i = 0; i < count && reader.ok(); ++i) decode_selector(reader, i, ts);
  reader.expect_end();
}

template <PayloadType kType>
void encode_ts(Writer& writer, const TsPayload<kType>& ts) {
  if (ts.selectors.empty()) writer.fail(name_of(kType), "holds no selector");
  if (ts.selectors.size() > kMaxSelectors) writer.fail(name_of(kType), "too many selectors");
  writer.count8(ts.selectors.size(), name_of(kType));
  writer.zeros(3);
  for (const TrafficSelector& selector : ts.selectors) {
    if (selector.start.family() != selector.end.family()) {
      writer.fail(name_of(kType), "a selector's addresses are of two families");
    }
    const std::size_t start = writer.size();
    const bool v4 = selector.family() == IpFamily::kV4;
    writer.u8(static_cast<std::uint8_t>(v4 ? TsType::kIpv4AddrRange : TsType::kIpv6AddrRange));
    writer.u8(selector.protocol);
    const auto length = writer.length16(start, name_of(kType));
    writer.u16(selector.start_port);
    writer.u16(selector.end_port);
    writer.bytes(selector.start.bytes());
    writer.bytes(selector.end.bytes());
  }
}

}  // namespace

void decode_body(Reader& reader, Tsi& ts) {
  decode_ts(reader, ts);
}
void decode_body(Reader& reader, Tsr& ts) {
  decode_ts(reader, ts);
}
void encode_body(Writer& writer, const Tsi& ts) {
  encode_ts(writer, ts);
}
void encode_body(Writer& writer, const Tsr& ts) {
  encode_ts(writer, ts);
}

}  // namespace espalier::ike::wire
