// What the CA signs, judged by those who will have to: our IKE engine's verifier, and OpenSSL.
#include "operator/certificates/certificate_authority.h"

#include <cstdio>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "ike/crypto/nss/testing/pki.h"
#include "operator/certificates/testing/pki.h"

namespace espalier::certificates {
namespace {

using ike::crypto::nss::is_verified;
using ike::crypto::nss::refusal_of;
using ike::crypto::nss::shared_provider;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

struct Issued {
  std::shared_ptr<const SigningKey> key;
  Certificate certificate;
};

Issued issue(const CertificateAuthority& ca, const NodeIdentity& node = node1(),
             WallTime now = kNow, Seconds lifetime = 30 * kDay) {
  Issued issued{new_key(), {}};
  auto request = make_request(*issued.key, node, shared_keys());
  EXPECT_TRUE(request);
  auto decoded = decode_request(*request);
  EXPECT_TRUE(decoded) << decoded.error().to_string();
  EXPECT_TRUE(check_request(*decoded, node, shared_keys()));
  auto certificate = ca.sign_node(*decoded, node, now, lifetime, shared_keys());
  EXPECT_TRUE(certificate) << certificate.error().to_string();
  issued.certificate = std::move(*certificate);
  return issued;
}

std::string key_pem(const SigningKey& key) {
  auto der = shared_keys().export_key(key);
  EXPECT_TRUE(der) << der.error().to_string();
  return to_text(ike::crypto::encode_pem("PRIVATE KEY", der->view()).view());
}

// A peer that proves itself to one that trusts `bundle`.
ike::crypto::Outcome handshake(const Issued& issued, const std::string& bundle, WallTime now,
                               const std::string& identity = node1().identity) {
  using namespace ike::crypto;
  auto credential =
      shared_provider().add_credential(to_pem(issued.certificate), key_pem(*issued.key), kNow);
  EXPECT_TRUE(credential) << credential.error().to_string();
  auto trust = shared_provider().add_trust(bundle);
  EXPECT_TRUE(trust) << trust.error().to_string();
  if (!credential || !trust) return Error{};
  VerifyPeer job;
  job.chain = {issued.certificate.der};
  job.trust = *trust;
  job.claimed = ike::crypto::nss::id_of(identity);
  job.octets = ike::crypto::nss::kOctets;
  job.now = now;
  Outcome signed_outcome = shared_provider().run(
      Sign{*credential, ike::crypto::nss::kAllHashes, ike::crypto::nss::kOctets});
  auto* signature = std::get_if<Signature>(&signed_outcome);
  EXPECT_NE(signature, nullptr);
  if (!signature) return Error{};
  job.method = signature->method;
  job.auth_data = signature->auth_data;
  Outcome outcome = shared_provider().run(job);
  shared_provider().remove(*credential);
  shared_provider().remove(*trust);
  return outcome;
}

TEST(CertificateAuthority, SignsWhatOurIkeTakes) {
  const CertificateAuthority ca = new_ca();
  const Issued issued = issue(ca);
  EXPECT_TRUE(is_verified(handshake(issued, ca.certificate_pem(), kNow)));
  EXPECT_TRUE(is_verified(handshake(issued, ca.certificate_pem(), kNow + 30 * kDay)));
}

TEST(CertificateAuthority, SignsForTheNameTheTimeAndTheCaAlone) {
  using ike::crypto::RefusalReason;
  const CertificateAuthority ca = new_ca();
  const CertificateAuthority other = new_ca();
  const Issued issued = issue(ca);
  EXPECT_EQ(refusal_of(handshake(issued, other.certificate_pem(), kNow)).reason,
            RefusalReason::kUntrustedIssuer);
  EXPECT_EQ(refusal_of(handshake(issued, ca.certificate_pem(), kNow + 31 * kDay)).reason,
            RefusalReason::kExpired);
  EXPECT_EQ(refusal_of(handshake(issued, ca.certificate_pem(), kNow - kDay)).reason,
            RefusalReason::kNotYetValid);
  EXPECT_EQ(
      refusal_of(handshake(issued, ca.certificate_pem(), kNow, "node2.nodes.example.com")).reason,
      RefusalReason::kIdNotInCertificate);
  // A node's certificate is no CA's: what it signs is refused.
  Draft draft;
  draft.serial = {0x42};
  draft.issuer_der = issued.certificate.subject_der;
  draft.not_before = kNow;
  draft.not_after = kNow + kDay;
  draft.subject_der = encode_name({"espalier.io", "node9"});
  Issued forged{new_key(), {}};
  draft.key = forged.key->public_key();
  draft.extensions =
      encode_extension(oid::kSubjectAltName, false, encode_dns_names({"node9.example.com"}));
  auto certificate = sign_certificate(draft, *issued.key, shared_keys());
  ASSERT_TRUE(certificate);
  forged.certificate = std::move(*certificate);
  EXPECT_EQ(refusal_of(handshake(forged, ca.certificate_pem(), kNow, "node9.example.com")).reason,
            RefusalReason::kUntrustedIssuer);
  EXPECT_FALSE(check_issued(forged.certificate, issued.certificate, shared_keys()));
}

TEST(CertificateAuthority, SignsTheLongestNameANodeMayHave) {
  const std::string label(63, 'n');
  const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'n');
  ASSERT_EQ(longest.size(), 253U);
  const CertificateAuthority ca = new_ca();
  const Issued issued = issue(ca, {longest, longest});
  EXPECT_TRUE(is_verified(handshake(issued, ca.certificate_pem(), kNow, longest)));
}

TEST(CertificateAuthority, GoesThroughItsSecretAndBack) {
  const CertificateAuthority made = new_ca();
  auto key = made.key_pem(shared_keys());
  ASSERT_TRUE(key) << key.error().to_string();
  auto loaded =
      CertificateAuthority::load(shared_keys(), made.certificate_pem(), to_text(key->view()));
  ASSERT_TRUE(loaded) << loaded.error().to_string();
  EXPECT_EQ(loaded->certificate(), made.certificate());
  const Issued issued = issue(*loaded);
  EXPECT_TRUE(is_verified(handshake(issued, made.certificate_pem(), kNow)));
  auto again = loaded->key_pem(shared_keys());
  ASSERT_TRUE(again);
  EXPECT_TRUE(ct_equal(again->view(), key->view()));
}

TEST(CertificateAuthority, ASecretThatDoesNotFitIsRefusedByItsKey) {
  const CertificateAuthority ca = new_ca();
  const CertificateAuthority other = new_ca();
  const std::string key = to_text(other.key_pem(shared_keys())->view());
  const auto says = [](std::string_view certificate, std::string_view private_key) {
    auto loaded = CertificateAuthority::load(shared_keys(), certificate, private_key);
    return loaded ? "" : loaded.error().to_string();
  };
  EXPECT_EQ(says(ca.certificate_pem(), key), "ca.key: does not belong to the certificate");
  EXPECT_THAT(says("", key), HasSubstr("ca.crt.certificate: is not PEM"));
  EXPECT_THAT(says(ca.certificate_pem(), "x"), HasSubstr("ca.key: is not PEM"));
  EXPECT_THAT(says(ca.certificate_pem() + other.certificate_pem(), key),
              HasSubstr("is not one PEM block"));
  const Issued issued = issue(ca);
  EXPECT_THAT(says(to_pem(issued.certificate), key_pem(*issued.key)),
              HasSubstr("ca.crt: is no CA's certificate"));
}

TEST(CertificateAuthority, SerialsAndNamesOfCasAreNeverTheSame) {
  const CertificateAuthority ca = new_ca();
  const Certificate first = issue(ca).certificate;
  const Certificate second = issue(ca).certificate;
  EXPECT_NE(first.serial, second.serial);
  EXPECT_EQ(first.serial.size(), 16U);
  EXPECT_NE(ca.certificate().subject, new_ca().certificate().subject);
  EXPECT_EQ(first.issuer_key_id, ca.certificate().key_id);
  EXPECT_FALSE(first.key_id.empty());
  EXPECT_NE(first.key_id, second.key_id);
  EXPECT_TRUE(check_issued(first, ca.certificate(), shared_keys()));
}

TEST(CertificateAuthority, ANodesCertificateLivesWithinTheCas) {
  const CertificateAuthority ca = new_ca(kNow, 40 * kDay);
  EXPECT_EQ(issue(ca).certificate.not_before, kNow - kBackdate);
  EXPECT_EQ(issue(ca).certificate.not_after, kNow + 30 * kDay);
  const Certificate late = issue(ca, node1(), kNow + 20 * kDay).certificate;
  EXPECT_EQ(late.not_after, kNow + 40 * kDay);
  EXPECT_EQ(late.not_before, kNow + 20 * kDay - kBackdate);
  auto request = decode_request(RequestParts{}.sign(*new_key()));
  ASSERT_TRUE(request);
  auto expired = ca.sign_node(*request, node1(), kNow + 40 * kDay, kDay, shared_keys());
  ASSERT_FALSE(expired);
  EXPECT_EQ(expired.error().code, Code::kUnavailable);
}

// OpenSSL's opinion, as "command: what it printed".
class OpenSsl {
 public:
  OpenSsl() { std::filesystem::create_directories(folder_); }
  ~OpenSsl() { std::filesystem::remove_all(folder_); }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
  }
  [[nodiscard]] std::string run(const std::string& arguments) const {
    const std::string command =
        fmt::format("cd {} && openssl {} 2>&1", folder_.string(), arguments);
    FILE* pipe = popen(command.c_str(), "r");
    if (!pipe) return "cannot run openssl";
    std::string output;
    char buffer[512];
    while (const std::size_t got = std::fread(buffer, 1, sizeof buffer, pipe)) {
      output.append(buffer, got);
    }
    return fmt::format("{} exit {}", output, pclose(pipe));
  }

