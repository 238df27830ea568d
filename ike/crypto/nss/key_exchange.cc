#include "ike/crypto/nss/key_exchange.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "ike/crypto/nss/modp_groups.h"

namespace espalier::ike::crypto::nss {
namespace {

constexpr std::uint8_t kUncompressed = 0x04;  // SEC 1 section 2.3.3; not part of a KE payload

SECOidTag curve_of(DhId group) {
  switch (group) {
    case DhId::kEcp256:
      return SEC_OID_SECG_EC_SECP256R1;
    case DhId::kEcp384:
      return SEC_OID_SECG_EC_SECP384R1;
    case DhId::kEcp521:
      return SEC_OID_SECG_EC_SECP521R1;
    case DhId::kCurve25519:
      return SEC_OID_CURVE25519;
    case DhId::kNone:
    case DhId::kModp2048:
    case DhId::kModp3072:
    case DhId::kModp4096:
      break;
  }
  return SEC_OID_UNKNOWN;
}

// DER of a named curve: OBJECT IDENTIFIER.
Result<Bytes> curve_parameters(SECOidTag tag) {
  const SECOidData* oid = SECOID_FindOIDByTag(tag);
  if (!oid || oid->oid.len > 127) return fail(Code::kInternal, "curve", "unknown to NSS");
  Bytes der = {SEC_ASN1_OBJECT_ID, static_cast<std::uint8_t>(oid->oid.len)};
  append(der, view_of(oid->oid));
  return der;
}

// `number` (big-endian) with exactly `size` octets; nullopt when it is longer.
Result<Bytes> with_size(ByteView number, std::size_t size) {
  while (number.size() > size && number.front() == 0) number = number.subspan(1);
  if (number.size() > size)
    return fail(Code::kCrypto, "key exchange", "value of unexpected length");
  Bytes padded(size - number.size());
  append(padded, number);
  return padded;
}

Result<std::shared_ptr<const NssKeyPair>> generate_modp(DhId group, Bytes prime) {
  static constexpr std::uint8_t kGenerator = 2;
  SECKEYDHParams params{};
  params.prime = item_of(prime);
  params.base = item_of({&kGenerator, 1});
  SECKEYPublicKey* made = nullptr;
  PrivateKeyPtr key(SECKEY_CreateDHPrivateKey(&params, &made, nullptr));
  const PublicKeyPtr public_key(made);
  if (!key || !public_key) return nss_failure(Code::kCrypto, "key exchange");
  auto value = with_size(view_of(public_key->u.dh.publicValue), public_size(group));
  if (!value) return forward(value);
  return std::make_shared<const NssKeyPair>(group, std::move(*value), std::move(key));
}

Result<std::shared_ptr<const NssKeyPair>> generate_curve(DhId group) {
  auto parameters = curve_parameters(curve_of(group));
  if (!parameters) return forward(parameters);
  SECItem item = item_of(*parameters);
  SECKEYPublicKey* made = nullptr;
  PrivateKeyPtr key(SECKEY_CreateECPrivateKey(&item, &made, nullptr));
  const PublicKeyPtr public_key(made);
  if (!key || !public_key) return nss_failure(Code::kCrypto, "key exchange");
  ByteView value = view_of(public_key->u.ec.publicValue);
  if (group != DhId::kCurve25519) {
    if (value.empty() || value.front() != kUncompressed) {
      return fail(Code::kCrypto, "key exchange", "public value in an unexpected form");
    }
    value = value.subspan(1);
  }
  if (value.size() != public_size(group)) {
    return fail(Code::kCrypto, "key exchange", "public value of unexpected length");
  }
  return std::make_shared<const NssKeyPair>(group, to_bytes(value), std::move(key));
}

tl::unexpected<Error> bad_value(DhId group, std::string why) {
  return fail(Code::kInvalid, "KE", fmt::format("the peer's {} value {}", to_string(group), why));
}

// RFC 6989 section 2.1: 1 < y < p - 1 (the groups are safe primes' whole groups).
bool in_range(ByteView y, const Bytes& prime) {
  Bytes limit = prime;
  limit.back() = static_cast<std::uint8_t>(limit.back() - 1);  // p is odd
  const bool below = std::lexicographical_compare(y.begin(), y.end(), limit.begin(), limit.end());
  const bool small =
      std::all_of(y.begin(), y.end() - 1, [](std::uint8_t b) { return b == 0; }) && y.back() <= 1;
  return below && !small;
}

SymKeyPtr derive(SECKEYPrivateKey* own, SECKEYPublicKey& peer, CK_MECHANISM_TYPE mechanism) {
  // The target only has to be something whose value may be read.
  return SymKeyPtr(PK11_PubDeriveWithKDF(own, &peer, PR_FALSE, nullptr, nullptr, mechanism,
                                         CKM_SHA512_HMAC, CKA_SIGN, 0, CKD_NULL, nullptr, nullptr));
}

bool all_zero(ByteView bytes) {
  std::uint8_t any = 0;
  for (const std::uint8_t byte : bytes) any = static_cast<std::uint8_t>(any | byte);
  return any == 0;
}

}  // namespace

Result<std::shared_ptr<const NssKeyPair>> generate_key_pair(DhId group) {
  if (auto prime = modp_prime(group)) return generate_modp(group, std::move(*prime));
  if (curve_of(group) != SEC_OID_UNKNOWN) return generate_curve(group);
  return fail(Code::kUnsupported, "key exchange", "unknown group");
}

Status check_public(DhId group, ByteView peer_public) {
  const std::size_t size = public_size(group);
  if (size == 0) return fail(Code::kUnsupported, "key exchange", "unknown group");
  if (peer_public.size() != size) {
    return bad_value(group, fmt::format("has {} octets instead of {}", peer_public.size(), size));
  }
  const auto prime = modp_prime(group);
  if (prime && !in_range(peer_public, *prime)) return bad_value(group, "is not in the group");
  return {};
}

Result<SecretBytes> derive_shared(const Secrets& secrets, const NssKeyPair& own,
                                  ByteView peer_public) {
  const DhId group = own.group();
  if (auto good = check_public(group, peer_public); !good) return forward(good);
  SECKEYPublicKey peer{};
  SymKeyPtr handle;
  Bytes point;
  Bytes parameters;
  if (const auto prime = modp_prime(group)) {
    static constexpr std::uint8_t kGenerator = 2;
    peer.keyType = dhKey;
    peer.u.dh.prime = item_of(*prime);
    peer.u.dh.base = item_of({&kGenerator, 1});
    peer.u.dh.publicValue = item_of(peer_public);
    handle = derive(own.key(), peer, CKM_DH_PKCS_DERIVE);
  } else {
    auto curve = curve_parameters(curve_of(group));
    if (!curve) return forward(curve);
    parameters = std::move(*curve);
    if (group != DhId::kCurve25519) point.push_back(kUncompressed);
    append(point, peer_public);
    peer.keyType = ecKey;
    peer.u.ec.DEREncodedParams = item_of(parameters);
    peer.u.ec.publicValue = item_of(point);
    peer.u.ec.encoding = ECPoint_Undefined;
    handle = derive(own.key(), peer, CKM_ECDH1_DERIVE);
  }
  // NSS checks that the point is on the curve, and curve25519's values of low order.
  if (!handle) return bad_value(group, "is refused: " + nss_error());
  auto value = secrets.extract(handle.get());
  if (!value) return forward(value);

  // The shared value is as long as the prime or x (RFC 7296 section 2.14, RFC 5903 section 7),
  // zeros in front.
  const std::size_t size = shared_size(group);
  if (value->size() > size)
    return fail(Code::kCrypto, "key exchange", "secret of unexpected length");
  SecretBytes shared(size);
  std::copy(value->view().begin(), value->view().end(),
            shared.writable().begin() + static_cast<std::ptrdiff_t>(size - value->size()));
  if (all_zero(shared.view())) return bad_value(group, "gives an all-zero secret");
  return shared;
}

}  // namespace espalier::ike::crypto::nss
