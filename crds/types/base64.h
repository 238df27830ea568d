// Base64 (RFC 4648 section 4), as Kubernetes writes a Secret's data.
#pragma once

#include <optional>
#include <string_view>

#include "base/secret_bytes.h"

namespace espalier::crds {

// Strict: padded, no unused bits set. Spaces and line breaks between characters are skipped, as a
// folded YAML scalar has them. nullopt if malformed.
[[nodiscard]] std::optional<SecretBytes> decode_base64(std::string_view text);

}  // namespace espalier::crds
