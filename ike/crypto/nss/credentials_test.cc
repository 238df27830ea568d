// Credentials and trusts: every form they come in, and what people are told about those that do not
// fit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ike/crypto/nss/testing/pki.h"

namespace espalier::ike::crypto::nss {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

Result<CredentialId> add(const std::string& chain, const std::string& key) {
  return shared_provider().add_credential(chain, key, kNow);
}

TEST(Credential, TakesEveryUsualFormOfKey) {
  for (const char* form : {"node1-key", "node1-sec1", "node1-sec1-parameters"}) {
    auto id = add(pem("node1"), pem(form));
    EXPECT_TRUE(id) << form << ": " << id.error().to_string();
  }
  EXPECT_TRUE(add(pem("node4"), pem("node4-pkcs1")));
  EXPECT_TRUE(add("some text before\n" + pem("node1") + "and after\n", pem("node1-key")));
  EXPECT_TRUE(add(pem("node1"), pem("node1-sec1-no-public")));
}

TEST(Credential, PutsTheChainInOrder) {
  for (const std::string& bundle : {pem("below") + pem("intermediate") + pem("ca"),
                                    pem("ca") + pem("intermediate") + pem("below"),
                                    pem("intermediate") + pem("below") + pem("ca")}) {
    auto id = add(bundle, pem("below-key"));
    ASSERT_TRUE(id) << id.error().to_string();
    EXPECT_EQ(*shared_provider().certificate_chain(*id), chain_of({"below", "intermediate", "ca"}));
  }
}

TEST(Credential, TellsWhatItHolds) {
  auto id = add(pem("node1"), pem("node1-key"));
  ASSERT_TRUE(id);
  const CertificateInfo info = *shared_provider().credential_info(*id);
  EXPECT_EQ(info.subject, "C=CH, O=Espalier Test, CN=node1");
  EXPECT_EQ(info.issuer, "C=CH, O=Espalier Test, CN=Root CA");
  EXPECT_THAT(info.sans, ElementsAre("node1.example.com", "192.0.2.1", "2001:db8::1",
                                     "Node1@example.com", "URI:spiffe://example.com/node1"));
  EXPECT_THAT(info.identities, SizeIs(4));
  EXPECT_EQ(info.not_before, WallTime(std::chrono::seconds(1577836800)));  // 2020-01-01
  EXPECT_EQ(info.not_after, WallTime(std::chrono::seconds(4102444799)));   // 2099-12-31T23:59:59
  EXPECT_EQ(info.key_type, KeyType::kEcdsa);
  EXPECT_EQ(info.key_bits, 256);
  auto rsa = add(pem("node5"), pem("node5-key"));
  EXPECT_EQ(shared_provider().credential_info(*rsa)->key_type, KeyType::kRsa);
  EXPECT_EQ(shared_provider().credential_info(*rsa)->key_bits, 3072);
}

TEST(Credential, ErrorsSayWhatIsWrongWhere) {
  struct Row {
    std::string chain;
    std::string key;
    const char* says;
  };
  const std::string certificate = pem("node1");
  const std::string key = pem("node1-key");
  std::string cut = certificate;
  cut.resize(cut.size() / 2);
  std::string damaged = certificate;
  damaged.replace(damaged.find('\n') + 10, 1, "!");
  for (const Row& row : {
           Row{"", key, "tls.crt: is not PEM"},
           Row{"<PEM>", key, "tls.crt: is not PEM"},
           Row{cut, key, "tls.crt: is not PEM (the block \"CERTIFICATE\" does not end)"},
           Row{damaged, key,
               "tls.crt: is not PEM (the block \"CERTIFICATE\" holds what is no base64)"},
           Row{key, key, "tls.crt: holds no certificate"},
           Row{certificate, "", "tls.key: is not PEM"},
           Row{certificate, certificate, "tls.key: holds no private key but \"CERTIFICATE\""},
           Row{certificate, key + pem("node2-key"), "tls.key: holds more than one private key"},
           Row{certificate, pem("node1-encrypted"), "tls.key: is encrypted"},
           Row{certificate, pem("node1-encrypted-sec1"), "tls.key: is encrypted"},
           Row{certificate, pem("node2-key"),
               "tls.key: does not belong to tls.crt (subject \"C=CH, "
               "O=Espalier Test, CN=node1\")"},
           Row{certificate, pem("twin-key"), "tls.key: does not belong to tls.crt"},
           Row{certificate, pem("node4-key"), "tls.key: does not belong to tls.crt"},
           Row{certificate, "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n",
               "tls.key: is no RSA or EC key that can be used"},
           Row{"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", key,
               "tls.crt: is no X.509 certificate"},
       }) {
    auto id = add(row.chain, row.key);
    ASSERT_FALSE(id) << row.says;
    EXPECT_THAT(id.error().to_string(), HasSubstr(row.says));
  }
}

TEST(Credential, RefusesAnExpiredCertificateOnly) {
  auto expired = shared_provider().add_credential(pem("node1"), pem("node1-key"),
                                                  WallTime(std::chrono::seconds(4102444800)));
  ASSERT_FALSE(expired);
  EXPECT_THAT(expired.error().to_string(),
              AllOf(HasSubstr("tls.crt: expired on 2099-12-31T23:59:59Z"), HasSubstr("CN=node1")));
  EXPECT_TRUE(shared_provider().add_credential(pem("node1"), pem("node1-key"),
                                               WallTime(std::chrono::seconds(4102444799))));
  EXPECT_TRUE(shared_provider().add_credential(pem("node1"), pem("node1-key"), WallTime{}))
      << "a clock that is behind must not stop a node";
}

TEST(Credential, IsGoneWhenRemoved) {
  auto id = add(pem("node1"), pem("node1-key"));
  ASSERT_TRUE(id);
  shared_provider().remove(*id);
  shared_provider().remove(*id);
  EXPECT_EQ(shared_provider().credential_info(*id).error().code, Code::kNotFound);
  EXPECT_EQ(shared_provider().certificate_chain(*id).error().code, Code::kNotFound);
  auto next = add(pem("node1"), pem("node1-key"));
  ASSERT_TRUE(next);
  EXPECT_NE(*next, *id);
}

TEST(Trust, TellsItsAnchorsAndTheirHashes) {
  const TrustId trust = trust_of({"ca", "rsa-ca", "ca"});
  auto anchors = shared_provider().trust_info(trust);
  ASSERT_TRUE(anchors);
  ASSERT_THAT(*anchors, SizeIs(2)) << "one twice is one";
  EXPECT_EQ(anchors->front().subject, "C=CH, O=Espalier Test, CN=Root CA");
  auto hashes = shared_provider().certreq_hashes(trust);
  ASSERT_TRUE(hashes);
  // RFC 7296 section 3.7; independently: the subjectKeyIdentifier (RFC 5280 method 1) hashes the
  // key's BIT STRING, so compare with the SHA-1 of the SubjectPublicKeyInfo cut out of the
  // certificate.
  ASSERT_EQ(hashes->size(), 40U);
  const Bytes ca = chain_of({"ca"}).front();
  const Bytes p256_head = *from_hex("3059301306072a8648ce3d020106082a8648ce3d030107034200");
  const auto at = std::search(ca.begin(), ca.end(), p256_head.begin(), p256_head.end());
  ASSERT_NE(at, ca.end());
  const std::array<ByteView, 1> spki = {ByteView(&*at, 91)};
  EXPECT_EQ(to_hex(ByteView(*hashes).first(20)), to_hex(*shared_provider().sha1(spki)));
  shared_provider().remove(trust);
  EXPECT_EQ(shared_provider().trust_info(trust).error().code, Code::kNotFound);
  EXPECT_EQ(shared_provider().certreq_hashes(trust).error().code, Code::kNotFound);
}

TEST(Trust, ErrorsNameTheCertificate) {
  EXPECT_THAT(shared_provider().add_trust("").error().detail, HasSubstr("is not PEM"));
  EXPECT_THAT(shared_provider().add_trust(pem("ca") + pem("node1-key")).error().detail,
              HasSubstr("holds a \"PRIVATE KEY\""));
  EXPECT_THAT(
      shared_provider()
          .add_trust(pem("ca") + "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n")
          .error()
          .detail,
      HasSubstr("certificate 2 of 2 is no X.509 certificate"));
  EXPECT_TRUE(shared_provider().add_trust(pem("expired-ca"))) << "kept, it matches nothing";
}

TEST(Pkcs12, TakesWhatNewAndOldSoftwareWrites) {
  struct Row {
    const char* file;
    const char* password;
    std::vector<Bytes> chain;
  };
  for (const Row& row : {Row{"node1.p12", "secret", chain_of({"node1"})},
                         Row{"node1-old.p12", "secret", chain_of({"node1"})},
                         Row{"node1-clear.p12", "secret", chain_of({"node1"})},
                         Row{"node4-empty-password.p12", "", chain_of({"node4"})},
                         Row{"below-chain.p12", "secret", chain_of({"below", "intermediate"})}}) {
    auto id = shared_provider().add_pkcs12(file_bytes(row.file), row.password, kNow);
    ASSERT_TRUE(id) << row.file << ": " << id.error().to_string();
    EXPECT_EQ(*shared_provider().certificate_chain(*id), row.chain) << row.file;
    EXPECT_TRUE(
        std::holds_alternative<Signature>(shared_provider().run(Sign{*id, kAllHashes, kOctets})));
  }
}

TEST(Pkcs12, ErrorsSayWhatIsWrong) {
  const auto error = [](const char* file, const char* password) {
    auto id = shared_provider().add_pkcs12(file_bytes(file), password, kNow);
    EXPECT_FALSE(id) << file;
    return id.error();
  };
  EXPECT_EQ(error("node1.p12", "wrong").code, Code::kDenied);
  EXPECT_EQ(error("node1.p12", "").code, Code::kDenied);
  EXPECT_EQ(error("node1-old.p12", "wrong").code, Code::kDenied);
  EXPECT_THAT(error("node1.p12", "wrong").to_string(), HasSubstr("the password is wrong"));
  EXPECT_THAT(error("no-key.p12", "secret").to_string(), HasSubstr("holds 0 private keys"));
  EXPECT_THAT(error("node1.der", "secret").to_string(), HasSubstr("is no PKCS #12 file"));
  EXPECT_THAT(error("node1.pem", "secret").to_string(), HasSubstr("is no PKCS #12 file"));
}

TEST(Pkcs12, SurvivesEveryDamage) {
  const Bytes good = file_bytes("node1-clear.p12");
  for (std::size_t i = 0; i < good.size(); i += 7) {
    Bytes changed = good;
    changed[i] ^= 0x20;
    auto id = shared_provider().add_pkcs12(changed, "secret", kNow);
    // What the MAC does not cover (its own parameters, say) may be taken, but is the same
    // credential then.
    if (id) {
      EXPECT_EQ(*shared_provider().certificate_chain(*id), chain_of({"node1"})) << i;
    }
    EXPECT_FALSE(shared_provider().add_pkcs12(ByteView(good).first(i), "secret", kNow)) << i;
  }
}

TEST(Database, IsNotThere) {
  auto id = shared_provider().add_from_database("node1", kNow);
  ASSERT_FALSE(id);
  EXPECT_EQ(id.error().code, Code::kNotFound);
  EXPECT_THAT(id.error().to_string(), HasSubstr("\"node1\""));
}

}  // namespace
}  // namespace espalier::ike::crypto::nss
