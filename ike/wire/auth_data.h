// The inside of an AUTH payload of method 14 (RFC 7427 section 3): one octet of length, an ASN.1
// AlgorithmIdentifier of that length, the signature.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "ike/wire/decode.h"

namespace espalier::ike::wire {

struct SignatureAuth {
  ByteView algorithm;  // DER AlgorithmIdentifier; not empty. It lies in the data decoded from.
  ByteView signature;  // not empty
};

[[nodiscard]] Decoded<SignatureAuth> decode_signature_auth(ByteView data);
// Fails when the algorithm is empty or longer than 255 octets, or the signature is empty.
[[nodiscard]] Result<Bytes> encode_signature_auth(ByteView algorithm, ByteView signature);

}  // namespace espalier::ike::wire
