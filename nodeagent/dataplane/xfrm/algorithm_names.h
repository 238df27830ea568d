// ESP algorithms by the kernel crypto API's names.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "nodeagent/dataplane/esp_algorithm.h"

namespace espalier::dataplane::xfrm {

struct CipherName {
  EspCipher cipher;
  std::string_view name;
  std::uint32_t icv_bits;  // of an AEAD; 0: not an AEAD
};
inline constexpr std::array kCipherNames{
    CipherName{EspCipher::kAesGcm16, "rfc4106(gcm(aes))", 128},
    CipherName{EspCipher::kAesCbc, "cbc(aes)", 0},
    CipherName{EspCipher::kChaCha20Poly1305, "rfc7539esp(chacha20,poly1305)", 128},
};

struct IntegrityName {
  EspIntegrity integrity;
  std::string_view name;
  std::uint32_t icv_bits;
};
inline constexpr std::array kIntegrityNames{
    IntegrityName{EspIntegrity::kHmacSha256_128, "hmac(sha256)", 128},
    IntegrityName{EspIntegrity::kHmacSha384_192, "hmac(sha384)", 192},
    IntegrityName{EspIntegrity::kHmacSha512_256, "hmac(sha512)", 256},
};

}  // namespace espalier::dataplane::xfrm
