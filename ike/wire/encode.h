// From message to datagram. An encrypted message is built by the engine in four steps:
//
//   auto inner  = encode_payloads(payloads);                          first type and plaintext
//   auto padded = pad_plaintext(inner->bytes, block);
//   auto prefix = encode_sk_prefix(header, inner->first, iv + padded.size() + icv);
//   datagram    = *prefix + iv + ciphertext + icv                     with the prefix as AAD
//
// Failures (kInvalid) name the field that does not fit: a length, a count, a nonce's size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "ike/wire/message.h"

namespace espalier::ike::wire {

// Header and payloads without encryption; fills in `next` and `length`.
[[nodiscard]] Result<Bytes> encode_clear(const Message& message);

struct EncodedPayloads {
  PayloadType first = PayloadType::kNone;
  Bytes bytes;
};
[[nodiscard]] Result<EncodedPayloads> encode_payloads(const std::vector<Payload>& payloads);

// The body of one payload, without its generic header.
[[nodiscard]] Result<Bytes> encode_body(const Payload& payload);

// Header and SK generic header for a body (IV, ciphertext, ICV) of `body_length` octets.
[[nodiscard]] Result<Bytes> encode_sk_prefix(const Header& header, PayloadType first,
                                             std::size_t body_length);
// The same for SKF (RFC 7383 section 2.5). `first` is what the whole message starts with; it is
// written into fragment 1 only.
[[nodiscard]] Result<Bytes> encode_skf_prefix(const Header& header, PayloadType first,
                                              std::uint16_t fragment_number,
                                              std::uint16_t total_fragments,
                                              std::size_t body_length);

// RFC 7296 section 3.14: appends padding (zeros) and pad length so that the size is a multiple of
// `block` (1 to 256 octets; an AEAD needs no more than 1).
[[nodiscard]] Bytes pad_plaintext(ByteView plaintext, std::size_t block);
// The octets pad_plaintext() gives for `plaintext` of them.
[[nodiscard]] std::size_t padded_size(std::size_t plaintext, std::size_t block);

}  // namespace espalier::ike::wire
