// ToyProvider: a crypto::Provider without any security, for simulations: fast, deterministic, and
// every sealed message can be read by the test.
//
// Certificates are texts "identity|issuer|flags" (flags: "expired"); a credential's key is the
// certificate itself. The trust anchor is the issuer's name. Diffie-Hellman is modular
// exponentiation over 2^61-1. Only AES-GCM is sealed.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ike/crypto/provider.h"

namespace espalier::ike::testing {

class ToyProvider final : public crypto::Provider {
 public:
  explicit ToyProvider(std::uint64_t seed) : state_(seed) {}

  [[nodiscard]] bool fips() const override { return false; }
  [[nodiscard]] Result<SecretBytes> prf(crypto::PrfId id, ByteView key,
                                        std::span<const ByteView> data) override;
  [[nodiscard]] Result<SecretBytes> prf_plus(crypto::PrfId id, ByteView key,
                                             std::span<const ByteView> seed,
                                             std::size_t length) override;
  [[nodiscard]] Result<Bytes> hash(crypto::HashId id, std::span<const ByteView> data) override;
  [[nodiscard]] Result<std::array<std::uint8_t, 20>> sha1(std::span<const ByteView> data) override;
  [[nodiscard]] Status random(std::span<std::uint8_t> out) override;
  [[nodiscard]] Result<Bytes> seal(const crypto::SkKeys& keys, std::uint64_t counter,
                                   ByteView associated, ByteView padded_plaintext) override;
  [[nodiscard]] Result<Bytes> open(const crypto::SkKeys& keys, ByteView associated,
                                   ByteView body) override;
  [[nodiscard]] crypto::Outcome run(const crypto::Job& job) override;
  [[nodiscard]] Result<crypto::CredentialId> add_credential(std::string_view chain,
                                                            std::string_view key,
                                                            WallTime now) override;
  [[nodiscard]] Result<crypto::CredentialId> add_pkcs12(ByteView, std::string_view,
                                                        WallTime) override;
  [[nodiscard]] Result<crypto::CredentialId> add_from_database(const std::string&,
                                                               WallTime) override;
  [[nodiscard]] Result<crypto::TrustId> add_trust(std::string_view issuer) override;
  [[nodiscard]] Status set_crls(crypto::TrustId, std::span<const Bytes>,
                                crypto::Revocation) override {
    return {};
  }
  void remove(crypto::CredentialId credential) override { credentials_.erase(credential); }
  void remove(crypto::TrustId trust) override { trusts_.erase(trust); }
  [[nodiscard]] Result<std::vector<Bytes>> certificate_chain(
      crypto::CredentialId credential) override;
  [[nodiscard]] Result<crypto::CertificateInfo> credential_info(
      crypto::CredentialId credential) override;
  [[nodiscard]] Result<std::vector<crypto::CertificateInfo>> trust_info(
      crypto::TrustId trust) override;
  [[nodiscard]] Result<Bytes> certreq_hashes(crypto::TrustId trust) override;
  [[nodiscard]] Status close() override { return {}; }

  static constexpr std::size_t kOverhead = 24;  // of a sealed body: counter and ICV
  // A sealed body for the IKE SA that `prefix` names, with the key of what was sealed for it
  // before.
  [[nodiscard]] Bytes forge(ByteView prefix, ByteView padded_plaintext);

  // What a sealed body holds, padding and all; empty when this provider did not seal it.
  [[nodiscard]] Bytes plaintext_of(ByteView body) const;

 private:
  std::uint64_t state_;
  std::uint32_t last_id_ = 0;
  std::map<crypto::CredentialId, std::string> credentials_;
  std::map<crypto::TrustId, std::string> trusts_;
  std::map<Bytes, Bytes> sealed_;
  std::map<Bytes, Bytes> keys_;  // by SPIi | SPIr
  std::uint64_t forged_ = 0;
};

}  // namespace espalier::ike::testing
