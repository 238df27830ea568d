// Base64 (RFC 4648 section 4): what is in PEM, and how Kubernetes writes a Secret's data.
//
// Guarantees: both ways in SecretBytes, for either may be a key.
#pragma once

#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret_bytes.h"

namespace espalier {

// Strict: padded, no unused bits set; but white space (space, tab, CR, LF) is skipped anywhere, as
// PEM and folded YAML have it. kInvalid if malformed, without a place: the detail continues a
// place's name ("holds what is no base64").
[[nodiscard]] Result<SecretBytes> decode_base64(std::string_view text);

// The same in one line; padded.
[[nodiscard]] SecretBytes encode_base64(ByteView data);

}  // namespace espalier
