// The crypto port: everything the IKE engine asks of a cryptographic library.
//
// Two kinds of work, kept apart:
//  - symmetric work (prf, hash, seal, open, random) takes microseconds and is called inline by the
//  loop thread;
//  - public-key work is a Job, run by run() on any thread, giving an Outcome. run() and the
//  credential functions are
//    thread-safe; a credential or trust removed while a job uses it lives until that job ends.
//
// Guarantees: no function keeps anything per IKE SA alive, all state of an SA is in the arguments;
// intermediates are wiped; nothing throws; no input makes it abort. Errors and refusals are
// sentences for people and hold no secret. Assumptions: every KeyPair is gone before the provider
// is closed. Time is an argument: certificates are judged at the caller's clock.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret_bytes.h"
#include "base/time.h"
#include "ike/crypto/suite.h"
#include "ike/wire/constants.h"
#include "ike/wire/identification.h"

namespace espalier::ike::crypto {

// One direction's keys of an IKE SA: SK_ei and SK_ai, or SK_er and SK_ar. encr_key is
// keymat_size(encr) octets, an AEAD's salt at its end (RFC 5282 section 7.1); integ_key is empty
// for an AEAD.
struct SkKeys {
  EncrSpec encr;
  IntegId integ = IntegId::kNone;
  SecretBytes encr_key;
  SecretBytes integ_key;
};

// A key and its certificate chain; a set of trust anchors. Never reused within one provider.
enum class CredentialId : std::uint32_t {};
enum class TrustId : std::uint32_t {};

// An ephemeral key pair of a key exchange; the private half stays inside the provider.
class KeyPair {
 public:
  virtual ~KeyPair() = default;
  KeyPair(const KeyPair&) = delete;
  KeyPair& operator=(const KeyPair&) = delete;
  [[nodiscard]] DhId group() const { return group_; }
  // The Key Exchange Data, public_size(group()) octets.
  [[nodiscard]] const Bytes& public_value() const { return public_value_; }

 protected:
  KeyPair(DhId group, Bytes public_value) : group_(group), public_value_(std::move(public_value)) {}

