// Certificate revocation lists. Private to this adapter.
//
// They are judged here and not by NSS: its cache of CRLs is one per process, and it believes a
// stale one.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "ike/crypto/nss/certificate.h"
#include "ike/crypto/nss/handles.h"

namespace espalier::ike::crypto::nss {

struct Crl {
  Bytes der;
  Bytes issuer_der;
  WallTime this_update{};
  std::optional<WallTime> next_update;
  std::set<Bytes> serials;  // the serial numbers' DER contents
};

// PEM ("X509 CRL") or DER. Refuses delta and indirect CRLs, and any other critical extension.
[[nodiscard]] Result<std::shared_ptr<const Crl>> decode_crl(ByteView bytes);

// Whether `issuer` signed it and may.
[[nodiscard]] bool signed_by(const Crl& crl, const Certificate& issuer);

}  // namespace espalier::ike::crypto::nss
