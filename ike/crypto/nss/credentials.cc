#include "ike/crypto/nss/credentials.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/time_text.h"
#include "ike/crypto/nss/signatures.h"
#include "ike/crypto/pem.h"

namespace espalier::ike::crypto::nss {
namespace {

constexpr std::string_view kCertificatePlace = "tls.crt";  // the keys of a kubernetes.io/tls Secret
constexpr std::string_view kKeyPlace = "tls.key";

tl::unexpected<Error> at(const std::string& place, Error error) {
  error.where = place;
  return tl::unexpected<Error>(std::move(error));
}

// What the key signs verifies under the certificate: the only proof that they belong together.
bool belongs(SECKEYPrivateKey* key, const Certificate& certificate) {
  const bool rsa = certificate.info.key_type == KeyType::kRsa;
  if (SECKEY_GetPrivateKeyType(key) != (rsa ? rsaKey : ecKey)) return false;
  static constexpr std::array<std::uint8_t, 8> kText = {'e', 's', 'p', 'a', 'l', 'i', 'e', 'r'};
  const auto signature =
      sign(key, certificate.info, {HashId::kSha2_256, HashId::kSha2_384, HashId::kSha2_512}, kText);
  return signature &&
         verify(certificate, signature->method, signature->auth_data, kText).has_value();
}

// The leaf, then each one's issuer as far as there is one; what is left over keeps its place at the
// end.
void put_in_order(Path& chain) {
  for (std::size_t i = 0; i + 1 < chain.size(); ++i) {
    const Bytes& issuer = chain[i]->issuer_der;
    const auto next =
        std::find_if(chain.begin() + static_cast<std::ptrdiff_t>(i) + 1, chain.end(),
                     [&issuer](const auto& one) { return one->info.subject_der == issuer; });
    if (next == chain.end()) return;
    std::rotate(chain.begin() + static_cast<std::ptrdiff_t>(i) + 1, next, next + 1);
  }
}

}  // namespace

Result<PrivateKeyPtr> import_key(const Secrets& secrets, ByteView pkcs8, const Path& certificates) {
  for (const auto& certificate : certificates) {
    if (certificate->info.key_type != KeyType::kEcdsa) continue;
    const auto whole = with_public_point(pkcs8, view_of(certificate->key->u.ec.publicValue));
    if (!whole) break;
    auto key = secrets.import_private(whole->view());
    if (key && belongs(key->get(), *certificate)) return key;
  }
  return secrets.import_private(pkcs8);
}

Result<Credential> make_credential(Path certificates, PrivateKeyPtr key, const std::string& place,
                                   const std::string& key_place, WallTime now) {
  if (certificates.empty()) return fail(Code::kInvalid, place, "holds no certificate");
  const auto own = std::find_if(certificates.begin(), certificates.end(),
                                [&key](const auto& one) { return belongs(key.get(), *one); });
  if (own == certificates.end()) {
    return fail(Code::kInvalid, key_place,
                fmt::format("does not belong to {} (subject \"{}\")", place,
                            certificates.front()->info.subject));
  }
  std::rotate(certificates.begin(), own, own + 1);
  const CertificateInfo& info = certificates.front()->info;
  if (now > info.not_after) {
    return fail(
        Code::kInvalid, place,
        fmt::format("expired on {} (subject \"{}\")", time_text(info.not_after), info.subject));
  }
  if (is_weak(info)) {
    return fail(Code::kInvalid, place,
                fmt::format("has a key that is too weak: {}, at least RSA {} is wanted",
                            key_text(info), kMinRsaBits));
  }
  put_in_order(certificates);
  return Credential{std::move(certificates), std::move(key)};
}

Result<Credential> credential_from_pem(const Secrets& secrets, std::string_view chain_pem,
                                       std::string_view key_pem, WallTime now) {
  const std::string place(kCertificatePlace);
  const std::string key_place(kKeyPlace);
  auto blocks = decode_pem(chain_pem);
  if (!blocks) return at(place, std::move(blocks.error()));
  Path certificates;
  for (const PemBlock& block : *blocks) {
    if (block.label != "CERTIFICATE") continue;
    auto certificate = decode_certificate(block.data.view());
    if (!certificate) return at(place, std::move(certificate.error()));
    certificates.push_back(std::move(*certificate));
  }
  auto key_blocks = decode_pem(key_pem);
  if (!key_blocks) return at(key_place, std::move(key_blocks.error()));
  auto pkcs8 = private_key_info(*key_blocks);
  if (!pkcs8) return at(key_place, std::move(pkcs8.error()));
  auto key = import_key(secrets, pkcs8->view(), certificates);
  if (!key) {
    return fail(Code::kInvalid, key_place,
                "is no RSA or EC key that can be used: " + key.error().detail);
  }
  return make_credential(std::move(certificates), std::move(*key), place, key_place, now);
}

Result<Credential> credential_from_database(const std::string& nickname, WallTime now) {
  const std::string place = fmt::format("\"{}\" in the NSS database", nickname);
  const CertificatePtr leaf(PK11_FindCertFromNickname(nickname.c_str(), nullptr));
  if (!leaf) return fail(Code::kNotFound, place, "there is no such certificate");
  PrivateKeyPtr key(PK11_FindKeyByAnyCert(leaf.get(), nullptr));
  if (!key) return fail(Code::kNotFound, place, "there is no private key of this certificate");
  Path certificates;
  CERTCertificateList* found = CERT_CertChainFromCert(leaf.get(), certUsageAnyCA, PR_FALSE);
  const int count = found ? found->len : 0;
  Status status;
  for (int i = 0; i < count && status; ++i) {
    auto certificate = decode_certificate(view_of(found->certs[i]));
    if (certificate) {
      certificates.push_back(std::move(*certificate));
    } else {
      status = at(place, std::move(certificate.error()));
    }
  }
  if (found) CERT_DestroyCertificateList(found);
  if (!status) return forward(status);
  return make_credential(std::move(certificates), std::move(key), place, place, now);
}

CredentialId Credentials::add(Credential credential) {
  const std::lock_guard lock(mutex_);
  const auto id = static_cast<CredentialId>(++last_credential_);
  credentials_.emplace(id, std::make_shared<const Credential>(std::move(credential)));
  return id;
}

TrustId Credentials::add(Path anchors) {
  const std::lock_guard lock(mutex_);
  const auto id = static_cast<TrustId>(++last_trust_);
  auto trust = std::make_shared<Trust>();
  trust->anchors = std::move(anchors);
  trusts_.emplace(id, TrustState{std::move(trust), ++last_generation_});
  return id;
}

Status Credentials::set_crls(TrustId id, std::vector<std::shared_ptr<const Crl>> crls,
                             Revocation mode) {
  const std::lock_guard lock(mutex_);
  const auto found = trusts_.find(id);
  if (found == trusts_.end()) return fail(Code::kNotFound, "trust", "there is no such trust");
  auto trust = std::make_shared<Trust>();
  trust->anchors = found->second.trust->anchors;
  trust->crls = std::move(crls);
  trust->revocation = mode;
  found->second = {std::move(trust), ++last_generation_};
  return {};
}

void Credentials::remove(CredentialId id) {
  const std::lock_guard lock(mutex_);
  credentials_.erase(id);
}

void Credentials::remove(TrustId id) {
  const std::lock_guard lock(mutex_);
  trusts_.erase(id);
}

std::shared_ptr<const Credential> Credentials::find(CredentialId id) const {
  const std::lock_guard lock(mutex_);
  const auto found = credentials_.find(id);
  return found == credentials_.end() ? nullptr : found->second;
}

std::optional<TrustState> Credentials::find(TrustId id) const {
  const std::lock_guard lock(mutex_);
  const auto found = trusts_.find(id);
  return found == trusts_.end() ? std::nullopt : std::optional(found->second);
}

void Credentials::clear() {
  const std::lock_guard lock(mutex_);
  credentials_.clear();
  trusts_.clear();
}

}  // namespace espalier::ike::crypto::nss
