#include "ike/crypto/provider.h"

namespace espalier::ike::crypto {

std::string_view name_of(RefusalReason reason) {
  switch (reason) {
    case RefusalReason::kMalformed:
      return "malformed";
    case RefusalReason::kUntrustedIssuer:
      return "untrusted issuer";
    case RefusalReason::kExpired:
      return "expired";
    case RefusalReason::kNotYetValid:
      return "not yet valid";
    case RefusalReason::kRevoked:
      return "revoked";
    case RefusalReason::kRevocationUnknown:
      return "revocation unknown";
    case RefusalReason::kBadKeyUsage:
      return "bad key usage";
    case RefusalReason::kNotPermitted:
      return "not permitted";
    case RefusalReason::kWeakKey:
      return "weak key";
    case RefusalReason::kUnsupportedAlgorithm:
      return "unsupported algorithm";
    case RefusalReason::kIdUnexpected:
      return "unexpected identity";
    case RefusalReason::kIdNotInCertificate:
      return "identity not in certificate";
    case RefusalReason::kBadSignature:
      return "bad signature";
  }
  return "unknown";
}

}  // namespace espalier::ike::crypto
