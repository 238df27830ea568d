#include "ike/crypto/nss/secrets.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "ike/crypto/der.h"

namespace espalier::ike::crypto::nss {
namespace {

constexpr std::size_t kAesBlock = 16;
constexpr std::size_t kMaxPrivateKey = 4096;  // PKCS #8; RSA 4096 takes 2400
constexpr std::size_t kMaxExtract = 512;      // g^ir of modp4096

// `plain` under the ephemeral key with PKCS padding and a fresh IV.
struct Wrapped {
  std::array<std::uint8_t, kAesBlock> iv{};
  Bytes text;
};

Result<Wrapped> wrap_data(PK11SymKey* ephemeral, ByteView plain) {
  Wrapped wrapped;
  if (PK11_GenerateRandom(wrapped.iv.data(), static_cast<int>(wrapped.iv.size())) != SECSuccess) {
    return nss_failure(Code::kCrypto, "random");
  }
  wrapped.text.resize(plain.size() + kAesBlock);
  SECItem iv = item_of(wrapped.iv);
  unsigned int length = 0;
  if (PK11_Encrypt(ephemeral, CKM_AES_CBC_PAD, &iv, wrapped.text.data(), &length,
                   static_cast<unsigned int>(wrapped.text.size()), plain.data(),
                   static_cast<unsigned int>(plain.size())) != SECSuccess) {
    return nss_failure(Code::kCrypto, "wrap a key");
  }
  wrapped.text.resize(length);
  return wrapped;
}

struct KeyKind {
  CK_KEY_TYPE type = CKK_RSA;
  ByteView public_value;  // the modulus, or the point
};

// Of a PrivateKeyInfo (RFC 5208) with an RSAPrivateKey (RFC 8017) or ECPrivateKey (RFC 5915).
std::optional<KeyKind> kind_of(ByteView pkcs8) {
  static constexpr std::string_view kRsaEncryption = "2a864886f70d010101";
  static constexpr std::string_view kEcPublicKey = "2a8648ce3d0201";
  const auto info = der::only(pkcs8, der::kSequence);
  if (!info) return std::nullopt;
  der::Reader fields(*info);
  const auto version = fields.content(der::kInteger);
  const auto algorithm = fields.content(der::kSequence);
  const auto octets = fields.content(der::kOctetString);
  const auto oid =
      algorithm ? der::Reader(*algorithm).content(der::kObjectIdentifier) : std::nullopt;
  const auto key = octets ? der::only(*octets, der::kSequence) : std::nullopt;
  if (!version || !oid || !key) return std::nullopt;
  der::Reader parts(*key);
  if (!parts.content(der::kInteger)) return std::nullopt;
  if (to_hex(*oid) == kRsaEncryption) {
    auto modulus = parts.content(der::kInteger);
    if (!modulus) return std::nullopt;
    if (!modulus->empty() && modulus->front() == 0) modulus = modulus->subspan(1);
    return KeyKind{CKK_RSA, *modulus};
  }
  if (to_hex(*oid) != kEcPublicKey || !parts.content(der::kOctetString)) return std::nullopt;
  if (parts.peek() == der::context(0, true)) (void)parts.next();
  const auto wrapped = parts.content(der::context(1, true));
  const auto bits = wrapped ? der::only(*wrapped, der::kBitString) : std::nullopt;
  if (!bits || bits->size() < 2) return std::nullopt;
  return KeyKind{CKK_EC, bits->subspan(1)};
}

}  // namespace

Result<Secrets> Secrets::open() {
  Secrets secrets;
  secrets.slot_.reset(PK11_GetInternalSlot());
  if (!secrets.slot_) return nss_failure(Code::kCrypto, "internal token");
  if (PK11_IsFIPS()) {
    secrets.ephemeral_.reset(
        PK11_KeyGen(secrets.slot_.get(), CKM_AES_KEY_GEN, nullptr, 256 / 8, nullptr));
    if (!secrets.ephemeral_) return nss_failure(Code::kCrypto, "ephemeral key");
  }
  return secrets;
}

Result<SymKeyPtr> Secrets::import(ByteView key, CK_MECHANISM_TYPE mechanism,
                                  CK_ATTRIBUTE_TYPE operation) const {
  SymKeyPtr handle;
  if (!fips()) {
    SECItem item = item_of(key);
    handle.reset(
        PK11_ImportSymKey(slot_.get(), mechanism, PK11_OriginUnwrap, operation, &item, nullptr));
  } else {
    auto wrapped = wrap_data(ephemeral_.get(), key);
    if (!wrapped) return forward(wrapped);
    SECItem iv = item_of(wrapped->iv);
    SECItem text = item_of(wrapped->text);
    handle.reset(PK11_UnwrapSymKey(ephemeral_.get(), CKM_AES_CBC_PAD, &iv, &text, mechanism,
                                   operation, static_cast<int>(key.size())));
  }
  if (!handle) return nss_failure(Code::kCrypto, "import a key");
  return handle;
}

Result<SecretBytes> Secrets::extract(PK11SymKey* key) const {
  if (!fips()) {
    if (PK11_ExtractKeyValue(key) != SECSuccess) return nss_failure(Code::kCrypto, "extract a key");
    const SECItem* data = PK11_GetKeyData(key);  // stays the key's
    if (!data) return nss_failure(Code::kCrypto, "extract a key");
    return SecretBytes(view_of(*data));
  }
  const std::size_t length = PK11_GetKeyLength(key);
  if (length == 0 || length > kMaxExtract) return nss_failure(Code::kCrypto, "extract a key");
  Bytes wrapped((length + kAesBlock - 1) / kAesBlock * kAesBlock);
  SECItem item = item_of(wrapped);
  if (PK11_WrapSymKey(CKM_AES_ECB, nullptr, ephemeral_.get(), key, &item) != SECSuccess) {
    return nss_failure(Code::kCrypto, "wrap a key");
  }
  SecretBytes padded(wrapped.size());
  unsigned int got = 0;
  if (PK11_Decrypt(ephemeral_.get(), CKM_AES_ECB, nullptr, padded.writable().data(), &got,
                   static_cast<unsigned int>(padded.size()), wrapped.data(),
                   item.len) != SECSuccess) {
    return nss_failure(Code::kCrypto, "extract a key");
  }
  return padded.slice(0, length);
}

Result<PrivateKeyPtr> Secrets::import_private(ByteView pkcs8) const {
  if (!fips()) {
    SECItem item = item_of(pkcs8);
    SECKEYPrivateKey* key = nullptr;
    if (PK11_ImportDERPrivateKeyInfoAndReturnKey(slot_.get(), &item, nullptr, nullptr, PR_FALSE,
                                                 PR_FALSE, KU_DIGITAL_SIGNATURE, &key,
                                                 nullptr) != SECSuccess) {
      return nss_failure(Code::kInvalid, {});
    }
    return PrivateKeyPtr(key);
  }
  const auto kind = kind_of(pkcs8);
  if (!kind) return fail(Code::kInvalid, {}, "no PKCS #8 of an RSA or EC key with its public part");
  auto wrapped = wrap_data(ephemeral_.get(), pkcs8);
  if (!wrapped) return forward(wrapped);
  SECItem iv = item_of(wrapped->iv);
  SECItem text = item_of(wrapped->text);
  SECItem public_value = item_of(kind->public_value);
  CK_ATTRIBUTE_TYPE usage = CKA_SIGN;
  PrivateKeyPtr handle(PK11_UnwrapPrivKey(slot_.get(), ephemeral_.get(), CKM_AES_CBC_PAD, &iv,
                                          &text, nullptr, &public_value, PR_FALSE, PR_TRUE,
                                          kind->type, &usage, 1, nullptr));
  if (!handle) return nss_failure(Code::kInvalid, {});
  return handle;
}

Result<SecretBytes> Secrets::export_private(SECKEYPrivateKey* key) const {
  // A sensitive key leaves wrapped in either mode.
  SymKeyPtr fresh;
  if (!fips()) {
    fresh.reset(PK11_KeyGen(slot_.get(), CKM_AES_KEY_GEN, nullptr, 256 / 8, nullptr));
    if (!fresh) return nss_failure(Code::kCrypto, "wrap a key");
  }
  PK11SymKey* wrapping = fips() ? ephemeral_.get() : fresh.get();
  std::array<std::uint8_t, kAesBlock> iv_octets{};
  if (PK11_GenerateRandom(iv_octets.data(), static_cast<int>(iv_octets.size())) != SECSuccess) {
    return nss_failure(Code::kCrypto, "random");
  }
  SECItem iv = item_of(iv_octets);
  Bytes wrapped(kMaxPrivateKey);
  SECItem item = item_of(wrapped);
  if (PK11_WrapPrivKey(slot_.get(), wrapping, key, CKM_AES_CBC_PAD, &iv, &item, nullptr) !=
      SECSuccess) {
    return nss_failure(Code::kCrypto, "export a key");
  }
  SecretBytes padded(item.len);
  unsigned int length = 0;
  if (PK11_Decrypt(wrapping, CKM_AES_CBC_PAD, &iv, padded.writable().data(), &length,
                   static_cast<unsigned int>(padded.size()), wrapped.data(),
                   item.len) != SECSuccess) {
    return nss_failure(Code::kCrypto, "export a key");
  }
  return padded.slice(0, length);
}

}  // namespace espalier::ike::crypto::nss
