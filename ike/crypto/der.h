// DER (X.690) read strictly and written: what certificates, keys and signature algorithms are made
// of.
//
// Guarantees: bounds-checked, no recursion, no allocation while reading. Refuses what is not DER:
// indefinite or non-minimal lengths, tags of more than one octet.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>

#include "base/bytes.h"

namespace espalier::ike::crypto::der {

inline constexpr std::uint8_t kBoolean = 0x01;
inline constexpr std::uint8_t kInteger = 0x02;
inline constexpr std::uint8_t kBitString = 0x03;
inline constexpr std::uint8_t kOctetString = 0x04;
inline constexpr std::uint8_t kNull = 0x05;
inline constexpr std::uint8_t kObjectIdentifier = 0x06;
inline constexpr std::uint8_t kUtf8String = 0x0c;
inline constexpr std::uint8_t kPrintableString = 0x13;
inline constexpr std::uint8_t kT61String = 0x14;
inline constexpr std::uint8_t kIa5String = 0x16;
inline constexpr std::uint8_t kBmpString = 0x1e;
inline constexpr std::uint8_t kSequence = 0x30;
inline constexpr std::uint8_t kSet = 0x31;
// [number], primitive or constructed.
[[nodiscard]] constexpr std::uint8_t context(int number, bool constructed) {
  return static_cast<std::uint8_t>((constructed ? 0xa0 : 0x80) | number);
}

struct Item {
  std::uint8_t tag = 0;
  ByteView content;
  ByteView whole;  // with tag and length
};

// Reads one item after the other. After a failure every read fails.
class Reader {
 public:
  explicit Reader(ByteView bytes) : left_(bytes) {}

  [[nodiscard]] bool at_end() const { return ok_ && left_.empty(); }
  // The tag of the next item; 0 when there is none.
  [[nodiscard]] std::uint8_t peek() const { return ok_ && !left_.empty() ? left_.front() : 0; }
  std::optional<Item> next();
  // The next item's content when it has this tag; a failure otherwise.
  std::optional<ByteView> content(std::uint8_t tag);

 private:
  ByteView left_;
  bool ok_ = true;
};

// The content of the one item that `bytes` is; nullopt when it is something else or more.
[[nodiscard]] std::optional<ByteView> only(ByteView bytes, std::uint8_t tag);

// tag | length | the parts.
[[nodiscard]] Bytes encode(std::uint8_t tag, std::initializer_list<ByteView> parts);
// The same when the content lies in one place.
[[nodiscard]] Bytes encode(std::uint8_t tag, ByteView content);

}  // namespace espalier::ike::crypto::der
