// PEM (RFC 7468): the blocks of a text read and written, and private keys of any usual form as PKCS
// #8.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret_bytes.h"

namespace espalier::ike::crypto {

struct PemBlock {
  std::string label;  // "CERTIFICATE"
  SecretBytes data;   // may be a key
};

// All blocks in order; text around them is skipped. Fails with kInvalid: no block at all, one that
// does not end, a body that is no base64. Error::where is empty, the detail continues a place's
// name: "tls.crt" + "is not PEM (…)".
[[nodiscard]] Result<std::vector<PemBlock>> decode_pem(std::string_view text);

// One block, in lines of 64 characters. Secret because it may hold a key.
[[nodiscard]] SecretBytes encode_pem(std::string_view label, ByteView data);

// The key among the blocks as a PKCS #8 PrivateKeyInfo: from "PRIVATE KEY", "EC PRIVATE KEY" (SEC
// 1, RFC 5915) or "RSA PRIVATE KEY" (PKCS #1). Fails with kInvalid when there is none or more than
// one, kUnsupported when it is encrypted.
[[nodiscard]] Result<SecretBytes> private_key_info(const std::vector<PemBlock>& blocks);

// The same key with its public point (SEC 1 form) in it, which some writers leave out (RFC 5915
// lets them) and NSS wants. nullopt when it is no EC key or has one already.
[[nodiscard]] std::optional<SecretBytes> with_public_point(ByteView private_key_info,
                                                           ByteView point);

}  // namespace espalier::ike::crypto