 private:
  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / fmt::format("espalier-certificates-{}", getpid());
};

TEST(CertificateAuthority, SignsWhatOpenSslTakes) {
  const CertificateAuthority ca = new_ca();
  const CertificateAuthority other = new_ca();
  const Issued issued = issue(ca);
  const Bytes request = RequestParts{}.sign(*issued.key);
  OpenSsl openssl;
  openssl.write("ca.crt", ca.certificate_pem());
  openssl.write("other.crt", other.certificate_pem());
  openssl.write("node.crt", to_pem(issued.certificate));
  openssl.write("node.csr", request_pem(request));
  openssl.write("ca.key", to_text(ca.key_pem(shared_keys())->view()));
  const std::string at = fmt::format(" -attime {}", kNow.time_since_epoch().count());
  EXPECT_THAT(openssl.run("verify -x509_strict -CAfile ca.crt" + at + " node.crt"),
              HasSubstr("node.crt: OK"));
  EXPECT_THAT(openssl.run("verify -x509_strict -CAfile other.crt" + at + " node.crt"),
              Not(HasSubstr("OK")));
  EXPECT_THAT(openssl.run("verify -x509_strict -CAfile ca.crt" + at + " ca.crt"),
              HasSubstr("ca.crt: OK"));
  EXPECT_THAT(
      openssl.run("x509 -in node.crt -noout -text -nameopt rfc2253"),
      AllOf(HasSubstr("Subject: CN=node1,O=espalier.io"), HasSubstr("DNS:node1.nodes.example.com"),
            HasSubstr("Digital Signature"), HasSubstr("X509v3 Extended Key Usage"),
            HasSubstr("ipsec Internet Key Exchange"), HasSubstr("CA:FALSE"),
            HasSubstr("Not After : Dec 24 12:00:00 2026 GMT"),
            HasSubstr("X509v3 Authority Key Identifier"),
            HasSubstr("X509v3 Subject Key Identifier"), HasSubstr("ecdsa-with-SHA256")));
  EXPECT_THAT(openssl.run("x509 -in ca.crt -noout -text"),
              AllOf(HasSubstr("CA:TRUE, pathlen:0"), HasSubstr("Certificate Sign, CRL Sign"),
                    HasSubstr("critical")));
  EXPECT_THAT(openssl.run("req -in node.csr -noout -verify -subject -nameopt rfc2253"),
              AllOf(HasSubstr("verify OK"), HasSubstr("CN=node1,O=espalier.io")));
  EXPECT_THAT(openssl.run("pkey -in ca.key -noout -check"), HasSubstr("Key is valid"));
}

}  // namespace
}  // namespace espalier::certificates
