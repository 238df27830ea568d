// What IKEv2 and ESP may negotiate, as plain data: transform numbers, sizes, keyword spellings,
// default proposals.
//
// Guarantees: pure (no library, no state); every enumerator's value is its IANA number ("IKEv2
// Parameters"), so a cast gives what stands on the wire. find_*() turn a number from the wire into
// an enumerator only if we support it. Caveat: a number that find_*() does not know must never be
// cast into one of these enums; the size functions give 0 for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace espalier::ike::crypto {

// Transform Type 1.
enum class EncrId : std::uint16_t { kAesCbc = 12, kAesGcm16 = 20, kChaCha20Poly1305 = 28 };

// Transform Type 2.
enum class PrfId : std::uint16_t { kHmacSha2_256 = 5, kHmacSha2_384 = 6, kHmacSha2_512 = 7 };

// Transform Type 3. kNone stands for "no such transform" beside an AEAD (RFC 5282 section 8).
enum class IntegId : std::uint16_t {
  kNone = 0,
  kHmacSha2_256_128 = 12,
  kHmacSha2_384_192 = 13,
  kHmacSha2_512_256 = 14,
};

// Transform Type 4. kNone: a Child SA without a key exchange of its own.
enum class DhId : std::uint16_t {
  kNone = 0,
  kModp2048 = 14,
  kModp3072 = 15,
  kModp4096 = 16,
  kEcp256 = 19,
  kEcp384 = 20,
  kEcp521 = 21,
  kCurve25519 = 31,
};

// IKEv2 Hash Algorithms (RFC 7427 section 4). kIdentity (RFC 8420) is known by name only: nothing
// here signs with it.
enum class HashId : std::uint16_t { kSha2_256 = 2, kSha2_384 = 3, kSha2_512 = 4, kIdentity = 5 };

// key_bits is the cipher key's length (128, 192, 256) without salt, also for ChaCha20-Poly1305
// (256).
struct EncrSpec {
  EncrId id = EncrId::kAesGcm16;
  std::uint16_t key_bits = 256;
  friend bool operator==(const EncrSpec&, const EncrSpec&) = default;
};

// What one IKE SA runs with after negotiation.
struct IkeSuite {
  EncrSpec encr;
  PrfId prf = PrfId::kHmacSha2_384;
  IntegId integ = IntegId::kNone;
  DhId dh = DhId::kCurve25519;
  friend bool operator==(const IkeSuite&, const IkeSuite&) = default;
};

// What one Child SA runs with after negotiation.
struct EspSuite {
  EncrSpec encr;
  IntegId integ = IntegId::kNone;
  friend bool operator==(const EspSuite&, const EspSuite&) = default;
};

// One proposal: per transform type the alternatives, most wanted first. All ciphers of one proposal
// are AEADs (then integ is empty) or none is (then integ is not).
struct IkeProposal {
  std::vector<EncrSpec> encr;
  std::vector<PrfId> prf;
  std::vector<IntegId> integ;
  std::vector<DhId> dh;
  friend bool operator==(const IkeProposal&, const IkeProposal&) = default;
};

// As IkeProposal. The keywords name no DH group: with PFS the caller fills dh from the IKE
// proposal.
struct EspProposal {
  std::vector<EncrSpec> encr;
  std::vector<IntegId> integ;
  std::vector<DhId> dh;
  friend bool operator==(const EspProposal&, const EspProposal&) = default;
};

// From the wire: the transform id, and for find_encr the Key Length attribute (absent for
// ChaCha20-Poly1305, RFC 7634 section 4; required for AES, RFC 7296 section 3.3.5). nullopt: not
// ours.
[[nodiscard]] std::optional<EncrSpec> find_encr(std::uint16_t id,
                                                std::optional<std::uint16_t> key_bits);
[[nodiscard]] std::optional<PrfId> find_prf(std::uint16_t id);
[[nodiscard]] std::optional<IntegId> find_integ(std::uint16_t id);  // 0 is kNone
[[nodiscard]] std::optional<DhId> find_dh(std::uint16_t id);        // 0 is kNone
[[nodiscard]] std::optional<HashId> find_hash(std::uint16_t id);

// True when the cipher's transform carries the Key Length attribute.
[[nodiscard]] bool has_key_length_attribute(EncrId id);
[[nodiscard]] bool is_aead(EncrId id);

// Sizes in octets.
[[nodiscard]] std::size_t key_size(EncrSpec spec);  // without salt
[[nodiscard]] std::size_t salt_size(EncrId id);     // 4 for an AEAD (RFC 4106, RFC 7634), else 0
[[nodiscard]] std::size_t keymat_size(
    EncrSpec spec);                            // key and salt: SK_e*, or a Child's encryption key
[[nodiscard]] std::size_t iv_size(EncrId id);  // the explicit IV on the wire
[[nodiscard]] std::size_t block_size(
    EncrId id);  // what an SK payload's plaintext is padded to; 1 for an AEAD
[[nodiscard]] std::size_t icv_size(EncrId id, IntegId integ);
[[nodiscard]] std::size_t key_size(IntegId id);
[[nodiscard]] std::size_t key_size(
    PrfId id);  // preferred key size and output size are the same (RFC 4868)
[[nodiscard]] std::size_t public_size(DhId id);    // the Key Exchange Data
[[nodiscard]] std::size_t shared_size(DhId id);    // g^ir
[[nodiscard]] std::size_t output_size(HashId id);  // 0 for kIdentity

// One keyword string as strongSwan and libreswan spell it; several keywords of one kind are
// alternatives in the order written: "aes256gcm16-aes128gcm16-prfsha384-ecp384-ecp256",
// "aes256-sha256-modp2048" (the PRF follows from the integrity algorithm). ESP: "aes256gcm16",
// "aes256-sha256". An error names the keyword and lists what is allowed.
[[nodiscard]] Result<IkeProposal> parse_ike_proposal(std::string_view keywords);
[[nodiscard]] Result<EspProposal> parse_esp_proposal(std::string_view keywords);

// Canonical keywords, in strongSwan's spelling and the order encr, integ, prf, dh; parse gives the
// same value back.
[[nodiscard]] std::string to_string(EncrSpec spec);
[[nodiscard]] std::string to_string(PrfId id);
[[nodiscard]] std::string to_string(IntegId id);
[[nodiscard]] std::string to_string(DhId id);
[[nodiscard]] std::string to_string(HashId id);
[[nodiscard]] std::string to_string(const IkeSuite& suite);
[[nodiscard]] std::string to_string(const EspSuite& suite);
[[nodiscard]] std::string to_string(const IkeProposal& proposal);
[[nodiscard]] std::string to_string(const EspProposal& proposal);

// Used where nothing is configured. fips: only what check_fips() allows.
[[nodiscard]] std::vector<IkeProposal> default_ike_proposals(bool fips);
[[nodiscard]] std::vector<EspProposal> default_esp_proposals(bool fips);

// The library's FIPS mode does not police algorithms, so this list does: no ChaCha20-Poly1305, no
// curve25519. The error names the first keyword that is not allowed, and what is in its place.
[[nodiscard]] Status check_fips(const IkeProposal& proposal);
[[nodiscard]] Status check_fips(const EspProposal& proposal);

}  // namespace espalier::ike::crypto
