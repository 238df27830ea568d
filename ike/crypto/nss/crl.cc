#include "ike/crypto/nss/crl.h"

#include <algorithm>

#include <certdb.h>
#include <secasn1.h>
#include <secder.h>

#include "ike/crypto/nss/certificate.h"
#include "ike/crypto/pem.h"

namespace espalier::ike::crypto::nss {
namespace {

inline void free_crl(CERTSignedCrl* crl) {
  (void)SEC_DestroyCrl(crl);
}
using SignedCrlPtr = std::unique_ptr<CERTSignedCrl, Freer<free_crl>>;

constexpr std::size_t kMaxCrl = 16U << 20;  // octets

bool any_critical(CERTCertExtension* const* extensions) {
  for (; extensions && *extensions; ++extensions) {
    const SECItem& critical = (*extensions)->critical;
    if (critical.data && critical.len != 0 && critical.data[0] != 0) return true;
  }
  return false;
}

Result<SecretBytes> der_of(ByteView bytes) {
  if (bytes.empty() || bytes.front() == SEC_ASN1_SEQUENCE + SEC_ASN1_CONSTRUCTED) {
    return SecretBytes(bytes);
  }
  auto blocks = decode_pem({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (!blocks) return forward(blocks);
  for (PemBlock& block : *blocks) {
    if (block.label == "X509 CRL") return std::move(block.data);
  }
  return fail(Code::kInvalid, {}, "holds no \"X509 CRL\"");
}

}  // namespace

Result<std::shared_ptr<const Crl>> decode_crl(ByteView bytes) {
  if (bytes.size() > kMaxCrl) return fail(Code::kInvalid, {}, "is too long for a CRL");
  auto encoded = der_of(bytes);
  if (!encoded) return forward(encoded);
  SECItem item = item_of(encoded->view());
  const SignedCrlPtr decoded(CERT_DecodeDERCrl(nullptr, &item, SEC_CRL_TYPE));
  if (!decoded) return fail(Code::kInvalid, {}, "is no CRL");
  const CERTCrl& body = decoded->crl;
  if (any_critical(body.extensions)) {
    return fail(Code::kUnsupported, {},
                "is a delta, indirect or partial CRL (it has a critical extension)");
  }
  auto crl = std::make_shared<Crl>();
  crl->der = to_bytes(encoded->view());
  crl->issuer_der = to_bytes(view_of(body.derName));
  PRTime time = 0;
  if (DER_DecodeTimeChoice(&time, &body.lastUpdate) != SECSuccess) {
    return fail(Code::kInvalid, {}, "is no CRL (its thisUpdate is malformed)");
  }
  crl->this_update = wall_time(time);
  if (body.nextUpdate.len != 0) {
    if (DER_DecodeTimeChoice(&time, &body.nextUpdate) != SECSuccess) {
      return fail(Code::kInvalid, {}, "is no CRL (its nextUpdate is malformed)");
    }
    crl->next_update = wall_time(time);
  }
  for (CERTCrlEntry* const* entry = body.entries; entry && *entry; ++entry) {
    if (any_critical((*entry)->extensions)) {
      return fail(Code::kUnsupported, {}, "is an indirect CRL (an entry has a critical extension)");
    }
    crl->serials.insert(to_bytes(view_of((*entry)->serialNumber)));
  }
  return crl;
}

bool signed_by(const Crl& crl, const Certificate& issuer) {
  if (!issuer.may_sign_crls) return false;  // RFC 5280 section 6.3.3 (f)
  const ArenaPtr arena(PORT_NewArena(DER_DEFAULT_CHUNKSIZE));
  CERTSignedData data{};
  const SECItem item = item_of(crl.der);
  return arena &&
         SEC_QuickDERDecodeItem(arena.get(), &data, SEC_ASN1_GET(CERT_SignedDataTemplate), &item) ==
             SECSuccess &&
         CERT_VerifySignedDataWithPublicKey(&data, issuer.key.get(), nullptr) == SECSuccess;
}

}  // namespace espalier::ike::crypto::nss