 private:
  DhId group_;
  Bytes public_value_;
};

// ---- Jobs
// ----------------------------------------------------------------------------------------------------------

// Gives KeyPairMade.
struct GenerateKeyPair {
  DhId group = DhId::kCurve25519;
};

// Gives SharedMade (own_public empty). The peer's value is validated (RFC 6989; an all-zero x25519
// result is refused, RFC 8031 section 2.2); one that fails gives an Error with Code::kInvalid.
struct DeriveShared {
  std::shared_ptr<const KeyPair> own;
  Bytes peer_public;
};

// The responder's half in one step. Gives SharedMade.
struct GenerateAndDerive {
  DhId group = DhId::kCurve25519;
  Bytes peer_public;
};

// Gives Signature over `octets` (RFC 7296 section 2.15). peer_hashes: what the peer sent in
// SIGNATURE_HASH_ALGORITHMS; empty when it sent none, then an ECDSA key signs by RFC 4754 and an
// RSA key cannot (SHA-1), an Error with Code::kUnsupported, as when no hash is common.
struct Sign {
  CredentialId credential{};
  std::vector<HashId> peer_hashes;
  Bytes octets;
};

// Gives PeerVerified or Refusal. `claimed` is the peer's IDi or IDr; it must stand in the leaf
// certificate, and must be `expected` if that is given. A DN is compared with the subject,
// everything else with the SAN: FQDN and mail domain without regard to case, no wildcards, never
// the CN.
struct VerifyPeer {
  std::vector<Bytes> chain;  // CERT payloads in DER, leaf first
  TrustId trust{};
  std::optional<wire::Identification> expected;
  wire::Identification claimed;
  wire::AuthMethod method = wire::AuthMethod::kDigitalSignature;
  Bytes auth_data;  // the AUTH payload's Authentication Data
  Bytes octets;     // what the peer signed (RFC 7296 section 2.15)
  WallTime now{};
};

using Job = std::variant<GenerateKeyPair, DeriveShared, GenerateAndDerive, Sign, VerifyPeer>;

// ---- Outcomes
// ------------------------------------------------------------------------------------------------------

struct KeyPairMade {
  std::shared_ptr<const KeyPair> pair;
};

struct SharedMade {
  Bytes own_public;
  SecretBytes shared;  // g^ir, shared_size(group) octets, leading zeros kept
};

struct Signature {
  wire::AuthMethod method = wire::AuthMethod::kDigitalSignature;
  Bytes auth_data;  // ready for the AUTH payload; for RFC 7427 with AlgorithmIdentifier and its
                    // length in front
};

struct PeerVerified {
  std::string
      subject;  // RFC 4514-like text in the certificate's order: "C=CH, O=Espalier, CN=node1"
  std::vector<std::string>
      sans;  // as an identity is written: "node1.example.com", "192.0.2.1", "user@example.com"
  std::string issuer;
  WallTime not_after{};   // the earliest of the chain: the peer is not proven beyond it
  std::string algorithm;  // for status: "ECDSA P-256 with SHA2-256"
};

enum class RefusalReason : std::uint8_t {
  kMalformed,        // certificate or AUTH data breaks its format
  kUntrustedIssuer,  // no path to an anchor
  kExpired,          // leaf or an issuer
  kNotYetValid,
  kRevoked,
  kRevocationUnknown,  // strict, and no fresh CRL
  kBadKeyUsage,        // KeyUsage, ExtendedKeyUsage or basicConstraints forbid it
  kNotPermitted,       // name constraints, path length, policy
  kWeakKey,
  kUnsupportedAlgorithm,
  kIdUnexpected,  // the peer claims another identity than configured
  kIdNotInCertificate,
  kBadSignature,  // AUTH does not verify under the leaf's key
};
[[nodiscard]] std::string_view name_of(RefusalReason reason);

// Why the peer is not who it says. `sentence` names subject, issuer and dates; shown in status,
// never sent.
struct Refusal {
  RefusalReason reason = RefusalReason::kMalformed;
  std::string sentence;
};

using Outcome = std::variant<KeyPairMade, SharedMade, Signature, PeerVerified, Refusal, Error>;

// ---- Credentials
// ---------------------------------------------------------------------------------------------------

enum class KeyType : std::uint8_t { kRsa, kEcdsa };

struct CertificateInfo {
  std::string subject;
  Bytes subject_der;
  std::vector<std::string> sans;
  std::vector<wire::Identification> identities;  // every SAN that can be an IKE identity
  std::string issuer;
  WallTime not_before{};
  WallTime not_after{};
  KeyType key_type = KeyType::kEcdsa;
  std::uint16_t key_bits = 0;
};

enum class Revocation : std::uint8_t {
  kRelaxed,  // a CRL that is missing or stale does not stop the peer; one that lists the
             // certificate does
  kStrict,   // every certificate below the anchor needs a fresh CRL of its issuer
};

// ---- The port
// ------------------------------------------------------------------------------------------------------

class Provider {
 public:
  virtual ~Provider() = default;
  Provider() = default;
  Provider(const Provider&) = delete;
  Provider& operator=(const Provider&) = delete;

  // The library runs in FIPS mode: only suites that check_fips() allows may be offered.
  [[nodiscard]] virtual bool fips() const = 0;

