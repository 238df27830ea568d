// The way of a secret into NSS and out of it. Private to this adapter.
//
// In FIPS mode the token takes no plain key and gives none: a secret goes in encrypted under an
// ephemeral key that never leaves the token and is unwrapped there, and comes out wrapped under it
// and decrypted as data.
#pragma once

#include <pkcs11t.h>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret_bytes.h"
#include "ike/crypto/nss/handles.h"

namespace espalier::ike::crypto::nss {

class Secrets {
 public:
  [[nodiscard]] static Result<Secrets> open();

  // A session key for `mechanism`; operation is CKA_SIGN, CKA_ENCRYPT, ….
  [[nodiscard]] Result<SymKeyPtr> import(ByteView key, CK_MECHANISM_TYPE mechanism,
                                         CK_ATTRIBUTE_TYPE operation) const;
  // The key's bytes, which are at most 512.
  [[nodiscard]] Result<SecretBytes> extract(PK11SymKey* key) const;
  // A session key from a PKCS #8 PrivateKeyInfo in DER, for signing.
  [[nodiscard]] Result<PrivateKeyPtr> import_private(ByteView pkcs8) const;

  // The reverse: a key that was made extractable, as PKCS #8.
  [[nodiscard]] Result<SecretBytes> export_private(SECKEYPrivateKey* key) const;

  [[nodiscard]] bool fips() const { return ephemeral_ != nullptr; }
  [[nodiscard]] PK11SlotInfo* slot() const { return slot_.get(); }

 private:
  SlotPtr slot_;
  SymKeyPtr ephemeral_;  // AES-256; null outside FIPS mode
};

}  // namespace espalier::ike::crypto::nss
