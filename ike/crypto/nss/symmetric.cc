#include "ike/crypto/nss/symmetric.h"

#include <algorithm>
#include <cstring>

namespace espalier::ike::crypto::nss {
namespace {

constexpr std::size_t kAeadNonce =
    12;  // salt | explicit IV (RFC 5282 section 4, RFC 7634 section 2)
constexpr std::size_t kMaxBody =
    1 << 20;  // far above any IKE message; keeps lengths inside NSS's int
constexpr std::size_t kMaxPrfPlus = 255;  // blocks; RFC 7296 section 2.13

CK_MECHANISM_TYPE hmac_mechanism(std::size_t key_length) {
  if (key_length == 32) return CKM_SHA256_HMAC;
  return key_length == 48 ? CKM_SHA384_HMAC : CKM_SHA512_HMAC;
}

SECOidTag hash_tag(std::size_t output) {
  if (output == 32) return SEC_OID_SHA256;
  return output == 48 ? SEC_OID_SHA384 : SEC_OID_SHA512;
}

std::size_t hash_block(std::size_t output) {
  return output == 32 ? 64 : 128;
}

// One HMAC key inside NSS, good for several runs.
class Hmac {
 public:
  [[nodiscard]] static Result<Hmac> open(const Secrets& secrets, std::size_t output, ByteView key) {
    // HMAC pads a short key with zeros, so an empty one and a zero octet are the same key (RFC
    // 2104).
    static constexpr std::uint8_t kZero = 0;
    if (key.empty()) key = {&kZero, 1};
    // A long key is its hash (RFC 2104 section 2); said here because NSS unwraps 256 octets at
    // most.
    SecretBytes hashed;
    if (key.size() > hash_block(output)) {
      const std::array<ByteView, 1> data = {key};
      auto short_key = digest(hash_tag(output), data);
      if (!short_key) return forward(short_key);
      hashed = SecretBytes(*short_key);
      explicit_bzero(short_key->data(), short_key->size());
      key = hashed.view();
    }
    Hmac hmac;
    hmac.output_ = output;
    const CK_MECHANISM_TYPE mechanism = hmac_mechanism(output);
    auto imported = secrets.import(key, mechanism, CKA_SIGN);
    if (!imported) return forward(imported);
    hmac.key_ = std::move(*imported);
    SECItem none = {siBuffer, nullptr, 0};
    hmac.context_.reset(PK11_CreateContextBySymKey(mechanism, CKA_SIGN, hmac.key_.get(), &none));
    if (!hmac.context_) return nss_failure(Code::kCrypto, "hmac");
    return hmac;
  }

  [[nodiscard]] bool begin() { return PK11_DigestBegin(context_.get()) == SECSuccess; }
  [[nodiscard]] bool add(ByteView piece) {
    return piece.empty() || PK11_DigestOp(context_.get(), piece.data(),
                                          static_cast<unsigned int>(piece.size())) == SECSuccess;
  }
  // `out` is at least as long as the hash.
  [[nodiscard]] bool end(std::span<std::uint8_t> out) {
    unsigned int length = 0;
    return PK11_DigestFinal(context_.get(), out.data(), &length,
                            static_cast<unsigned int>(out.size())) == SECSuccess &&
           length == output_;
  }

