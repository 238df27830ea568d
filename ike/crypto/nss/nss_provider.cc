#include "ike/crypto/nss/nss_provider.h"

#include <algorithm>

#include "ike/crypto/nss/key_exchange.h"
#include "ike/crypto/nss/library.h"
#include "ike/crypto/nss/secrets.h"
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

  Result<CredentialId> add_credential(std::string_view, std::string_view, WallTime) override {
    return not_yet();
  }
  Result<CredentialId> add_pkcs12(ByteView, std::string_view, WallTime) override {
    return not_yet();
  }
  Result<CredentialId> add_from_database(const std::string&, WallTime) override {
    return not_yet();
  }
  Result<TrustId> add_trust(std::string_view) override { return not_yet(); }
  Status set_crls(TrustId, std::span<const Bytes>, Revocation) override { return not_yet(); }
  void remove(CredentialId) override {}
  void remove(TrustId) override {}
  Result<std::vector<Bytes>> certificate_chain(CredentialId) override { return not_yet(); }
  Result<CertificateInfo> credential_info(CredentialId) override { return not_yet(); }
  Result<std::vector<CertificateInfo>> trust_info(TrustId) override { return not_yet(); }
  Result<Bytes> certreq_hashes(TrustId) override { return not_yet(); }

  Status close() override {
    if (!library_) return {};
    secrets_.reset();
    Status result = library_->close();
    library_.reset();
    return result;
  }

 private:
  static tl::unexpected<Error> not_yet() {
    return fail(Code::kUnsupported, "certificates", "are not implemented yet");
  }
  Outcome do_run(const Sign&) { return not_yet().value(); }
  Outcome do_run(const VerifyPeer&) { return not_yet().value(); }

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
