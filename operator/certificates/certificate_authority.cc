#include "operator/certificates/certificate_authority.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/time_text.h"
#include "ike/crypto/der.h"
#include "ike/crypto/pem.h"

namespace espalier::certificates {

namespace der = ike::crypto::der;

namespace {

constexpr std::size_t kSerialOctets = 16;  // RFC 5280 section 4.1.2.2 allows 20
constexpr std::size_t kKeyIdOctets = 20;   // RFC 7093 section 2, method 1

// KeyUsage (RFC 5280 section 4.2.1.3) as BIT STRINGs with their unused bits.
constexpr std::uint8_t kDigitalSignature[] = {der::kBitString, 2, 7, 0x80};
constexpr std::uint8_t kCertAndCrlSign[] = {der::kBitString, 2, 1, 0x06};
// A CA below which no other CA may stand: cA TRUE, pathLenConstraint 0.
constexpr std::uint8_t kCaOfLeaves[] = {
    der::kSequence, 6, der::kBoolean, 1, 0xff, der::kInteger, 1, 0};
constexpr std::uint8_t kNoCa[] = {der::kSequence, 0};

Result<Bytes> random_serial(SigningKeys& keys) {
  Bytes serial(kSerialOctets);
  if (auto done = keys.random(serial); !done) return forward(done);
  // Positive, and without a leading zero octet that DER would not have.
  serial.front() = static_cast<std::uint8_t>((serial.front() & 0x3f) | 0x40);
  return serial;
}

// The leftmost 160 bits of SHA-256 of the key.
Result<Bytes> key_id(const PublicKey& key, SigningKeys& keys) {
  auto hash = keys.sha256(key.point);
  if (!hash) return forward(hash);
  hash->resize(kKeyIdOctets);
  return hash;
}

Bytes subject_key_id(ByteView id) {
  return encode_extension(oid::kSubjectKeyId, false, der::encode(der::kOctetString, id));
}

Bytes authority_key_id(ByteView id) {
  return encode_extension(oid::kAuthorityKeyId, false,
                          der::encode(der::kSequence, der::encode(der::context(0, false), id)));
}

}  // namespace

Result<CertificateAuthority> CertificateAuthority::create(SigningKeys& keys, Curve curve,
                                                          WallTime now, Seconds lifetime) {
  auto key = keys.generate(curve);
  if (!key) return forward(key);
  auto serial = random_serial(keys);
  if (!serial) return forward(serial);
  auto id = key_id((*key)->public_key(), keys);
  if (!id) return forward(id);
  Draft draft;
  draft.serial = std::move(*serial);
  draft.subject_der =
      encode_name({std::string(kNodeOrganization),
                   fmt::format("Espalier node CA {}", to_hex(ByteView(*id).first(4)))});
  draft.issuer_der = draft.subject_der;
  draft.not_before = now - kBackdate;
  draft.not_after = now + lifetime;
  draft.key = (*key)->public_key();
  append(draft.extensions, encode_extension(oid::kBasicConstraints, true, kCaOfLeaves));
  append(draft.extensions, encode_extension(oid::kKeyUsage, true, kCertAndCrlSign));
  append(draft.extensions, subject_key_id(*id));
  auto certificate = sign_certificate(draft, **key, keys);
  if (!certificate) return forward(certificate);
  return CertificateAuthority(std::move(*certificate), std::move(*key));
}

Result<CertificateAuthority> CertificateAuthority::load(SigningKeys& keys,
                                                        std::string_view certificate_pem,
                                                        std::string_view key_pem) {
  auto certificate = decode_certificate_pem(certificate_pem);
  if (!certificate) return within("ca.crt", certificate);
  if (!certificate->is_ca) return fail(Code::kInvalid, "ca.crt", "is no CA's certificate");
  auto blocks = ike::crypto::decode_pem(key_pem);
  if (!blocks) return within("ca.key", blocks);
  auto pkcs8 = ike::crypto::private_key_info(*blocks);
  if (!pkcs8) return within("ca.key", pkcs8);
  // Some writers leave the public point out (RFC 5915 lets them).
  auto whole = ike::crypto::with_public_point(pkcs8->view(), certificate->key.point);
  auto key = keys.import_key(whole ? whole->view() : pkcs8->view(), certificate->key);
  if (!key) return within("ca.key", key);
  return CertificateAuthority(std::move(*certificate), std::move(*key));
}

Result<SecretBytes> CertificateAuthority::key_pem(SigningKeys& keys) const {
  auto der = keys.export_key(*key_);
  if (!der) return forward(der);
  return ike::crypto::encode_pem("PRIVATE KEY", der->view());
}

Result<Certificate> CertificateAuthority::sign_node(const CertificateRequest& request,
                                                    const NodeIdentity& node, WallTime now,
                                                    Seconds lifetime, SigningKeys& keys) const {
  if (now < certificate_.not_before || now >= certificate_.not_after) {
    return fail(Code::kUnavailable, "ca.crt",
                fmt::format("is valid from {} to {}, not now", time_text(certificate_.not_before),
                            time_text(certificate_.not_after)));
  }
  auto serial = random_serial(keys);
  if (!serial) return forward(serial);
  auto id = key_id(request.key, keys);
  if (!id) return forward(id);
  Draft draft;
  draft.serial = std::move(*serial);
  draft.issuer_der = certificate_.subject_der;
  draft.not_before = std::max(now - kBackdate, certificate_.not_before);
  draft.not_after = std::min(now + lifetime, certificate_.not_after);
  draft.subject_der = encode_name({std::string(kNodeOrganization), node.node});
  draft.key = request.key;
  append(draft.extensions, encode_extension(oid::kBasicConstraints, true, kNoCa));
  append(draft.extensions, encode_extension(oid::kKeyUsage, true, kDigitalSignature));
  append(draft.extensions,
         encode_extension(
             oid::kExtendedKeyUsage, false,
             der::encode(der::kSequence, der::encode(der::kObjectIdentifier, oid::kIpsecIke))));
  append(draft.extensions,
         encode_extension(oid::kSubjectAltName, false, encode_dns_names({node.identity})));
  append(draft.extensions, subject_key_id(*id));
  if (!certificate_.key_id.empty()) {
    append(draft.extensions, authority_key_id(certificate_.key_id));
  }
  return sign_certificate(draft, *key_, keys);
}

}  // namespace espalier::certificates
