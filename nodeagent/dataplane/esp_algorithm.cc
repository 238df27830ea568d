#include "nodeagent/dataplane/esp_algorithm.h"

#include <string_view>

#include <fmt/format.h>

namespace espalier::dataplane {

namespace {

constexpr std::size_t kSaltSize = 4;  // RFC 4106 section 8.1, RFC 7634 section 2

std::string_view integrity_name(EspIntegrity integrity) {
  switch (integrity) {
    case EspIntegrity::kNone:
      return "";
    case EspIntegrity::kHmacSha256_128:
      return "/hmac-sha256-128";
    case EspIntegrity::kHmacSha384_192:
      return "/hmac-sha384-192";
    case EspIntegrity::kHmacSha512_256:
      return "/hmac-sha512-256";
  }
  return "/unknown";
}

}  // namespace

std::size_t EspAlgorithm::encryption_key_size() const {
  const std::size_t key = key_bits / 8U;
  return cipher == EspCipher::kAesCbc ? key : key + kSaltSize;
}

std::size_t EspAlgorithm::integrity_key_size() const {
  switch (integrity) {
    case EspIntegrity::kNone:
      return 0;
    case EspIntegrity::kHmacSha256_128:
      return 32;
    case EspIntegrity::kHmacSha384_192:
      return 48;
    case EspIntegrity::kHmacSha512_256:
      return 64;
  }
  return 0;
}

bool EspAlgorithm::valid() const {
  const bool aes_size = key_bits == 128 || key_bits == 192 || key_bits == 256;
  switch (cipher) {
    case EspCipher::kAesGcm16:
      return aes_size && integrity == EspIntegrity::kNone;
    case EspCipher::kAesCbc:
      return aes_size && integrity != EspIntegrity::kNone;
    case EspCipher::kChaCha20Poly1305:
      return key_bits == 256 && integrity == EspIntegrity::kNone;
  }
  return false;
}

std::string EspAlgorithm::to_string() const {
  switch (cipher) {
    case EspCipher::kAesGcm16:
      return fmt::format("aes-gcm-16-{}{}", key_bits, integrity_name(integrity));
    case EspCipher::kAesCbc:
      return fmt::format("aes-cbc-{}{}", key_bits, integrity_name(integrity));
    case EspCipher::kChaCha20Poly1305:
      return fmt::format("chacha20-poly1305{}", integrity_name(integrity));
  }
  return "unknown";
}

}  // namespace espalier::dataplane
