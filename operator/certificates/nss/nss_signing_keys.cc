#include "operator/certificates/nss/nss_signing_keys.h"

#include <array>

#include <cryptohi.h>
#include <keyhi.h>
#include <pk11pub.h>

#include "ike/crypto/nss/handles.h"
#include "ike/crypto/nss/secrets.h"
#include "ike/crypto/nss/symmetric.h"

namespace espalier::certificates::nss {

using ike::crypto::nss::item_of;
using ike::crypto::nss::nss_failure;
using ike::crypto::nss::PrivateKeyPtr;
using ike::crypto::nss::PublicKeyPtr;
using ike::crypto::nss::Secrets;
using ike::crypto::nss::SpkiPtr;
using ike::crypto::nss::view_of;

namespace {

constexpr std::array<std::uint8_t, 8> kProof = {'e', 's', 'p', 'a', 'l', 'i', 'e', 'r'};

class NssSigningKey final : public SigningKey {
 public:
  NssSigningKey(PublicKey public_key, PrivateKeyPtr handle)
      : SigningKey(std::move(public_key)), handle_(std::move(handle)) {}
  [[nodiscard]] SECKEYPrivateKey* handle() const { return handle_.get(); }

 private:
  PrivateKeyPtr handle_;
};

SECOidTag signature_tag(Digest digest) {
  return digest == Digest::kSha256 ? SEC_OID_ANSIX962_ECDSA_SHA256_SIGNATURE
                                   : SEC_OID_ANSIX962_ECDSA_SHA384_SIGNATURE;
}

Result<Bytes> sign_with(SECKEYPrivateKey* key, Digest digest, ByteView octets) {
  SECItem signature = {siBuffer, nullptr, 0};
  if (SEC_SignData(&signature, octets.data(), static_cast<int>(octets.size()), key,
                   signature_tag(digest)) != SECSuccess) {
    return nss_failure(Code::kCrypto, "sign");
  }
  Bytes result = to_bytes(view_of(signature));
  SECITEM_FreeItem(&signature, PR_FALSE);
  return result;
}

Status verify_with(const PublicKey& key, Digest digest, ByteView octets, ByteView signature) {
  const SECItem info_item = item_of(key.info);
  const SpkiPtr info(SECKEY_DecodeDERSubjectPublicKeyInfo(&info_item));
  const PublicKeyPtr handle(info ? SECKEY_ExtractPublicKey(info.get()) : nullptr);
  if (!handle) return fail(Code::kDenied, "key", "is no key that can be used");
  const SECItem item = item_of(signature);
  if (VFY_VerifyDataDirect(octets.data(), static_cast<int>(octets.size()), handle.get(), &item,
                           SEC_OID_ANSIX962_EC_PUBLIC_KEY,
                           digest == Digest::kSha256 ? SEC_OID_SHA256 : SEC_OID_SHA384, nullptr,
                           nullptr) != SECSuccess) {
    return fail(Code::kDenied, "signature", "does not verify");
  }
  return {};
}

class Adapter final : public SigningKeys {
 public:
  explicit Adapter(Secrets secrets) : secrets_(std::move(secrets)) {}

  Result<std::shared_ptr<const SigningKey>> generate(Curve curve) override {
    const SECOidData* oid = SECOID_FindOIDByTag(curve == Curve::kP256 ? SEC_OID_SECG_EC_SECP256R1
                                                                      : SEC_OID_SECG_EC_SECP384R1);
    if (!oid) return nss_failure(Code::kCrypto, "generate a key");
    Bytes parameters = {SEC_ASN1_OBJECT_ID, static_cast<std::uint8_t>(oid->oid.len)};
    append(parameters, view_of(oid->oid));
    SECItem item = item_of(parameters);
    SECKEYPublicKey* made = nullptr;
    PrivateKeyPtr handle(PK11_GenerateKeyPairWithOpFlags(
        secrets_.slot(), CKM_EC_KEY_PAIR_GEN, &item, &made,
        PK11_ATTR_SESSION | PK11_ATTR_SENSITIVE | PK11_ATTR_EXTRACTABLE | PK11_ATTR_PUBLIC,
        CKF_SIGN, CKF_SIGN, nullptr));
    const PublicKeyPtr public_half(made);
    if (!handle || !public_half) return nss_failure(Code::kCrypto, "generate a key");
    PublicKey key = public_key_of(curve, view_of(public_half->u.ec.publicValue));
    return std::make_shared<const NssSigningKey>(std::move(key), std::move(handle));
  }

  Result<std::shared_ptr<const SigningKey>> import_key(ByteView private_key_info,
                                                       const PublicKey& public_key) override {
    auto handle = secrets_.import_private(private_key_info);
    if (!handle || SECKEY_GetPrivateKeyType(handle->get()) != ecKey) {
      return fail(Code::kInvalid, {}, "is no EC key that can be used");
    }
    const Digest digest = digest_for(public_key.curve);
    auto signature = sign_with(handle->get(), digest, kProof);
    if (!signature || !verify_with(public_key, digest, kProof, *signature)) {
      return fail(Code::kInvalid, {}, "does not belong to the certificate");
    }
    return std::make_shared<const NssSigningKey>(public_key, std::move(*handle));
  }

  Result<SecretBytes> export_key(const SigningKey& key) override {
    const auto* own = dynamic_cast<const NssSigningKey*>(&key);
    if (!own) return foreign();
    return secrets_.export_private(own->handle());
  }

  Result<Bytes> sign(const SigningKey& key, Digest digest, ByteView octets) override {
    const auto* own = dynamic_cast<const NssSigningKey*>(&key);
    if (!own) return foreign();
    return sign_with(own->handle(), digest, octets);
  }

  Status verify(const PublicKey& key, Digest digest, ByteView octets, ByteView signature) override {
    return verify_with(key, digest, octets, signature);
  }

  Result<Bytes> sha256(ByteView octets) override {
    const std::array<ByteView, 1> data = {octets};
    return ike::crypto::nss::digest(SEC_OID_SHA256, data);
  }

  Status random(std::span<std::uint8_t> out) override {
    if (PK11_GenerateRandom(out.data(), static_cast<int>(out.size())) != SECSuccess) {
      return nss_failure(Code::kCrypto, "random");
    }
    return {};
  }

 private:
  static tl::unexpected<Error> foreign() {
    return fail(Code::kInternal, "key", "is not a key of this adapter");
  }

  Secrets secrets_;
};

}  // namespace

Result<std::unique_ptr<SigningKeys>> open_signing_keys() {
  auto secrets = Secrets::open();
  if (!secrets) return forward(secrets);
  return std::make_unique<Adapter>(std::move(*secrets));
}

}  // namespace espalier::certificates::nss
