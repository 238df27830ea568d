#include "ike/crypto/nss/certificate.h"

#include <fmt/format.h>
#include <secasn1.h>

#include "ike/crypto/distinguished_name.h"
#include "ike/crypto/identity_proof.h"

namespace espalier::ike::crypto::nss {
namespace {

// The bits of a curve we verify on; 0 for any other.
std::uint16_t curve_bits(const SECKEYPublicKey& key) {
  const ByteView parameters = view_of(key.u.ec.DEREncodedParams);
  if (parameters.size() < 2 || parameters[0] != SEC_ASN1_OBJECT_ID) return 0;
  const SECItem oid = item_of(parameters.subspan(2));
  switch (SECOID_FindOIDTag(&oid)) {
    case SEC_OID_SECG_EC_SECP256R1:
      return 256;
    case SEC_OID_SECG_EC_SECP384R1:
      return 384;
    case SEC_OID_SECG_EC_SECP521R1:
      return 521;
    default:
      return 0;
  }
}

bool is_ca(const CERTCertificate& decoded) {
  SECItem extension = {siBuffer, nullptr, 0};
  if (CERT_FindCertExtension(&decoded, SEC_OID_X509_BASIC_CONSTRAINTS, &extension) != SECSuccess) {
    return false;
  }
  CERTBasicConstraints constraints{};
  const bool ca =
      CERT_DecodeBasicConstraintValue(&constraints, &extension) == SECSuccess && constraints.isCA;
  SECITEM_FreeItem(&extension, PR_FALSE);
  return ca;
}

bool allows_crls(CERTCertificate& decoded) {
  SECItem usage = {siBuffer, nullptr, 0};
  if (CERT_FindKeyUsageExtension(&decoded, &usage) != SECSuccess) return true;
  const bool allows = usage.len != 0 && (usage.data[0] & KU_CRL_SIGN) != 0;
  PORT_Free(usage.data);
  return allows;
}

Status read_key(const CERTCertificate& decoded, Certificate& certificate) {
  certificate.key.reset(SECKEY_ExtractPublicKey(&decoded.subjectPublicKeyInfo));
  if (!certificate.key) {
    return fail(Code::kUnsupported, {}, "has a public key of an unknown kind");
  }
  CertificateInfo& info = certificate.info;
  switch (certificate.key->keyType) {
    case rsaKey:
      info.key_type = KeyType::kRsa;
      info.key_bits =
          static_cast<std::uint16_t>(SECKEY_PublicKeyStrengthInBits(certificate.key.get()));
      break;
    case ecKey:
      info.key_type = KeyType::kEcdsa;
      info.key_bits = curve_bits(*certificate.key);
      if (info.key_bits == 0) {
        return fail(Code::kUnsupported, {}, "has a key on a curve other than P-256, P-384, P-521");
      }
      break;
    default:
      return fail(Code::kUnsupported, {}, "has a key that is neither RSA nor ECDSA");
  }
  // Later uses find the token's handle in the key and change nothing in it.
  const SlotPtr slot(PK11_GetInternalSlot());
  if (PK11_ImportPublicKey(slot.get(), certificate.key.get(), PR_FALSE) == CK_INVALID_HANDLE) {
    return fail(Code::kInvalid, {}, "has a public key that is refused: " + nss_error());
  }
  return {};
}

Status read_names(const CERTCertificate& decoded, CertificateInfo& info) {
  info.subject_der = to_bytes(view_of(decoded.derSubject));
  auto subject = dn_to_text(info.subject_der);
  auto issuer = dn_to_text(view_of(decoded.derIssuer));
  if (!subject || !issuer) return fail(Code::kInvalid, {}, "has a malformed name");
  info.subject = std::move(*subject);
  info.issuer = std::move(*issuer);

  SECItem extension = {siBuffer, nullptr, 0};
  if (CERT_FindCertExtension(&decoded, SEC_OID_X509_SUBJECT_ALT_NAME, &extension) != SECSuccess) {
    return {};
  }
  auto names = decode_subject_alt_names(view_of(extension));
  SECITEM_FreeItem(&extension, PR_FALSE);
  if (!names) return fail(Code::kInvalid, {}, "has a malformed subjectAltName");
  info.sans = std::move(names->texts);
  info.identities = std::move(names->identities);
  return {};
}

}  // namespace

Result<std::shared_ptr<const Certificate>> decode_certificate(ByteView der) {
  // By its template: CERT_NewTempCertificate() would put it into the process-wide store.
  const ArenaPtr arena(PORT_NewArena(DER_DEFAULT_CHUNKSIZE));
  CERTCertificate decoded{};
  const SECItem item = item_of(der);
  if (!arena ||
      SEC_QuickDERDecodeItem(arena.get(), &decoded, SEC_ASN1_GET(SEC_SignedCertificateTemplate),
                             &item) != SECSuccess) {
    return fail(Code::kInvalid, {}, "is no X.509 certificate");
  }
  auto certificate = std::make_shared<Certificate>();
  certificate->der = to_bytes(der);
  certificate->issuer_der = to_bytes(view_of(decoded.derIssuer));
  certificate->spki = to_bytes(view_of(decoded.derPublicKey));
  certificate->serial = to_bytes(view_of(decoded.serialNumber));
  certificate->is_ca = is_ca(decoded);
  certificate->may_sign_crls = allows_crls(decoded);
  PRTime from = 0;
  PRTime to = 0;
  if (CERT_GetCertTimes(&decoded, &from, &to) != SECSuccess) {
    return fail(Code::kInvalid, {}, "has a malformed validity");
  }
  certificate->info.not_before = wall_time(from);
  certificate->info.not_after = wall_time(to);
  if (auto read = read_names(decoded, certificate->info); !read) return forward(read);
  if (auto read = read_key(decoded, *certificate); !read) return forward(read);
  return certificate;
}

WallTime wall_time(PRTime time) {
  return WallTime(std::chrono::floor<std::chrono::seconds>(std::chrono::microseconds(time)));
}

PRTime nss_time(WallTime time) {
  return std::chrono::microseconds(time.time_since_epoch()).count();
}

std::string key_text(const CertificateInfo& info) {
  return fmt::format("{}{}", info.key_type == KeyType::kRsa ? "RSA " : "ECDSA P-", info.key_bits);
}

bool is_weak(const CertificateInfo& info) {
  return info.key_type == KeyType::kRsa && info.key_bits < kMinRsaBits;
}

}  // namespace espalier::ike::crypto::nss
