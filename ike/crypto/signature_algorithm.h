// The signature algorithms of RFC 7427 and their AlgorithmIdentifiers as the exact octets that
// stand on the wire.
#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"
#include "ike/crypto/suite.h"

namespace espalier::ike::crypto {

enum class SignatureScheme : std::uint8_t { kRsaPkcs1, kRsaPss, kEcdsa };

// RSA-PSS: MGF1 with the same hash, a salt as long as the hash.
struct SignatureAlgorithm {
  SignatureScheme scheme = SignatureScheme::kEcdsa;
  HashId hash = HashId::kSha2_256;
  friend bool operator==(const SignatureAlgorithm&, const SignatureAlgorithm&) = default;
};

// The form we send: RFC 7427 appendix A.
[[nodiscard]] Bytes algorithm_identifier(const SignatureAlgorithm& algorithm);

// Any form of a known algorithm (RFC 4055 section 2.1 allows NULL or nothing as a hash's
// parameters, and the default trailer field is written by some); compared as octets, so nothing
// else is ever taken. nullopt: unknown, or SHA-1, or another salt length.
[[nodiscard]] std::optional<SignatureAlgorithm> find_signature_algorithm(ByteView identifier);

// "ECDSA with SHA2-256", "RSA-PSS with SHA2-384".
[[nodiscard]] std::string to_string(const SignatureAlgorithm& algorithm);

}  // namespace espalier::ike::crypto
