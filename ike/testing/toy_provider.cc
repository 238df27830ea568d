#include "ike/testing/toy_provider.h"

#include <algorithm>

namespace espalier::ike::testing {
namespace {

constexpr std::uint64_t kPrime = (1ULL << 61) - 1;

std::uint64_t mix(std::uint64_t value) {  // splitmix64
  value += 0x9e3779b97f4a7c15ULL;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31);
}

std::uint64_t digest(std::uint64_t start, ByteView data) {
  std::uint64_t value = start;
  for (const std::uint8_t byte : data) value = (value ^ byte) * 1099511628211ULL;
  return mix(value ^ data.size());
}

void fill(std::uint64_t seed, std::span<std::uint8_t> out) {
  std::uint64_t state = seed;
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (i % 8 == 0) state = mix(state + i);
    out[i] = static_cast<std::uint8_t>(state >> (8 * (i % 8)));
  }
}

// The pieces count as one string, as a real PRF takes them.
std::uint64_t digest_all(ByteView key, std::span<const ByteView> pieces) {
  Bytes whole;
  for (const ByteView piece : pieces) append(whole, piece);
  return digest(digest(14695981039346656037ULL, key), whole);
}

std::uint64_t power(std::uint64_t base, std::uint64_t exponent) {
  const auto multiply = [](std::uint64_t a, std::uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>(static_cast<Wide>(a) * b % kPrime);
  };
  std::uint64_t result = 1;
  for (; exponent != 0; exponent >>= 1) {
    if ((exponent & 1) != 0) result = multiply(result, base);
    base = multiply(base, base);
  }
  return result;
}

Bytes number_bytes(std::uint64_t number, std::size_t size) {
  Bytes bytes(size, 0);
  for (std::size_t i = 0; i < 8 && i < size; ++i)
    bytes[i] = static_cast<std::uint8_t>(number >> (8 * i));
  return bytes;
}

std::uint64_t number_of(ByteView bytes) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < 8 && i < bytes.size(); ++i)
    number |= static_cast<std::uint64_t>(bytes[i]) << (8 * i);
  return number;
}

class ToyKeyPair final : public crypto::KeyPair {
 public:
  ToyKeyPair(crypto::DhId group, std::uint64_t secret)
      : KeyPair(group, number_bytes(power(3, secret), crypto::public_size(group))),
        secret_(secret) {}
  [[nodiscard]] SecretBytes shared(ByteView peer) const {
    return SecretBytes(number_bytes(power(number_of(peer), secret_), crypto::shared_size(group())));
  }

 private:
  std::uint64_t secret_;
};

struct Certificate {
  std::string identity, issuer, flags;
};

Certificate parse(const std::string& text) {
  const auto first = text.find('|');
  const auto second = text.find('|', first + 1);
  return {text.substr(0, first), text.substr(first + 1, second - first - 1),
          text.substr(second + 1)};
}

Bytes sign_with(const std::string& certificate, ByteView octets) {
  Bytes signature(16);
  fill(digest(digest(1, as_bytes(certificate)), octets), signature);
  return signature;
}

crypto::Outcome verify(const crypto::VerifyPeer& job,
                       const std::map<crypto::TrustId, std::string>& trusts) {
  const std::string text = to_text(job.chain.front());
  const Certificate certificate = parse(text);
  const auto refuse = [](crypto::RefusalReason reason, std::string sentence) {
    return crypto::Refusal{reason, std::move(sentence)};
  };
  const auto trust = trusts.find(job.trust);
  if (trust == trusts.end() || trust->second != certificate.issuer) {
    return refuse(crypto::RefusalReason::kUntrustedIssuer, "issued by " + certificate.issuer);
  }
  if (certificate.flags == "expired") return refuse(crypto::RefusalReason::kExpired, "expired");
  if (job.expected && !(*job.expected == job.claimed)) {
    return refuse(crypto::RefusalReason::kIdUnexpected, "another identity");
  }
  if (wire::to_string(job.claimed) != certificate.identity) {
    return refuse(crypto::RefusalReason::kIdNotInCertificate,
                  "the certificate is for " + certificate.identity);
  }
  if (!equal(job.auth_data, sign_with(text, job.octets))) {
    return refuse(crypto::RefusalReason::kBadSignature, "AUTH does not verify");
  }
  crypto::PeerVerified verified;
  verified.subject = certificate.identity;
  verified.issuer = certificate.issuer;
  return verified;
}

}  // namespace

Result<SecretBytes> ToyProvider::prf(crypto::PrfId id, ByteView key,
                                     std::span<const ByteView> data) {
  SecretBytes out(crypto::key_size(id));
  fill(digest_all(key, data), out.writable());
  return out;
}

Result<SecretBytes> ToyProvider::prf_plus(crypto::PrfId id, ByteView key,
                                          std::span<const ByteView> seed, std::size_t length) {
  SecretBytes out(length);
  fill(digest_all(key, seed) ^ static_cast<std::uint64_t>(id), out.writable());
  return out;
}

Result<Bytes> ToyProvider::hash(crypto::HashId id, std::span<const ByteView> data) {
  Bytes out(crypto::output_size(id));
  fill(digest_all({}, data), out);
  return out;
}

Result<std::array<std::uint8_t, 20>> ToyProvider::sha1(std::span<const ByteView> data) {
  std::array<std::uint8_t, 20> out{};
  fill(digest_all({}, data), out);
  return out;
}

Status ToyProvider::random(std::span<std::uint8_t> out) {
  fill(state_ = mix(state_), out);
  return {};
}

