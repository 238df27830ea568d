#include "ike/crypto/nss/nss_provider.h"

#include <algorithm>

#include "ike/crypto/nss/credentials.h"
#include "ike/crypto/nss/key_exchange.h"
#include "ike/crypto/nss/library.h"
#include "ike/crypto/nss/peer_verifier.h"
#include "ike/crypto/nss/secrets.h"
#include "ike/crypto/nss/signatures.h"
#include "ike/crypto/nss/symmetric.h"

namespace espalier::ike::crypto::nss {
namespace {

class Adapter final : public Provider {
 public:
  Adapter(std::unique_ptr<Library> library, Secrets secrets)
      : library_(std::move(library)), secrets_(std::make_unique<Secrets>(std::move(secrets))) {}
  ~Adapter() override { (void)close(); }

  bool fips() const override { return secrets_ && secrets_->fips(); }

  Result<SecretBytes> prf(PrfId id, ByteView key, std::span<const ByteView> data) override {
    return nss::prf(*secrets_, id, key, data);
  }
  Result<SecretBytes> prf_plus(PrfId id, ByteView key, std::span<const ByteView> seed,
                               std::size_t length) override {
    return nss::prf_plus(*secrets_, id, key, seed, length);
  }
  Result<Bytes> hash(HashId id, std::span<const ByteView> data) override {
    if (output_size(id) == 0) return fail(Code::kUnsupported, "hash", "unknown hash");
    return digest(digest_tag(id), data);
  }
  Result<std::array<std::uint8_t, 20>> sha1(std::span<const ByteView> data) override {
    auto bytes = digest(SEC_OID_SHA1, data);
    if (!bytes) return forward(bytes);
    std::array<std::uint8_t, 20> out{};
    std::copy_n(bytes->begin(), out.size(), out.begin());
    return out;
  }
  Status random(std::span<std::uint8_t> out) override {
    if (PK11_GenerateRandom(out.data(), static_cast<int>(out.size())) != SECSuccess) {
      return nss_failure(Code::kCrypto, "random");
    }
    return {};
  }
  Result<Bytes> seal(const SkKeys& keys, std::uint64_t counter, ByteView associated,
                     ByteView padded_plaintext) override {
    return nss::seal(*secrets_, keys, counter, associated, padded_plaintext);
  }
  Result<Bytes> open(const SkKeys& keys, ByteView associated, ByteView body) override {
    return nss::open(*secrets_, keys, associated, body);
  }

  Outcome run(const Job& job) override {
    return std::visit([this](const auto& one) { return do_run(one); }, job);
  }

  Result<CredentialId> add_credential(std::string_view chain_pem, std::string_view key_pem,
                                      WallTime now) override {
    return keep(credential_from_pem(*secrets_, chain_pem, key_pem, now));
  }
  Result<CredentialId> add_pkcs12(ByteView bytes, std::string_view password,
                                  WallTime now) override {
    return keep(credential_from_pkcs12(*secrets_, bytes, password, now));
  }
  Result<CredentialId> add_from_database(const std::string& nickname, WallTime now) override {
    return keep(credential_from_database(nickname, now));
  }
  Result<TrustId> add_trust(std::string_view bundle_pem) override {
    auto anchors = read_anchors(bundle_pem);
    if (!anchors) return forward(anchors);
    return credentials_.add(std::move(*anchors));
  }
  Status set_crls(TrustId trust, std::span<const Bytes> crls, Revocation mode) override {
    std::vector<std::shared_ptr<const Crl>> decoded;
    for (const Bytes& bytes : crls) {
      auto crl = decode_crl(bytes);
      if (!crl) return forward(crl);
      decoded.push_back(std::move(*crl));
    }
    return credentials_.set_crls(trust, std::move(decoded), mode);
  }
  void remove(CredentialId credential) override { credentials_.remove(credential); }
  void remove(TrustId trust) override { credentials_.remove(trust); }

