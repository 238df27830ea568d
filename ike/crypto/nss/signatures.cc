#include "ike/crypto/nss/signatures.h"

#include <algorithm>
#include <array>

#include <cryptohi.h>
#include <fmt/format.h>

#include "ike/crypto/nss/symmetric.h"
#include "ike/crypto/signature_algorithm.h"
#include "ike/wire/auth_data.h"

namespace espalier::ike::crypto::nss {
namespace {

constexpr std::size_t kMaxAuthData = 4096;  // RSA 16384 is 2048 octets

using wire::AuthMethod;

// RFC 4754 section 3: each method has one curve and one hash.
struct EcdsaMethod {
  AuthMethod method;
  std::uint16_t key_bits;
  HashId hash;
};
constexpr std::array kEcdsaMethods = {
    EcdsaMethod{AuthMethod::kEcdsaSha256P256, 256, HashId::kSha2_256},
    EcdsaMethod{AuthMethod::kEcdsaSha384P384, 384, HashId::kSha2_384},
    EcdsaMethod{AuthMethod::kEcdsaSha512P521, 521, HashId::kSha2_512},
};

tl::unexpected<Refusal> refuse(RefusalReason reason, std::string sentence) {
  return tl::unexpected<Refusal>(Refusal{reason, std::move(sentence)});
}

CK_RSA_PKCS_PSS_PARAMS pss_params(HashId hash) {
  CK_RSA_PKCS_PSS_PARAMS params{};
  params.sLen = output_size(hash);
  switch (hash) {
    case HashId::kSha2_384:
      params.hashAlg = CKM_SHA384;
      params.mgf = CKG_MGF1_SHA384;
      break;
    case HashId::kSha2_512:
      params.hashAlg = CKM_SHA512;
      params.mgf = CKG_MGF1_SHA512;
      break;
    case HashId::kSha2_256:
    case HashId::kIdentity:
      params.hashAlg = CKM_SHA256;
      params.mgf = CKG_MGF1_SHA256;
      break;
  }
  return params;
}

// The octets of r and s each.
std::size_t half_of(const CertificateInfo& info) {
  return (info.key_bits + 7U) / 8U;
}

Result<Bytes> raw_signature(SECKEYPrivateKey* key, const SignatureAlgorithm& algorithm,
                            ByteView octets) {
  const std::array<ByteView, 1> data = {octets};
  auto hash = digest(digest_tag(algorithm.hash), data);
  if (!hash) return forward(hash);
  const int length = PK11_SignatureLen(key);
  if (length <= 0) return nss_failure(Code::kCrypto, "sign");
  Bytes signature(static_cast<std::size_t>(length));
  SECItem out = item_of(signature);
  const SECItem in = item_of(*hash);
  SECStatus done = SECFailure;
  if (algorithm.scheme == SignatureScheme::kEcdsa) {
    done = PK11_SignWithMechanism(key, CKM_ECDSA, nullptr, &out, &in);
  } else {
    CK_RSA_PKCS_PSS_PARAMS params = pss_params(algorithm.hash);
    const SECItem item = {siBuffer, reinterpret_cast<unsigned char*>(&params), sizeof params};
    done = PK11_SignWithMechanism(key, CKM_RSA_PKCS_PSS, &item, &out, &in);
  }
  if (done != SECSuccess) return nss_failure(Code::kCrypto, "sign");
  signature.resize(out.len);
  return signature;
}

// The hash for a key among those the peer takes: as strong as the curve, else a stronger one, else
// a weaker one.
std::optional<HashId> choose_hash(const CertificateInfo& info, const std::vector<HashId>& taken) {
  std::array<HashId, 3> wanted = {HashId::kSha2_256, HashId::kSha2_384, HashId::kSha2_512};
  if (info.key_type == KeyType::kEcdsa && info.key_bits == 384) {
    wanted = {HashId::kSha2_384, HashId::kSha2_512, HashId::kSha2_256};
  } else if (info.key_type == KeyType::kEcdsa && info.key_bits == 521) {
    wanted = {HashId::kSha2_512, HashId::kSha2_384, HashId::kSha2_256};
  }
  for (const HashId hash : wanted) {
    if (std::find(taken.begin(), taken.end(), hash) != taken.end()) return hash;
  }
  return std::nullopt;
}

// The peer knows no RFC 7427: the methods of RFC 7296 and RFC 4754.
Result<Signature> sign_without_hashes(SECKEYPrivateKey* key, const CertificateInfo& info,
                                      ByteView octets) {
  if (info.key_type == KeyType::kRsa) {
    return fail(Code::kUnsupported, "sign",
                "the peer sent no SIGNATURE_HASH_ALGORITHMS, which leaves RSA with SHA-1; that is "
                "not done");
  }
  for (const EcdsaMethod& method : kEcdsaMethods) {
    if (method.key_bits != info.key_bits) continue;
    auto signature = raw_signature(key, {SignatureScheme::kEcdsa, method.hash}, octets);
    if (!signature) return forward(signature);
    return Signature{method.method, std::move(*signature)};
  }
  return fail(Code::kUnsupported, "sign", "no method for this curve");
}

bool verify_rsa(const Certificate& certificate, const SignatureAlgorithm& algorithm,
                ByteView signature, const Bytes& hash) {
  const SECItem hash_item = item_of(hash);
  const SECItem signature_item = item_of(signature);
  if (algorithm.scheme == SignatureScheme::kRsaPkcs1) {
    return VFY_VerifyDigestDirect(&hash_item, certificate.key.get(), &signature_item,
                                  SEC_OID_PKCS1_RSA_ENCRYPTION, digest_tag(algorithm.hash),
                                  nullptr) == SECSuccess;
  }
  CK_RSA_PKCS_PSS_PARAMS params = pss_params(algorithm.hash);
  const SECItem item = {siBuffer, reinterpret_cast<unsigned char*>(&params), sizeof params};
  return PK11_VerifyWithMechanism(certificate.key.get(), CKM_RSA_PKCS_PSS, &item, &signature_item,
                                  &hash_item, nullptr) == SECSuccess;
}

// `signature` is r | s.
bool verify_ecdsa(const Certificate& certificate, ByteView signature, const Bytes& hash) {
  if (signature.size() != 2 * half_of(certificate.info)) return false;
  const SECItem hash_item = item_of(hash);
  const SECItem signature_item = item_of(signature);
  return PK11_VerifyWithMechanism(certificate.key.get(), CKM_ECDSA, nullptr, &signature_item,
                                  &hash_item, nullptr) == SECSuccess;
}

bool verify_ecdsa_der(const Certificate& certificate, ByteView signature, const Bytes& hash) {
  const SECItem encoded = item_of(signature);
  const ItemPtr raw(
      DSAU_DecodeDerSigToLen(&encoded, static_cast<unsigned int>(2 * half_of(certificate.info))));
  return raw && verify_ecdsa(certificate, view_of(*raw), hash);
}

}  // namespace

Result<Signature> sign(SECKEYPrivateKey* key, const CertificateInfo& info,
                       const std::vector<HashId>& peer_hashes, ByteView octets) {
  if (peer_hashes.empty()) return sign_without_hashes(key, info, octets);
  const auto hash = choose_hash(info, peer_hashes);
  if (!hash) {
    return fail(Code::kUnsupported, "sign", "the peer takes none of SHA2-256, SHA2-384, SHA2-512");
  }
  const SignatureAlgorithm algorithm{
      info.key_type == KeyType::kRsa ? SignatureScheme::kRsaPss : SignatureScheme::kEcdsa, *hash};
  auto signature = raw_signature(key, algorithm, octets);
  if (!signature) return forward(signature);
  if (algorithm.scheme == SignatureScheme::kEcdsa) {
    SECItem raw = item_of(*signature);
    SECItem encoded = {siBuffer, nullptr, 0};
    if (DSAU_EncodeDerSigWithLen(&encoded, &raw, raw.len) != SECSuccess) {
      return nss_failure(Code::kCrypto, "sign");
    }
    *signature = to_bytes(view_of(encoded));
    SECITEM_FreeItem(&encoded, PR_FALSE);
  }
  auto data = wire::encode_signature_auth(algorithm_identifier(algorithm), *signature);
  if (!data) return forward(data);
  return Signature{AuthMethod::kDigitalSignature, std::move(*data)};
}

tl::expected<std::string, Refusal> verify(const Certificate& certificate, AuthMethod method,
                                          ByteView auth_data, ByteView octets) {
  if (auth_data.empty() || auth_data.size() > kMaxAuthData) {
    return refuse(RefusalReason::kMalformed, "sent an AUTH payload of impossible length");
  }
  SignatureAlgorithm algorithm;
  ByteView signature = auth_data;
  bool der_encoded = false;
  switch (method) {
    case AuthMethod::kDigitalSignature: {
      auto parts = wire::decode_signature_auth(auth_data);
      if (!parts) {
        return refuse(RefusalReason::kMalformed,
                      "sent a malformed AUTH payload: " + parts.error().error.to_string());
      }
      const auto found = find_signature_algorithm(parts->algorithm);
      if (!found) {
        return refuse(RefusalReason::kUnsupportedAlgorithm,
                      fmt::format("signed with an algorithm that is not taken (AlgorithmIdentifier "
                                  "{})",
                                  to_hex(parts->algorithm)));
      }
      algorithm = *found;
      signature = parts->signature;
      der_encoded = true;
      break;
    }
    case AuthMethod::kEcdsaSha256P256:
    case AuthMethod::kEcdsaSha384P384:
    case AuthMethod::kEcdsaSha512P521: {
      const auto known =
          std::find_if(kEcdsaMethods.begin(), kEcdsaMethods.end(),
                       [method](const EcdsaMethod& one) { return one.method == method; });
      if (certificate.info.key_type != KeyType::kEcdsa ||
          certificate.info.key_bits != known->key_bits) {
        return refuse(RefusalReason::kBadSignature,
                      fmt::format("signed by authentication method {}, which its {} key cannot",
                                  static_cast<int>(method), key_text(certificate.info)));
      }
      algorithm = {SignatureScheme::kEcdsa, known->hash};
      break;
    }
    case AuthMethod::kRsaDigitalSignature:
      return refuse(RefusalReason::kUnsupportedAlgorithm,
                    "signed by authentication method 1 (RSA with SHA-1), which is not taken");
    default:
      return refuse(RefusalReason::kUnsupportedAlgorithm,
                    fmt::format("signed by authentication method {}, which is not taken",
                                static_cast<int>(method)));
  }
  const bool rsa = certificate.info.key_type == KeyType::kRsa;
  if (rsa == (algorithm.scheme == SignatureScheme::kEcdsa)) {
    return refuse(RefusalReason::kBadSignature,
                  fmt::format("signed with {}, which its {} key cannot", to_string(algorithm),
                              key_text(certificate.info)));
  }
  const std::array<ByteView, 1> data = {octets};
  const auto hash = digest(digest_tag(algorithm.hash), data);
  if (!hash)
    return refuse(RefusalReason::kBadSignature,
                  "could not be checked: " + hash.error().to_string());
  const bool good = rsa           ? verify_rsa(certificate, algorithm, signature, *hash)
                    : der_encoded ? verify_ecdsa_der(certificate, signature, *hash)
                                  : verify_ecdsa(certificate, signature, *hash);
  if (!good) {
    return refuse(
        RefusalReason::kBadSignature,
        fmt::format("sent a signature ({}) that does not verify under the key of its certificate",
                    to_string(algorithm)));
  }
  return fmt::format("{} with {}", key_text(certificate.info), to_string(algorithm.hash)) +
         (algorithm.scheme == SignatureScheme::kRsaPss ? " (PSS)" : "");
}

}  // namespace espalier::ike::crypto::nss
