// Owners of NSS's handles, its error text, and spans as SECItems. Private to this adapter.
#pragma once

#include <memory>
#include <string>

#include <cert.h>
#include <keyhi.h>
#include <pk11pub.h>
#include <prerror.h>
#include <secitem.h>
#include <secoid.h>

#include "base/bytes.h"
#include "base/result.h"

namespace espalier::ike::crypto::nss {

template <auto Free>
struct Freer {
  template <typename T>
  void operator()(T* handle) const noexcept {
    Free(handle);
  }
};

inline void free_context(PK11Context* context) {
  PK11_DestroyContext(context, PR_TRUE);
}
inline void free_arena(PLArenaPool* arena) {
  PORT_FreeArena(arena, PR_TRUE);
}
inline void free_item(SECItem* item) {
  SECITEM_ZfreeItem(item, PR_TRUE);
}

using SlotPtr = std::unique_ptr<PK11SlotInfo, Freer<PK11_FreeSlot>>;
using SymKeyPtr = std::unique_ptr<PK11SymKey, Freer<PK11_FreeSymKey>>;
using ContextPtr = std::unique_ptr<PK11Context, Freer<free_context>>;
using PrivateKeyPtr = std::unique_ptr<SECKEYPrivateKey, Freer<SECKEY_DestroyPrivateKey>>;
using PublicKeyPtr = std::unique_ptr<SECKEYPublicKey, Freer<SECKEY_DestroyPublicKey>>;
using SpkiPtr =
    std::unique_ptr<CERTSubjectPublicKeyInfo, Freer<SECKEY_DestroySubjectPublicKeyInfo>>;
using CertificatePtr = std::unique_ptr<CERTCertificate, Freer<CERT_DestroyCertificate>>;
using CertListPtr = std::unique_ptr<CERTCertList, Freer<CERT_DestroyCertList>>;
using ArenaPtr = std::unique_ptr<PLArenaPool, Freer<free_arena>>;
using ItemPtr = std::unique_ptr<SECItem, Freer<free_item>>;

// The bytes as NSS takes them. NSS does not write through the items it is given as input.
inline SECItem item_of(ByteView bytes) {
  return {siBuffer, const_cast<unsigned char*>(bytes.data()),
          static_cast<unsigned int>(bytes.size())};
}

inline ByteView view_of(const SECItem& item) {
  return {item.data, item.len};
}

// "SEC_ERROR_BAD_KEY (Key is corrupt.)" of this thread's last NSS error; of `code`.
[[nodiscard]] std::string nss_error();
[[nodiscard]] std::string nss_error(PRErrorCode code);

// An Error of this thread's last NSS error: "aes-gcm: SEC_ERROR_…".
[[nodiscard]] tl::unexpected<Error> nss_failure(Code code, std::string where);

}  // namespace espalier::ike::crypto::nss
