// Encryption and authentication of whole messages: SK and SKF around the wire codec (RFC 7296
// section 3.14, RFC 7383).
#pragma once

#include <optional>
#include <vector>

#include "ike/exchange/core.h"

namespace espalier::ike::exchange {

// One message as the datagrams that carry it: one with SK, or several with SKF when it would be
// longer than Settings::fragment_size and the peer takes fragments.
[[nodiscard]] Result<std::vector<Bytes>> protect(Core& core, IkeSa& sa, wire::ExchangeType exchange,
                                                 bool response, std::uint32_t message_id,
                                                 const std::vector<wire::Payload>& payloads);

struct Opened {
  wire::PayloadType first = wire::PayloadType::kNone;
  Bytes plaintext;
};

// Whether the peer has sealed it. Changes nothing.
[[nodiscard]] bool authentic(Core& core, const IkeSa& sa, const Datagram& datagram,
                             const wire::Message& clear);

// The decrypted content of a message, or nullopt while fragments are missing. Fails when the
// datagram is not authentic; then nothing has changed.
[[nodiscard]] Result<std::optional<Opened>> open(Core& core, IkeSa& sa, ByteView datagram,
                                                 const wire::Message& clear);

}  // namespace espalier::ike::exchange
