#include "ike/crypto/der.h"

#include "ike/wire/reader.h"

namespace espalier::ike::crypto::der {
namespace {

constexpr std::uint8_t kLongTag = 0x1f;
constexpr std::uint8_t kLongLength = 0x80;
constexpr std::size_t kMaxLengthOctets =
    3;  // 16 MiB; no certificate, key or CRL of ours comes near

}  // namespace

std::optional<Item> Reader::next() {
  if (!ok_) return std::nullopt;
  ok_ = false;
  wire::Reader reader(left_, "DER");
  Item item;
  item.tag = reader.u8("tag");
  if ((item.tag & kLongTag) == kLongTag) return std::nullopt;
  std::size_t length = reader.u8("length");
  if ((length & kLongLength) != 0) {
    const std::size_t octets = length & 0x7f;
    if (octets == 0 || octets > kMaxLengthOctets) return std::nullopt;
    length = 0;
    for (std::size_t i = 0; i < octets; ++i) length = length << 8 | reader.u8("length");
    // X.690 section 10.1: as few octets as possible.
    if (length < 0x80 || (octets > 1 && length >> (8 * (octets - 1)) == 0)) return std::nullopt;
  }
  item.content = reader.bytes(length, "content");
  if (!reader.ok()) return std::nullopt;
  item.whole = left_.first(left_.size() - reader.remaining());
  left_ = left_.subspan(item.whole.size());
  ok_ = true;
  return item;
}

std::optional<ByteView> Reader::content(std::uint8_t tag) {
  const auto item = next();
  if (item && item->tag == tag) return item->content;
  ok_ = false;
  return std::nullopt;
}

std::optional<ByteView> only(ByteView bytes, std::uint8_t tag) {
  Reader reader(bytes);
  const auto content = reader.content(tag);
  return content && reader.at_end() ? content : std::nullopt;
}

Bytes encode(std::uint8_t tag, std::initializer_list<ByteView> parts) {
  std::size_t length = 0;
  for (const ByteView part : parts) length += part.size();
  Bytes out;
  out.reserve(length + 5);
  out.push_back(tag);
  if (length < kLongLength) {
    out.push_back(static_cast<std::uint8_t>(length));
  } else {
    std::size_t octets = 1;
    while (length >> (8 * octets) != 0) ++octets;
    out.push_back(static_cast<std::uint8_t>(kLongLength | octets));
    for (std::size_t i = octets; i-- > 0;) {
      out.push_back(static_cast<std::uint8_t>(length >> (8 * i)));
    }
  }
  for (const ByteView part : parts) append(out, part);
  return out;
}

Bytes encode(std::uint8_t tag, ByteView content) {
  return encode(tag, {content});
}

}  // namespace espalier::ike::crypto::der