  Result<std::vector<Bytes>> certificate_chain(CredentialId id) override {
    const auto credential = credentials_.find(id);
    if (!credential) return no_credential();
    std::vector<Bytes> chain;
    for (const auto& certificate : credential->chain) chain.push_back(certificate->der);
    return chain;
  }
  Result<CertificateInfo> credential_info(CredentialId id) override {
    const auto credential = credentials_.find(id);
    if (!credential) return no_credential();
    return credential->chain.front()->info;
  }
  Result<std::vector<CertificateInfo>> trust_info(TrustId id) override {
    const auto state = credentials_.find(id);
    if (!state) return no_trust();
    std::vector<CertificateInfo> infos;
    for (const auto& anchor : state->trust->anchors) infos.push_back(anchor->info);
    return infos;
  }
  Result<Bytes> certreq_hashes(TrustId id) override {
    const auto state = credentials_.find(id);
    if (!state) return no_trust();
    Bytes hashes;
    for (const auto& anchor : state->trust->anchors) {
      const std::array<ByteView, 1> data = {anchor->spki};
      auto hash = digest(SEC_OID_SHA1, data);
      if (!hash) return forward(hash);
      append(hashes, *hash);
    }
    return hashes;
  }

  Status close() override {
    if (!library_) return {};
    verifier_.clear();
    credentials_.clear();
    secrets_.reset();
    Status result = library_->close();
    library_.reset();
    return result;
  }

 private:
  static tl::unexpected<Error> no_credential() {
    return fail(Code::kNotFound, "credential", "there is no such credential");
  }
  static tl::unexpected<Error> no_trust() {
    return fail(Code::kNotFound, "trust", "there is no such trust");
  }
  Result<CredentialId> keep(Result<Credential> credential) {
    if (!credential) return forward(credential);
    return credentials_.add(std::move(*credential));
  }

  Outcome do_run(const Sign& job) {
    const auto credential = credentials_.find(job.credential);
    if (!credential) return no_credential().value();
    auto signature =
        sign(credential->key.get(), credential->chain.front()->info, job.peer_hashes, job.octets);
    if (!signature) return std::move(signature.error());
    return std::move(*signature);
  }

  Outcome do_run(const VerifyPeer& job) {
    const auto state = credentials_.find(job.trust);
    if (!state) return no_trust().value();
    return verifier_.verify(job, *state->trust, state->generation);
  }

  Outcome do_run(const GenerateKeyPair& job) {
    auto pair = generate_key_pair(job.group);
    if (!pair) return std::move(pair.error());
    return KeyPairMade{std::move(*pair)};
  }

  Outcome do_run(const DeriveShared& job) {
    const auto* own = dynamic_cast<const NssKeyPair*>(job.own.get());
    if (!own) return Error{Code::kInternal, "key exchange", "not a key pair of this provider"};
    auto shared = derive_shared(*secrets_, *own, job.peer_public);
    if (!shared) return std::move(shared.error());
    return SharedMade{{}, std::move(*shared)};
  }

  Outcome do_run(const GenerateAndDerive& job) {
    // Before the costly part: a bad value costs its sender more than us.
    if (auto good = check_public(job.group, job.peer_public); !good) return std::move(good.error());
    auto own = generate_key_pair(job.group);
    if (!own) return std::move(own.error());
    auto shared = derive_shared(*secrets_, **own, job.peer_public);
    if (!shared) return std::move(shared.error());
    return SharedMade{(*own)->public_value(), std::move(*shared)};
  }

  std::unique_ptr<Library> library_;
  std::unique_ptr<Secrets> secrets_;
  Credentials credentials_;
  PeerVerifier verifier_;
};

}  // namespace

Result<std::unique_ptr<Provider>> NssProvider::open(const NssOptions& options) {
  auto library = Library::open(options);
  if (!library) return forward(library);
  auto secrets = Secrets::open();
  if (!secrets) return forward(secrets);
  return std::make_unique<Adapter>(std::move(*library), std::move(*secrets));
}

}  // namespace espalier::ike::crypto::nss