  // Symmetric work, for the loop thread. Data is the concatenation of the pieces.
  [[nodiscard]] virtual Result<SecretBytes> prf(PrfId id, ByteView key,
                                                std::span<const ByteView> data) = 0;
  // RFC 7296 section 2.13; length at most 255 * key_size(id).
  [[nodiscard]] virtual Result<SecretBytes> prf_plus(PrfId id, ByteView key,
                                                     std::span<const ByteView> seed,
                                                     std::size_t length) = 0;
  [[nodiscard]] virtual Result<Bytes> hash(HashId id, std::span<const ByteView> data) = 0;
  // For NAT detection (RFC 7296 section 2.23) and CERTREQ (3.7) only.
  [[nodiscard]] virtual Result<std::array<std::uint8_t, 20>> sha1(
      std::span<const ByteView> data) = 0;
  [[nodiscard]] virtual Status random(std::span<std::uint8_t> out) = 0;

  // An SK or SKF payload's body: IV | ciphertext | ICV. `associated` is the message from its first
  // octet to the payload's generic header (SKF: to Total Fragments), with final lengths, as RFC
  // 5282 section 5.1 and RFC 7296 section 3.14 want; with AES-CBC the ICV covers associated | IV |
  // ciphertext. `padded_plaintext` has the Pad Length octet and is a multiple of block_size().
  // `counter` must never repeat under one key: it is the AEAD's explicit IV (CBC: unused, the IV is
  // random).
  [[nodiscard]] virtual Result<Bytes> seal(const SkKeys& keys, std::uint64_t counter,
                                           ByteView associated, ByteView padded_plaintext) = 0;
  // The padded plaintext. Code::kDenied: the ICV is wrong; kTruncated: too short to hold IV and
  // ICV.
  [[nodiscard]] virtual Result<Bytes> open(const SkKeys& keys, ByteView associated,
                                           ByteView body) = 0;

  // Public-key work; thread-safe.
  [[nodiscard]] virtual Outcome run(const Job& job) = 0;

  // PEM: the certificate first, then what leads to the CA; the key as PKCS #8, SEC 1 or PKCS #1,
  // not encrypted. Errors have "tls.crt" or "tls.key" as their place: "tls.key: does not belong to
  // tls.crt", "tls.crt: expired on 2026-11-24". `now` only decides the latter.
  [[nodiscard]] virtual Result<CredentialId> add_credential(std::string_view chain_pem,
                                                            std::string_view key_pem,
                                                            WallTime now) = 0;
  // One key with its certificate, and the chain if it holds one. Nothing is written to the
  // database.
  [[nodiscard]] virtual Result<CredentialId> add_pkcs12(ByteView bytes, std::string_view password,
                                                        WallTime now) = 0;
  // From the database the provider was opened with.
  [[nodiscard]] virtual Result<CredentialId> add_from_database(const std::string& nickname,
                                                               WallTime now) = 0;
  // One anchor or more, PEM. An expired anchor is kept (it matches nothing), an unreadable one is
  // an error.
  [[nodiscard]] virtual Result<TrustId> add_trust(std::string_view bundle_pem) = 0;
  // Replaces all CRLs of a trust (PEM or DER each) and how strictly they are asked. No network is
  // ever asked.
  [[nodiscard]] virtual Status set_crls(TrustId trust, std::span<const Bytes> crls,
                                        Revocation mode) = 0;
  virtual void remove(CredentialId credential) = 0;
  virtual void remove(TrustId trust) = 0;

  // DER, leaf first, for CERT payloads.
  [[nodiscard]] virtual Result<std::vector<Bytes>> certificate_chain(CredentialId credential) = 0;
  [[nodiscard]] virtual Result<CertificateInfo> credential_info(CredentialId credential) = 0;
  [[nodiscard]] virtual Result<std::vector<CertificateInfo>> trust_info(TrustId trust) = 0;
  // The Certification Authority field of CERTREQ (RFC 7296 section 3.7): SHA-1 of each anchor's
  // SubjectPublicKeyInfo, concatenated.
  [[nodiscard]] virtual Result<Bytes> certreq_hashes(TrustId trust) = 0;

  // Ends the library's use in this process. An error names what was still alive.
  [[nodiscard]] virtual Status close() = 0;
};

}  // namespace espalier::ike::crypto
