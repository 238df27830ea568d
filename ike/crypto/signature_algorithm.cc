#include "ike/crypto/signature_algorithm.h"

#include <array>
#include <vector>

#include "ike/crypto/der.h"

namespace espalier::ike::crypto {
namespace {

constexpr std::array kHashes = {HashId::kSha2_256, HashId::kSha2_384, HashId::kSha2_512};

constexpr std::uint8_t kNullParameters[] = {der::kNull, 0};

// pkcs-1 (1.2.840.113549.1.1) and its arcs.
Bytes pkcs1(std::uint8_t arc) {
  const Bytes oid = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, arc};
  return der::encode(der::kObjectIdentifier, oid);
}
constexpr std::uint8_t kMgf1 = 8;
constexpr std::uint8_t kRsassaPss = 10;

// sha256WithRSAEncryption is 11, 384: 12, 512: 13. ecdsa-with-SHA256 is 2, 384: 3, 512: 4, as are
// the IANA numbers. id-sha256 is 1, 384: 2, 512: 3.
std::uint8_t order_of(HashId hash) {
  return static_cast<std::uint8_t>(static_cast<int>(hash) - 2);
}

Bytes hash_identifier(HashId hash, bool with_null) {
  const Bytes oid = {0x60, 0x86, 0x48,
                     0x01, 0x65, 0x03,
                     0x04, 0x02, static_cast<std::uint8_t>(1 + order_of(hash))};
  return der::encode(der::kSequence, {der::encode(der::kObjectIdentifier, oid),
                                      with_null ? ByteView(kNullParameters) : ByteView{}});
}

Bytes ecdsa(HashId hash) {
  const Bytes oid = {0x2a, 0x86, 0x48, 0xce,
                     0x3d, 0x04, 0x03, static_cast<std::uint8_t>(2 + order_of(hash))};
  return der::encode(der::kSequence, {der::encode(der::kObjectIdentifier, oid)});
}

Bytes rsa_pkcs1(HashId hash, bool with_null) {
  return der::encode(der::kSequence, {pkcs1(static_cast<std::uint8_t>(11 + order_of(hash))),
                                      with_null ? ByteView(kNullParameters) : ByteView{}});
}

// RSASSA-PSS-params (RFC 8017 appendix A.2.3).
Bytes rsa_pss(HashId hash, bool hash_null, bool mgf_null, bool trailer) {
  const Bytes salt = {der::kInteger, 1, static_cast<std::uint8_t>(output_size(hash))};
  static constexpr std::uint8_t kTrailerBc[] = {0xa3, 3, der::kInteger, 1, 1};
  const Bytes mask = der::encode(der::kSequence, {pkcs1(kMgf1), hash_identifier(hash, mgf_null)});
  const Bytes parameters = der::encode(
      der::kSequence,
      {der::encode(der::context(0, true), hash_identifier(hash, hash_null)),
       der::encode(der::context(1, true), mask), der::encode(der::context(2, true), salt),
       trailer ? ByteView(kTrailerBc) : ByteView{}});
  return der::encode(der::kSequence, {pkcs1(kRsassaPss), parameters});
}

struct Form {
  Bytes identifier;
  SignatureAlgorithm algorithm;
};

// The first form of an algorithm is the one sent.
const std::vector<Form>& forms() {
  static const std::vector<Form> all = [] {
    std::vector<Form> made;
    for (const HashId hash : kHashes) {
      made.push_back({ecdsa(hash), {SignatureScheme::kEcdsa, hash}});
      for (const bool with_null : {true, false}) {
        made.push_back({rsa_pkcs1(hash, with_null), {SignatureScheme::kRsaPkcs1, hash}});
      }
      for (const bool trailer : {false, true}) {
        for (const bool hash_null : {true, false}) {
          for (const bool mgf_null : {true, false}) {
            made.push_back(
                {rsa_pss(hash, hash_null, mgf_null, trailer), {SignatureScheme::kRsaPss, hash}});
          }
        }
      }
    }
    return made;
  }();
  return all;
}

}  // namespace

Bytes algorithm_identifier(const SignatureAlgorithm& algorithm) {
  for (const Form& form : forms()) {
    if (form.algorithm == algorithm) return form.identifier;
  }
  return {};
}

std::optional<SignatureAlgorithm> find_signature_algorithm(ByteView identifier) {
  for (const Form& form : forms()) {
    if (equal(form.identifier, identifier)) return form.algorithm;
  }
  return std::nullopt;
}

std::string to_string(const SignatureAlgorithm& algorithm) {
  const std::string hash = " with " + to_string(algorithm.hash);
  switch (algorithm.scheme) {
    case SignatureScheme::kRsaPkcs1:
      return "RSA PKCS #1" + hash;
    case SignatureScheme::kRsaPss:
      return "RSA-PSS" + hash;
    case SignatureScheme::kEcdsa:
      return "ECDSA" + hash;
  }
  return "unknown";
}

}  // namespace espalier::ike::crypto
