// Keys, a CA and requests for tests. NSS is ike/crypto/nss/testing's, closed with no leak asserted.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "ike/crypto/der.h"
#include "ike/crypto/nss/testing/shared_provider.h"
#include "ike/crypto/pem.h"
#include "operator/certificates/certificate_authority.h"
#include "operator/certificates/certificate_request.h"
#include "operator/certificates/nss/nss_signing_keys.h"

namespace espalier::certificates {

inline constexpr WallTime kNow{std::chrono::seconds(1795521600)};  // 2026-11-24T12:00:00Z
inline constexpr Seconds kDay = std::chrono::hours(24);

// The keys of NSS, opened with the shared provider and gone before it closes.
class KeysOfNss : public ::testing::Environment {
 public:
  void SetUp() override {
    auto opened = nss::open_signing_keys();
    ASSERT_TRUE(opened) << opened.error().to_string();
    slot() = std::move(*opened);
  }
  void TearDown() override { slot().reset(); }
  static std::unique_ptr<SigningKeys>& slot() {
    static std::unique_ptr<SigningKeys> keys;
    return keys;
  }
};

// Registered after the provider's environment, so it begins later and ends earlier.
inline ::testing::Environment* const kKeysOfNss =
    (static_cast<void>(ike::crypto::nss::kSharedProvider),
     ::testing::AddGlobalTestEnvironment(new KeysOfNss));

inline SigningKeys& shared_keys() {
  return *KeysOfNss::slot();
}

inline std::shared_ptr<const SigningKey> new_key(Curve curve = Curve::kP256) {
  auto key = shared_keys().generate(curve);
  EXPECT_TRUE(key) << key.error().to_string();
  return key.value_or(nullptr);
}

inline CertificateAuthority new_ca(WallTime now = kNow, Seconds lifetime = 730 * kDay) {
  auto ca = CertificateAuthority::create(shared_keys(), Curve::kP256, now, lifetime);
  EXPECT_TRUE(ca) << ca.error().to_string();
  return std::move(*ca);
}

inline NodeIdentity node1() {
  return {"node1", "node1.nodes.example.com"};
}

// A request made of parts, properly signed, so that each can be wrong by itself.
struct RequestParts {
  Bytes version = {ike::crypto::der::kInteger, 1, 0};
  Bytes subject = encode_name({std::string(kNodeOrganization), "node1"});
  Bytes extensions =
      encode_extension(oid::kSubjectAltName, false, encode_dns_names({node1().identity}));
  Bytes attributes;  // instead of the extensions

  [[nodiscard]] Bytes sign(const SigningKey& key) const {
    namespace der = ike::crypto::der;
    Bytes all = attributes;
    if (all.empty()) {
      all = der::encode(der::kSequence,
                        {der::encode(der::kObjectIdentifier, oid::kExtensionRequest),
                         der::encode(der::kSet, der::encode(der::kSequence, extensions))});
    }
    const Bytes info = der::encode(der::kSequence, {version, subject, key.public_key().info,
                                                    der::encode(der::context(0, true), all)});
    const Digest digest = digest_for(key.public_key().curve);
    auto signature = shared_keys().sign(key, digest, info);
    EXPECT_TRUE(signature);
    return der::encode(der::kSequence,
                       {info, encode_signature_algorithm(digest), encode_bits(*signature)});
  }
};

inline std::string request_pem(ByteView der) {
  return to_text(ike::crypto::encode_pem("CERTIFICATE REQUEST", der).view());
}

}  // namespace espalier::certificates
