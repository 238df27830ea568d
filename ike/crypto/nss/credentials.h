// Own keys with their chains, and trusts, by id. Thread-safe. Private to this adapter.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ike/crypto/nss/certificate.h"
#include "ike/crypto/nss/secrets.h"
#include "ike/crypto/nss/trust.h"
#include "ike/crypto/provider.h"

namespace espalier::ike::crypto::nss {

struct Credential {
  Path chain;  // leaf first, never empty
  PrivateKeyPtr key;
};

// Each checks that the key belongs to the leaf, that the leaf has not expired and is not weak, and
// puts the chain in order.
[[nodiscard]] Result<Credential> credential_from_pem(const Secrets& secrets,
                                                     std::string_view chain_pem,
                                                     std::string_view key_pem, WallTime now);
[[nodiscard]] Result<Credential> credential_from_pkcs12(const Secrets& secrets, ByteView bytes,
                                                        std::string_view password, WallTime now);
[[nodiscard]] Result<Credential> credential_from_database(const std::string& nickname,
                                                          WallTime now);

// A private key for signing from PKCS #8. The public point that an EC key may lack is taken from
// the certificates.
[[nodiscard]] Result<PrivateKeyPtr> import_key(const Secrets& secrets, ByteView pkcs8,
                                               const Path& certificates);

// `place` names the certificates' source in errors, `key_place` the key's.
[[nodiscard]] Result<Credential> make_credential(Path certificates, PrivateKeyPtr key,
                                                 const std::string& place,
                                                 const std::string& key_place, WallTime now);

struct TrustState {
  std::shared_ptr<const Trust> trust;
  std::uint64_t generation = 0;
};

class Credentials {
 public:
  [[nodiscard]] CredentialId add(Credential credential);
  [[nodiscard]] TrustId add(Path anchors);
  [[nodiscard]] Status set_crls(TrustId id, std::vector<std::shared_ptr<const Crl>> crls,
                                Revocation mode);
  void remove(CredentialId id);
  void remove(TrustId id);
  // Null when there is none.
  [[nodiscard]] std::shared_ptr<const Credential> find(CredentialId id) const;
  [[nodiscard]] std::optional<TrustState> find(TrustId id) const;
  void clear();

 private:
  mutable std::mutex mutex_;
  std::uint32_t last_credential_ = 0;
  std::uint32_t last_trust_ = 0;
  std::uint64_t last_generation_ = 0;
  std::map<CredentialId, std::shared_ptr<const Credential>> credentials_;
  std::map<TrustId, TrustState> trusts_;
};

}  // namespace espalier::ike::crypto::nss
