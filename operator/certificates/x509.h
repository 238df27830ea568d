// The parts of X.509 that a node's certificate, its request and its CA are made of: names, keys,
// times and extensions, between values and DER (RFC 5280, RFC 5480).
//
// Guarantees: reading is strict and bounds-checked; what is not one of these few forms is refused
// with an Error whose place is the field ("subject.commonName", "subjectPublicKeyInfo"). Writing
// gives DER. Pure: no cryptography, no clock.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"

namespace espalier::certificates {

// The content octets of the object identifiers used here.
namespace oid {
inline constexpr std::uint8_t kEcPublicKey[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
inline constexpr std::uint8_t kP256[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
inline constexpr std::uint8_t kP384[] = {0x2b, 0x81, 0x04, 0x00, 0x22};
inline constexpr std::uint8_t kEcdsaSha256[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
inline constexpr std::uint8_t kEcdsaSha384[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03};
inline constexpr std::uint8_t kCommonName[] = {0x55, 0x04, 0x03};
inline constexpr std::uint8_t kOrganization[] = {0x55, 0x04, 0x0a};
inline constexpr std::uint8_t kSubjectKeyId[] = {0x55, 0x1d, 0x0e};
inline constexpr std::uint8_t kKeyUsage[] = {0x55, 0x1d, 0x0f};
inline constexpr std::uint8_t kSubjectAltName[] = {0x55, 0x1d, 0x11};
inline constexpr std::uint8_t kBasicConstraints[] = {0x55, 0x1d, 0x13};
inline constexpr std::uint8_t kAuthorityKeyId[] = {0x55, 0x1d, 0x23};
inline constexpr std::uint8_t kExtendedKeyUsage[] = {0x55, 0x1d, 0x25};
// id-kp-ipsecIKE, 1.3.6.1.5.5.7.3.17 (RFC 4945 section 5.1.3.12).
inline constexpr std::uint8_t kIpsecIke[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x11};
// extensionRequest (RFC 2985 section 5.4.2).
inline constexpr std::uint8_t kExtensionRequest[] = {0x2a, 0x86, 0x48, 0x86, 0xf7,
                                                     0x0d, 0x01, 0x09, 0x0e};
}  // namespace oid

// A subject or issuer that has no other parts than these two, each at most once.
struct Name {
  std::string organization;  // empty: none
  std::string common_name;   // empty: none

  friend bool operator==(const Name&, const Name&) = default;
};

[[nodiscard]] Bytes encode_name(const Name& name);
// `der` is the whole Name; `field` names it in errors. Refuses parts of other types, a part that
// comes twice or has several values, empty values, values that hold unprintable or non-ASCII
// octets, and any string type but UTF8String and PrintableString.
[[nodiscard]] Result<Name> decode_name(ByteView der, const std::string& field);

enum class Curve : std::uint8_t { kP256, kP384 };
[[nodiscard]] std::string_view name_of(Curve curve);  // "ECDSA P-256"

// An ECDSA key on one of the two curves. That the point lies on its curve is for the provider to
// find out when the key is used.
struct PublicKey {
  Curve curve = Curve::kP256;
  Bytes point;  // SEC 1, uncompressed
  Bytes info;   // the SubjectPublicKeyInfo

  friend bool operator==(const PublicKey&, const PublicKey&) = default;
};

// kUnsupported for a key of another kind, kInvalid for what is no key.
[[nodiscard]] Result<PublicKey> decode_public_key(ByteView info);
[[nodiscard]] PublicKey public_key_of(Curve curve, ByteView point);

enum class Digest : std::uint8_t { kSha256, kSha384 };

// AlgorithmIdentifier of an ECDSA signature (RFC 5758 section 3.2: no parameters).
[[nodiscard]] Bytes encode_signature_algorithm(Digest digest);
// `algorithm` is the SEQUENCE's content.
[[nodiscard]] Result<Digest> decode_signature_algorithm(ByteView algorithm);

// UTCTime to 2049, GeneralizedTime after (RFC 5280 section 4.1.2.5). `time` is in the years 1950 to
// 9999; what is outside is written as the nearest.
[[nodiscard]] Bytes encode_time(WallTime time);
// The next item of either type; nullopt unless it ends in seconds and Z.
[[nodiscard]] std::optional<WallTime> decode_time(std::uint8_t tag, ByteView content);

// What time_text() (base/time_text.h) writes; nullopt for any other form.
[[nodiscard]] std::optional<WallTime> parse_time_text(std::string_view text);

struct Extension {
  Bytes id;  // the OID's content
  bool critical = false;
  Bytes value;  // the DER inside the OCTET STRING
};

[[nodiscard]] Bytes encode_extension(ByteView id, bool critical, ByteView value);
// `sequence` is the content of Extensions. Refuses the same extension twice.
[[nodiscard]] Result<std::vector<Extension>> decode_extensions(ByteView sequence);

// One name of a subjectAltName, with its kind for people.
struct AltName {
  enum class Kind : std::uint8_t { kDns, kIp, kUri, kEmail, kOther };
  Kind kind = Kind::kOther;
  std::string text;  // printable; empty for kOther

  friend bool operator==(const AltName&, const AltName&) = default;
};
[[nodiscard]] std::string_view name_of(AltName::Kind kind);  // "DNS", "IP", …

// The extension's value.
[[nodiscard]] Bytes encode_dns_names(const std::vector<std::string>& names);
[[nodiscard]] Result<std::vector<AltName>> decode_alt_names(ByteView value);

// Whether `text` is a DNS name in lower case that a certificate may carry (RFC 1123 labels, at most
// 253 octets, no wildcard).
[[nodiscard]] bool is_dns_name(std::string_view text);

// A BIT STRING of whole octets; nullopt when it is something else.
[[nodiscard]] Bytes encode_bits(ByteView octets);
[[nodiscard]] std::optional<ByteView> decode_bits(ByteView content);

}  // namespace espalier::certificates