Result<Bytes> ToyProvider::seal(const crypto::SkKeys& keys, std::uint64_t counter,
                                ByteView associated, ByteView padded_plaintext) {
  Bytes body = number_bytes(counter, 8);
  Bytes stream(padded_plaintext.size());
  fill(digest(counter, keys.encr_key.view()), stream);
  for (std::size_t i = 0; i < stream.size(); ++i) body.push_back(stream[i] ^ padded_plaintext[i]);
  Bytes tag(16);
  fill(digest(digest(digest(2, keys.encr_key.view()), associated), body), tag);
  append(body, tag);
  sealed_[body] = to_bytes(padded_plaintext);
  keys_[to_bytes(associated.first(16))] = to_bytes(keys.encr_key.view());
  return body;
}

Bytes ToyProvider::forge(ByteView prefix, ByteView padded_plaintext) {
  crypto::SkKeys keys;
  keys.encr_key = SecretBytes(keys_[to_bytes(prefix.first(16))]);
  return *seal(keys, (1ULL << 40) + ++forged_, prefix, padded_plaintext);
}

Result<Bytes> ToyProvider::open(const crypto::SkKeys& keys, ByteView associated, ByteView body) {
  if (body.size() < 24) return fail(Code::kTruncated, "SK", "too short");
  const ByteView covered = body.first(body.size() - 16);
  Bytes tag(16);
  fill(digest(digest(digest(2, keys.encr_key.view()), associated), covered), tag);
  if (!equal(tag, body.last(16))) return fail(Code::kDenied, "SK", "wrong ICV");
  Bytes plaintext = to_bytes(covered.subspan(8));
  Bytes stream(plaintext.size());
  fill(digest(number_of(covered.first(8)), keys.encr_key.view()), stream);
  for (std::size_t i = 0; i < plaintext.size(); ++i) {
    plaintext[i] = static_cast<std::uint8_t>(plaintext[i] ^ stream[i]);
  }
  return plaintext;
}

crypto::Outcome ToyProvider::run(const crypto::Job& job) {
  if (const auto* generate = std::get_if<crypto::GenerateKeyPair>(&job)) {
    state_ = mix(state_);
    return crypto::KeyPairMade{std::make_shared<ToyKeyPair>(generate->group, state_ >> 4)};
  }
  if (const auto* derive = std::get_if<crypto::DeriveShared>(&job)) {
    const auto& own = static_cast<const ToyKeyPair&>(*derive->own);
    if (derive->peer_public.size() != crypto::public_size(own.group()) ||
        number_of(derive->peer_public) < 2) {
      return Error{Code::kInvalid, "KE", "not a public value of the group"};
    }
    return crypto::SharedMade{{}, own.shared(derive->peer_public)};
  }
  if (const auto* both = std::get_if<crypto::GenerateAndDerive>(&job)) {
    if (both->peer_public.size() != crypto::public_size(both->group) ||
        number_of(both->peer_public) < 2) {
      return Error{Code::kInvalid, "KE", "not a public value of the group"};
    }
    state_ = mix(state_);
    const ToyKeyPair own(both->group, state_ >> 4);
    return crypto::SharedMade{own.public_value(), own.shared(both->peer_public)};
  }
  if (const auto* sign = std::get_if<crypto::Sign>(&job)) {
    const auto found = credentials_.find(sign->credential);
    if (found == credentials_.end()) return Error{Code::kNotFound, "credential", "unknown"};
    return crypto::Signature{wire::AuthMethod::kDigitalSignature,
                             sign_with(found->second, sign->octets)};
  }
  return verify(std::get<crypto::VerifyPeer>(job), trusts_);
}

Result<crypto::CredentialId> ToyProvider::add_credential(std::string_view chain,
                                                         std::string_view key, WallTime now) {
  (void)key;
  (void)now;
  const auto id = static_cast<crypto::CredentialId>(++last_id_);
  credentials_.emplace(id, chain);
  return id;
}
Result<crypto::CredentialId> ToyProvider::add_pkcs12(ByteView, std::string_view, WallTime) {
  return fail(Code::kUnsupported, "PKCS #12", "not in simulations");
}
Result<crypto::CredentialId> ToyProvider::add_from_database(const std::string&, WallTime) {
  return fail(Code::kUnsupported, "database", "not in simulations");
}
Result<crypto::TrustId> ToyProvider::add_trust(std::string_view issuer) {
  const auto id = static_cast<crypto::TrustId>(++last_id_);
  trusts_.emplace(id, issuer);
  return id;
}
Result<std::vector<Bytes>> ToyProvider::certificate_chain(crypto::CredentialId credential) {
  const auto found = credentials_.find(credential);
  if (found == credentials_.end()) return fail(Code::kNotFound, "credential", "unknown");
  return std::vector<Bytes>{to_bytes(as_bytes(found->second))};
}
Result<crypto::CertificateInfo> ToyProvider::credential_info(crypto::CredentialId credential) {
  const auto found = credentials_.find(credential);
  if (found == credentials_.end()) return fail(Code::kNotFound, "credential", "unknown");
  crypto::CertificateInfo info;
  info.subject = parse(found->second).identity;
  info.sans = {info.subject};
  info.issuer = parse(found->second).issuer;
  return info;
}
Result<std::vector<crypto::CertificateInfo>> ToyProvider::trust_info(crypto::TrustId) {
  return std::vector<crypto::CertificateInfo>{};
}
Result<Bytes> ToyProvider::certreq_hashes(crypto::TrustId trust) {
  Bytes hash(20);
  fill(static_cast<std::uint64_t>(trust), hash);
  return hash;
}

Bytes ToyProvider::plaintext_of(ByteView body) const {
  const auto found = sealed_.find(to_bytes(body));
  return found == sealed_.end() ? Bytes{} : found->second;
}

}  // namespace espalier::ike::testing
