// Secrets with the test certificates of ike/crypto/nss, in the real provider.
#include "nodeagent/runtime/credential_store.h"

#include <gmock/gmock.h>

#include "crds/types/secret.h"
#include "ike/crypto/nss/testing/pki.h"

namespace espalier::runtime {
namespace {

using ike::crypto::nss::file_bytes;
using ike::crypto::nss::kNow;
using ike::crypto::nss::pem;
using ike::crypto::nss::shared_provider;
using ::testing::HasSubstr;

const plan::SecretRef kOwn{"edge", "gw", ""};

crds::ManifestSet with(const std::map<std::string, Bytes>& values) {
  crds::Secret secret;
  secret.meta.name = kOwn.name;
  secret.meta.ns = kOwn.ns;
  for (const auto& [key, value] : values) secret.data.emplace(key, SecretBytes(value));
  crds::ManifestSet set;
  set.add(crds::Object(std::move(secret)));
  return set;
}

Bytes text(std::string_view words) {
  return to_bytes(as_bytes(words));
}

// The certificate that a plan with one X.509 connection gets from these manifests.
Result<tunnel::OwnCertificate> own(CredentialStore& store, const crds::ManifestSet& manifests) {
  plan::NodePlan plan;
  plan::ConnectionPlan connection;
  connection.local.secret = kOwn;
  connection.remote.secret = {"edge", "trust", "ca.crt"};
  plan.connections.push_back(connection);
  return store.build(plan, manifests, kNow)->certificate(kOwn);
}

TEST(CredentialStore, TakesACertificateAsPemOrAsPkcs12) {
  CredentialStore store(shared_provider());
  const auto by_pem =
      own(store, with({{"tls.crt", text(pem("node1"))}, {"tls.key", text(pem("node1-key"))}}));
  ASSERT_TRUE(by_pem) << by_pem.error().to_string();
  const std::string subject = by_pem->info.subject;
  for (const char* password : {"secret", "secret\n"}) {
    const auto by_p12 =
        own(store, with({{"tls.p12", file_bytes("node1.p12")}, {"password", text(password)}}));
    ASSERT_TRUE(by_p12) << by_p12.error().to_string();
    EXPECT_EQ(by_p12->info.subject, subject);
    EXPECT_NE(by_p12->id, by_pem->id);
  }
  const auto without = own(store, with({{"tls.p12", file_bytes("node4-empty-password.p12")}}));
  EXPECT_TRUE(without) << without.error().to_string();
  (void)store.build({}, {}, kNow);  // nothing is referred to: all is removed
}

TEST(CredentialStore, UnchangedContentKeepsItsHandle) {
  CredentialStore store(shared_provider());
  const auto p12 = with({{"tls.p12", file_bytes("node1.p12")}, {"password", text("secret")}});
  const auto first = own(store, p12);
  const auto again = own(store, p12);
  ASSERT_TRUE(first && again);
  EXPECT_EQ(first->id, again->id);
  const auto wrong = with({{"tls.p12", file_bytes("node1.p12")}, {"password", text("other")}});
  EXPECT_FALSE(own(store, wrong)) << "another password is another content";
  (void)store.build({}, {}, kNow);
}

TEST(CredentialStore, ErrorsNameTheSecretAndTheKey) {
  CredentialStore store(shared_provider());
  const auto error = [&](const std::map<std::string, Bytes>& values) {
    const auto got = own(store, with(values));
    return got ? std::string("none") : got.error().to_string();
  };
  EXPECT_THAT(error({{"tls.p12", file_bytes("node1.p12")}, {"password", text("geheim")}}),
              ::testing::AllOf(HasSubstr("Secret edge/gw: tls.p12: the password is wrong"),
                               ::testing::Not(HasSubstr("geheim"))));
  EXPECT_THAT(error({{"tls.p12", file_bytes("node1.p12")}}),
              HasSubstr("Secret edge/gw: tls.p12: "));
  EXPECT_THAT(error({{"tls.p12", file_bytes("no-key.p12")}, {"password", text("secret")}}),
              HasSubstr("Secret edge/gw: tls.p12: holds 0 private keys"));
  EXPECT_THAT(error({{"tls.key", text(pem("node1-key"))}}), HasSubstr("it has no key tls.crt"));
  EXPECT_THAT(error({{"tls.crt", text(pem("node1"))}}), HasSubstr("it has no key tls.key"));
  (void)store.build({}, {}, kNow);
}

}  // namespace
}  // namespace espalier::runtime
