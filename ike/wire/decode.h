// From datagram to message, in two steps because of encryption: decode_clear() gives what can be
// read and where the encrypted part lies; the engine decrypts, strips the padding, and gives the
// plaintext to decode_payloads().
//
// Guarantees: total (any bytes give a value or a failure, in time linear in their number); a
// message that breaks the format is refused whole; nothing that is not authenticated is believed
// here, so the caller decides whether a failure may be answered at all (RFC 7296 section 2.21).
// Payload types that may stand once only (SA, KE, IDi, IDr, AUTH, Nonce, TSi, TSr, CP, EAP) do.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "ike/wire/message.h"

namespace espalier::ike::wire {

struct DecodeFailure {
  Error error;  // where: "IKE_AUTH.TSi.selector[1].end_port"
  // What a peer may be told: INVALID_SYNTAX, UNSUPPORTED_CRITICAL_PAYLOAD or
  // INVALID_MAJOR_VERSION; nullopt when nothing is to be said (not IKEv2 at all).
  std::optional<NotifyType> notify;
  std::optional<std::uint8_t> critical_type;  // the payload type, for UNSUPPORTED_CRITICAL_PAYLOAD
  std::optional<Header> header;  // where the header itself could be read, so one can answer
};

template <typename T>
using Decoded = tl::expected<T, DecodeFailure>;

// The header alone. Refuses a length that is not the datagram's and a major version other than 2:
// a higher one with INVALID_MAJOR_VERSION, a lower one in silence (RFC 7296 section 2.5).
[[nodiscard]] Decoded<Header> decode_header(ByteView datagram);

// Header and clear payloads; `encrypted` is set when an SK or SKF payload ends the message.
// The datagram is without the non-ESP marker.
[[nodiscard]] Decoded<Message> decode_clear(ByteView datagram);

// The payloads of a decrypted and unpadded SK content. `context` names it in failures
// ("IKE_AUTH"); it outlives the call only. An SK or SKF inside is refused.
[[nodiscard]] Decoded<std::vector<Payload>> decode_payloads(PayloadType first, ByteView plaintext,
                                                            std::string_view context);

// RFC 7296 section 3.14: the plaintext without padding and pad length. The padding's content is
// not looked at.
[[nodiscard]] Decoded<ByteView> strip_padding(ByteView plaintext);

}  // namespace espalier::ike::wire
