// Message: a header and its payloads, with the look-ups an exchange needs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "ike/wire/constants.h"
#include "ike/wire/limits.h"
#include "ike/wire/payloads.h"

namespace espalier::ike::wire {

inline constexpr std::uint8_t kVersion2 = 0x20;

// RFC 7296 section 3.1. `next` and `length` are written by the encoder, whatever they hold.
struct Header {
  std::uint64_t spi_i = 0;
  std::uint64_t spi_r = 0;
  PayloadType next = PayloadType::kNone;
  std::uint8_t version = kVersion2;  // major in the high four bits, minor in the low four
  ExchangeType exchange{};
  bool initiator = false;       // I: sent by the original initiator of the IKE SA
  bool response = false;        // R
  bool higher_version = false;  // V
  std::uint32_t message_id = 0;
  std::uint32_t length = 0;  // octets, of the whole message

  friend bool operator==(const Header&, const Header&) = default;
};

// Where the SK or SKF payload that ends a message lies in its datagram.
//
//   [0, associated_data_length)   header, payloads before, generic header, fragment numbers: the
//   AAD [offset, offset + length)     IV, ciphertext, ICV
struct Encrypted {
  bool fragment = false;  // SKF (RFC 7383)
  std::size_t associated_data_length = 0;
  std::size_t offset = 0;
  std::size_t length = 0;
  // First payload inside; kNone when there is none, and in every fragment but the first.
  PayloadType first = PayloadType::kNone;
  // 1-based; 1 of 1 for SK. Decoded: 1 <= fragment_number <= total_fragments <= kMaxFragments.
  std::uint16_t fragment_number = 1;
  std::uint16_t total_fragments = 1;

  friend bool operator==(const Encrypted&, const Encrypted&) = default;
};

// The first payload of type P, or null.
template <typename P>
[[nodiscard]] const P* find(const std::vector<Payload>& payloads) {
  for (const Payload& payload : payloads) {
    if (const P* found = std::get_if<P>(&payload)) return found;
  }
  return nullptr;
}

template <typename P>
[[nodiscard]] std::vector<const P*> all(const std::vector<Payload>& payloads) {
  std::vector<const P*> found;
  for (const Payload& payload : payloads) {
    if (const P* one = std::get_if<P>(&payload)) found.push_back(one);
  }
  return found;
}

[[nodiscard]] const Notify* find_notify(const std::vector<Payload>& payloads, NotifyType type);
// The first notify that reports an error (RFC 7296 section 3.10.1), or null.
[[nodiscard]] const Notify* find_error(const std::vector<Payload>& payloads);

struct Message {
  Header header;
  std::vector<Payload> payloads;       // of the clear part, in order
  std::optional<Encrypted> encrypted;  // set by decode_clear(), not read by encode_clear()

  template <typename P>
  [[nodiscard]] const P* find() const {
    return wire::find<P>(payloads);
  }
  template <typename P>
  [[nodiscard]] std::vector<const P*> all() const {
    return wire::all<P>(payloads);
  }
  [[nodiscard]] const Notify* find_notify(NotifyType type) const {
    return wire::find_notify(payloads, type);
  }
};

}  // namespace espalier::ike::wire