 private:
  std::size_t output_ = 0;
  SymKeyPtr key_;
  ContextPtr context_;  // after key_: destroyed first
};

Result<SecretBytes> hmac(const Secrets& secrets, std::size_t output, ByteView key,
                         std::span<const ByteView> data) {
  auto run = Hmac::open(secrets, output, key);
  if (!run) return forward(run);
  SecretBytes mac(output);
  bool ok = run->begin();
  for (const ByteView piece : data) ok = ok && run->add(piece);
  if (!ok || !run->end(mac.writable())) return nss_failure(Code::kCrypto, "hmac");
  return mac;
}

Status check_keys(const SkKeys& keys) {
  if (iv_size(keys.encr.id) == 0 || keys.encr_key.size() != keymat_size(keys.encr) ||
      keys.integ_key.size() != key_size(keys.integ) ||
      is_aead(keys.encr.id) != (keys.integ == IntegId::kNone)) {
    return fail(Code::kInternal, "SK", "the keys do not fit the suite");
  }
  return {};
}

enum class Direction { kSeal, kOpen };

// AEAD over `in` into `out` (same length); the tag is written or checked.
Status aead(const Secrets& secrets, const SkKeys& keys, Direction direction, ByteView iv,
            ByteView associated, ByteView in, std::uint8_t* out,
            std::array<std::uint8_t, 16>& tag) {
  const CK_MECHANISM_TYPE mechanism =
      keys.encr.id == EncrId::kAesGcm16 ? CKM_AES_GCM : CKM_CHACHA20_POLY1305;
  const CK_ATTRIBUTE_TYPE operation =
      CKA_NSS_MESSAGE | (direction == Direction::kSeal ? CKA_ENCRYPT : CKA_DECRYPT);
  const ByteView key = keys.encr_key.view().first(key_size(keys.encr));
  const ByteView salt = keys.encr_key.view().subspan(key.size());
  std::array<std::uint8_t, kAeadNonce> nonce{};
  std::copy(salt.begin(), salt.end(), nonce.begin());
  std::copy(iv.begin(), iv.end(), nonce.begin() + static_cast<std::ptrdiff_t>(salt.size()));

  auto handle = secrets.import(key, mechanism, operation);
  if (!handle) return forward(handle);
  SECItem none = {siBuffer, nullptr, 0};
  const ContextPtr context(PK11_CreateContextBySymKey(mechanism, operation, handle->get(), &none));
  if (!context) return nss_failure(Code::kCrypto, "aead");
  int length = 0;
  if (PK11_AEADOp(context.get(), CKG_NO_GENERATE, 0, nonce.data(), static_cast<int>(nonce.size()),
                  associated.data(), static_cast<int>(associated.size()), out, &length,
                  static_cast<int>(in.size()), tag.data(), static_cast<int>(tag.size()), in.data(),
                  static_cast<int>(in.size())) != SECSuccess) {
    if (direction == Direction::kOpen) return fail(Code::kDenied, "SK", "integrity check failed");
    return nss_failure(Code::kCrypto, "aead");
  }
  if (static_cast<std::size_t>(length) != in.size()) {
    return fail(Code::kCrypto, "aead", "short result");
  }
  return {};
}

Status cbc(const Secrets& secrets, const SkKeys& keys, Direction direction, ByteView iv,
           ByteView in, std::uint8_t* out) {
  const bool sealing = direction == Direction::kSeal;
  auto handle =
      secrets.import(keys.encr_key.view(), CKM_AES_CBC, sealing ? CKA_ENCRYPT : CKA_DECRYPT);
  if (!handle) return forward(handle);
  SECItem iv_item = item_of(iv);
  unsigned int length = 0;
  const auto size = static_cast<unsigned int>(in.size());
  const SECStatus done =
      sealing
          ? PK11_Encrypt(handle->get(), CKM_AES_CBC, &iv_item, out, &length, size, in.data(), size)
          : PK11_Decrypt(handle->get(), CKM_AES_CBC, &iv_item, out, &length, size, in.data(), size);
  if (done != SECSuccess || length != size) return nss_failure(Code::kCrypto, "aes-cbc");
  return {};
}

}  // namespace

Result<SecretBytes> prf(const Secrets& secrets, PrfId id, ByteView key,
                        std::span<const ByteView> data) {
  if (key_size(id) == 0) return fail(Code::kUnsupported, "prf", "unknown PRF");
  return hmac(secrets, key_size(id), key, data);
}

// RFC 7296 section 2.13: T1 = prf(K, S | 0x01), Tn = prf(K, Tn-1 | S | n).
Result<SecretBytes> prf_plus(const Secrets& secrets, PrfId id, ByteView key,
                             std::span<const ByteView> seed, std::size_t length) {
  const std::size_t block = key_size(id);
  if (block == 0) return fail(Code::kUnsupported, "prf+", "unknown PRF");
  const std::size_t blocks = (length + block - 1) / block;
  if (blocks > kMaxPrfPlus) return fail(Code::kInvalid, "prf+", "more than 255 blocks");
  auto run = Hmac::open(secrets, block, key);
  if (!run) return forward(run);

  SecretBytes stream(blocks * block);
  for (std::size_t n = 1; n <= blocks; ++n) {
    const std::size_t at = (n - 1) * block;
    const auto count = static_cast<std::uint8_t>(n);
    bool ok = run->begin();
    if (n > 1) ok = ok && run->add(stream.view().subspan(at - block, block));
    for (const ByteView piece : seed) ok = ok && run->add(piece);
    ok = ok && run->add({&count, 1});
    if (!ok || !run->end(stream.writable().subspan(at, block))) {
      return nss_failure(Code::kCrypto, "prf+");
    }
  }
  return stream.size() == length ? std::move(stream) : stream.slice(0, length);
}

SECOidTag digest_tag(HashId id) {
  switch (id) {
    case HashId::kSha2_256:
      return SEC_OID_SHA256;
    case HashId::kSha2_384:
      return SEC_OID_SHA384;
    case HashId::kSha2_512:
      return SEC_OID_SHA512;
    case HashId::kIdentity:
      break;
  }
  return SEC_OID_UNKNOWN;
}

Result<Bytes> digest(SECOidTag algorithm, std::span<const ByteView> data) {
  const ContextPtr context(PK11_CreateDigestContext(algorithm));
  bool ok = context && PK11_DigestBegin(context.get()) == SECSuccess;
  for (const ByteView piece : data) {
    ok = ok &&
         (piece.empty() || PK11_DigestOp(context.get(), piece.data(),
                                         static_cast<unsigned int>(piece.size())) == SECSuccess);
  }
  Bytes out(64);
  unsigned int length = 0;
  if (!ok || PK11_DigestFinal(context.get(), out.data(), &length,
                              static_cast<unsigned int>(out.size())) != SECSuccess) {
    return nss_failure(Code::kCrypto, "hash");
  }
  out.resize(length);
  return out;
}

Result<Bytes> seal(const Secrets& secrets, const SkKeys& keys, std::uint64_t counter,
                   ByteView associated, ByteView padded_plaintext) {
  if (auto fits = check_keys(keys); !fits) return forward(fits);
  const std::size_t iv_length = iv_size(keys.encr.id);
  const std::size_t icv_length = icv_size(keys.encr.id, keys.integ);
  const std::size_t length = padded_plaintext.size();
  if (length == 0 || length > kMaxBody || length % block_size(keys.encr.id) != 0 ||
      associated.size() > kMaxBody) {
    return fail(Code::kInternal, "SK", "the plaintext is not padded to the cipher's block");
  }
  Bytes body(iv_length + length + icv_length);
  const std::span<std::uint8_t> iv(body.data(), iv_length);
  std::uint8_t* text = body.data() + iv_length;
  std::uint8_t* icv = text + length;

  if (is_aead(keys.encr.id)) {
    for (std::size_t i = 0; i < iv_length; ++i) {
      iv[i] = static_cast<std::uint8_t>(counter >> (56 - 8 * i));
    }
    std::array<std::uint8_t, 16> tag{};
    if (auto done =
            aead(secrets, keys, Direction::kSeal, iv, associated, padded_plaintext, text, tag);
        !done) {
      return forward(done);
    }
    std::copy(tag.begin(), tag.end(), icv);
    return body;
  }
  if (PK11_GenerateRandom(iv.data(), static_cast<int>(iv.size())) != SECSuccess) {
    return nss_failure(Code::kCrypto, "random");
  }
  if (auto done = cbc(secrets, keys, Direction::kSeal, iv, padded_plaintext, text); !done) {
    return forward(done);
  }
  const std::array<ByteView, 2> covered = {associated, {body.data(), iv_length + length}};
  auto mac = hmac(secrets, key_size(keys.integ), keys.integ_key.view(), covered);
  if (!mac) return forward(mac);
  std::copy_n(mac->view().begin(), icv_length, icv);
  return body;
}

Result<Bytes> open(const Secrets& secrets, const SkKeys& keys, ByteView associated, ByteView body) {
  if (auto fits = check_keys(keys); !fits) return forward(fits);
  const std::size_t iv_length = iv_size(keys.encr.id);
  const std::size_t icv_length = icv_size(keys.encr.id, keys.integ);
  if (body.size() <= iv_length + icv_length) {
    return fail(Code::kTruncated, "SK", "too short to hold an IV, a pad length and an ICV");
  }
  if (body.size() > kMaxBody || associated.size() > kMaxBody) {
    return fail(Code::kInvalid, "SK", "too long");
  }
  const ByteView iv = body.first(iv_length);
  const ByteView text = body.subspan(iv_length, body.size() - iv_length - icv_length);
  const ByteView icv = body.last(icv_length);
  if (text.size() % block_size(keys.encr.id) != 0) {
    return fail(Code::kInvalid, "SK", "not a multiple of the cipher's block");
  }
  Bytes plain(text.size());
  if (is_aead(keys.encr.id)) {
    std::array<std::uint8_t, 16> tag{};
    std::copy(icv.begin(), icv.end(), tag.begin());
    if (auto done = aead(secrets, keys, Direction::kOpen, iv, associated, text, plain.data(), tag);
        !done) {
      return forward(done);
    }
    return plain;
  }
  const std::array<ByteView, 2> covered = {associated, body.first(iv_length + text.size())};
  auto mac = hmac(secrets, key_size(keys.integ), keys.integ_key.view(), covered);
  if (!mac) return forward(mac);
  if (!ct_equal(mac->view().first(icv_length), icv)) {
    return fail(Code::kDenied, "SK", "integrity check failed");
  }
  if (auto done = cbc(secrets, keys, Direction::kOpen, iv, text, plain.data()); !done) {
    return forward(done);
  }
  return plain;
}

}  // namespace espalier::ike::crypto::nss
