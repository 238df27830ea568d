// The ESP algorithms we ask of the kernel, and how long their keys are.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>

#include "base/secret_bytes.h"

namespace espalier::dataplane {

enum class EspCipher : std::uint8_t {
  kAesGcm16,          // RFC 4106, 16-octet ICV; key 128, 192 or 256 bits
  kAesCbc,            // RFC 3602; key 128, 192 or 256 bits; needs an EspIntegrity
  kChaCha20Poly1305,  // RFC 7634; key 256 bits
};

enum class EspIntegrity : std::uint8_t {
  kNone,  // with the AEADs, and only with them
  // RFC 4868
  kHmacSha256_128,
  kHmacSha384_192,
  kHmacSha512_256,
};

struct EspAlgorithm {
  EspCipher cipher = EspCipher::kAesGcm16;
  std::uint16_t key_bits = 256;  // of the cipher, without the salt
  EspIntegrity integrity = EspIntegrity::kNone;

  // Octets of EspKeys::encryption: the key, then the salt of 4 octets where the cipher has one.
  [[nodiscard]] std::size_t encryption_key_size() const;
  // Octets of EspKeys::integrity; 0 with the AEADs.
  [[nodiscard]] std::size_t integrity_key_size() const;
  // Whether the combination is one of those above.
  [[nodiscard]] bool valid() const;
  [[nodiscard]] std::string to_string() const;  // "aes-gcm-16-256", "aes-cbc-128/hmac-sha256-128"

  friend auto operator<=>(const EspAlgorithm&, const EspAlgorithm&) = default;
};

// The keys of one direction, as the key schedule cuts them (RFC 7296 section 2.17).
struct EspKeys {
  SecretBytes encryption{};
  SecretBytes integrity{};

  [[nodiscard]] EspKeys copy() const { return {encryption.copy(), integrity.copy()}; }
};

}  // namespace espalier::dataplane
