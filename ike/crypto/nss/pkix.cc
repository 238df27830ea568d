// NSS exports this function under another name than its header declares (its own nssrenam.h does
// the same).
#define CERT_DecodeDERCertificate __CERT_DecodeDERCertificate

#include "ike/crypto/nss/pkix.h"

#include <array>
#include <mutex>

#include <fmt/format.h>
#include <secerr.h>

namespace espalier::ike::crypto::nss {
namespace {

// Guards NSS's store of certificates, which is one per process. What is imported for one validation
// is let go after it; but PKIX keeps some of it in caches: up to 320 chains and intermediates for
// an hour or more, and for good the first certificate that it saw signed by a CA's key.
std::mutex store_mutex;

CertificatePtr import(const Certificate& certificate) {
  SECItem item = item_of(certificate.der);
  return CertificatePtr(
      CERT_NewTempCertificate(CERT_GetDefaultCertDB(), &item, nullptr, PR_FALSE, PR_TRUE));
}

// 0 or NSS's error.
PRErrorCode validate(CERTCertificate* leaf, CERTCertList* anchors, WallTime now) {
  // Revocation is judged elsewhere; but without flags PKIX finds every chain an invalid argument.
  std::array<PRUint64, cert_revocation_method_count> no_methods{};
  CERTRevocationFlags revocation{};
  for (CERTRevocationTests* tests : {&revocation.leafTests, &revocation.chainTests}) {
    tests->number_of_defined_methods = no_methods.size();
    tests->cert_rev_flags_per_method = no_methods.data();
  }
  std::array<CERTValInParam, 5> in{};
  in[0].type = cert_pi_date;
  in[0].value.scalar.time = nss_time(now);
  in[1].type = cert_pi_trustAnchors;
  in[1].value.pointer.chain = anchors;
  in[2].type = cert_pi_useOnlyTrustAnchors;
  in[2].value.scalar.b = PR_TRUE;
  in[3].type = cert_pi_revocationFlags;
  in[3].value.pointer.revocation = &revocation;
  in[4].type = cert_pi_end;
  std::array<CERTValOutParam, 1> out{};
  out[0].type = cert_po_end;
  const SECStatus good =
      CERT_PKIXVerifyCert(leaf, certificateUsageIPsec, in.data(), out.data(), nullptr);
  return good == SECSuccess ? 0 : PR_GetError();
}

Refusal explain(PRErrorCode code, const CertificateInfo& leaf) {
  switch (code) {
    case SEC_ERROR_INADEQUATE_KEY_USAGE:
      return {RefusalReason::kBadKeyUsage,
              fmt::format("the KeyUsage of the certificate of \"{}\" does not allow signatures (or "
                          "that of a CA above it, certificates)",
                          leaf.subject)};
    case SEC_ERROR_INADEQUATE_CERT_TYPE:
      return {RefusalReason::kBadKeyUsage,
              fmt::format("the ExtendedKeyUsage of the certificate of \"{}\" (or of a CA above it) "
                          "does not allow IPsec",
                          leaf.subject)};
    case SEC_ERROR_CA_CERT_INVALID:
      return {
          RefusalReason::kBadKeyUsage,
          fmt::format("the certificate of \"{}\" has an issuer whose own certificate is no CA's",
                      leaf.subject)};
    case SEC_ERROR_REUSED_ISSUER_AND_SERIAL:
      // The store cannot hold both. Nobody but a CA trusted here can bring this about.
      return {
          RefusalReason::kNotPermitted,
          fmt::format("the certificate of \"{}\" has the issuer name \"{}\" and the serial number "
                      "of another certificate that was seen since the start; a CA made anew "
                      "wants another name, or serial numbers that go on (a restart helps)",
                      leaf.subject, leaf.issuer)};
    case SEC_ERROR_UNKNOWN_ISSUER:  // the path is known: PKIX found a CA on it that it may not use
      return {RefusalReason::kNotPermitted,
              fmt::format("the certificate of \"{}\" leads to a CA that is trusted here, but a CA "
                          "on the way is not permitted to issue for it (path length, name "
                          "constraints or key usage)",
                          leaf.subject)};
    default:
      return {RefusalReason::kNotPermitted,
              fmt::format("the certificate of \"{}\" (issued by \"{}\") does not verify: {}",
                          leaf.subject, leaf.issuer, nss_error(code))};
  }
}

}  // namespace

std::optional<Refusal> pkix_problem(const Path& path, WallTime now) {
  const CertificateInfo& info = path.front()->info;
  const std::lock_guard lock(store_mutex);  // let go last
  const CertListPtr anchors(CERT_NewCertList());
  CertificatePtr anchor = import(*path.back());
  if (!anchors || !anchor || CERT_AddCertToListTail(anchors.get(), anchor.get()) != SECSuccess) {
    return explain(PR_GetError(), path.back()->info);
  }
  (void)anchor.release();                // the list's now
  std::vector<CertificatePtr> imported;  // the leaf and what leads to the anchor
  for (std::size_t i = 0; i == 0 || i + 1 < path.size(); ++i) {
    imported.push_back(import(*path[i]));
    if (!imported.back()) return explain(PR_GetError(), path[i]->info);
  }
  const PRErrorCode code = validate(imported.front().get(), anchors.get(), now);
  if (code == 0) return std::nullopt;
  return explain(code, info);
}

}  // namespace espalier::ike::crypto::nss
