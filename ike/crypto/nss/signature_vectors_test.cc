// AUTH signatures against NIST's verification vectors: what passes there is taken, what fails there
// is refused. The keys come in certificates made around them, as a peer's would.
#include <gtest/gtest.h>

#include "ike/crypto/der.h"
#include "ike/crypto/nss/signatures.h"
#include "ike/crypto/nss/symmetric.h"
#include "ike/crypto/nss/testing/shared_provider.h"
#include "ike/crypto/nss/testing/vectors.h"
#include "ike/crypto/signature_algorithm.h"
#include "ike/wire/auth_data.h"

namespace espalier::ike::crypto::nss {
namespace {

using wire::AuthMethod;
using CertificateResult = Result<std::shared_ptr<const Certificate>>;

Bytes oid(const char* hex) {
  return der::encode(der::kObjectIdentifier, *from_hex(hex));
}

// Nobody signed it: what is checked here is the key alone.
CertificateResult certificate_around(const Bytes& algorithm, ByteView key) {
  const Bytes bits = der::encode(der::kBitString, {Bytes{0}, key});
  const Bytes spki = der::encode(der::kSequence, {algorithm, bits});
  const Bytes name = der::encode(der::kSequence, {});
  const Bytes time = der::encode(0x17, as_bytes("260101000000Z"));
  const Bytes validity = der::encode(der::kSequence, {time, time});
  const Bytes signed_with = der::encode(der::kSequence, oid("2a8648ce3d040302"));
  const Bytes serial = der::encode(der::kInteger, Bytes{1});
  const Bytes body = der::encode(der::kSequence, {serial, signed_with, name, validity, name, spki});
  return decode_certificate(
      der::encode(der::kSequence, {body, signed_with, der::encode(der::kBitString, Bytes{0, 0})}));
}

CertificateResult ecdsa_certificate(const Vector& vector) {
  const auto bits = vector["bits"][0] << 8 | vector["bits"][1];
  const char* curve = bits == 256 ? "2a8648ce3d030107" : bits == 384 ? "2b81040022" : "2b81040023";
  return certificate_around(der::encode(der::kSequence, {oid("2a8648ce3d0201"), oid(curve)}),
                            vector["key"]);
}

Bytes positive(const Bytes& number) {
  return der::encode(der::kInteger,
                     {number.front() >= 0x80 ? Bytes{0} : Bytes{}, ByteView(number)});
}

CertificateResult rsa_certificate(const Vector& vector) {
  const Bytes null = {der::kNull, 0};
  return certificate_around(
      der::encode(der::kSequence, {oid("2a864886f70d010101"), null}),
      der::encode(der::kSequence, {positive(vector["n"]), positive(vector["e"])}));
}

HashId hash_of(const Vector& vector) {
  return *find_hash(vector["hash"][0]);
}

bool passes(const Vector& vector) {
  return to_text(vector["result"]) == "P";
}

tl::expected<std::string, Refusal> verify_by_7427(const Certificate& certificate,
                                                  SignatureScheme scheme, const Vector& vector,
                                                  ByteView signature) {
  const auto data =
      wire::encode_signature_auth(algorithm_identifier({scheme, hash_of(vector)}), signature);
  return verify(certificate, AuthMethod::kDigitalSignature, *data, vector["message"]);
}

// r and s as DER has them: RFC 7427 appendix A.3.
Bytes ecdsa_der(ByteView raw) {
  const auto number = [](ByteView half) {
    while (half.size() > 1 && half.front() == 0) half = half.subspan(1);
    return positive(to_bytes(half));
  };
  const std::size_t half = raw.size() / 2;
  return der::encode(der::kSequence, {number(raw.first(half)), number(raw.subspan(half))});
}

AuthMethod method_of(HashId hash) {
  return hash == HashId::kSha2_256   ? AuthMethod::kEcdsaSha256P256
         : hash == HashId::kSha2_384 ? AuthMethod::kEcdsaSha384P384
                                     : AuthMethod::kEcdsaSha512P521;
}

TEST(NistSigVer, Ecdsa) {
  int taken = 0;
  for (const Vector& vector : read_vectors("nist_ecdsa_verify.txt")) {
    const std::string name = to_text(vector["name"]);
    const auto certificate = ecdsa_certificate(vector);
    if (!certificate) {
      EXPECT_FALSE(passes(vector)) << name << " " << certificate.error().to_string();
      continue;  // a changed key is no point of the curve
    }
    const Bytes& raw = vector["signature"];
    const auto rfc4754 = verify(**certificate, method_of(hash_of(vector)), raw, vector["message"]);
    EXPECT_EQ(rfc4754.has_value(), passes(vector)) << name;
    const auto rfc7427 =
        verify_by_7427(**certificate, SignatureScheme::kEcdsa, vector, ecdsa_der(raw));
    EXPECT_EQ(rfc7427.has_value(), passes(vector)) << name;
    if (rfc7427) ++taken;
  }
  EXPECT_EQ(taken, 9);
}

TEST(NistSigVer, RsaPkcs1) {
  int taken = 0;
  for (const Vector& vector : read_vectors("nist_rsa_pkcs1_verify.txt")) {
    const auto certificate = rsa_certificate(vector);
    ASSERT_TRUE(certificate) << certificate.error().to_string();
    const auto result =
        verify_by_7427(**certificate, SignatureScheme::kRsaPkcs1, vector, vector["signature"]);
    EXPECT_EQ(result.has_value(), passes(vector)) << to_text(vector["name"]);
    if (result) ++taken;
  }
  EXPECT_EQ(taken, 6);
}

// By NSS itself, which is told the salt's length.
bool verifies_as_nist_has_it(const Certificate& certificate, const Vector& vector) {
  const HashId hash = hash_of(vector);
  CK_RSA_PKCS_PSS_PARAMS params{};
  params.hashAlg = hash == HashId::kSha2_256   ? CKM_SHA256
                   : hash == HashId::kSha2_384 ? CKM_SHA384
                                               : CKM_SHA512;
  params.mgf = hash == HashId::kSha2_256   ? CKG_MGF1_SHA256
               : hash == HashId::kSha2_384 ? CKG_MGF1_SHA384
                                           : CKG_MGF1_SHA512;
  params.sLen = vector["salt"].size();
  const SECItem mechanism = {siBuffer, reinterpret_cast<unsigned char*>(&params), sizeof params};
  const std::array<ByteView, 1> message = {vector["message"]};
  const auto digested = digest(digest_tag(hash), message);
  const SECItem digest_item = item_of(*digested);
  const SECItem signature = item_of(vector["signature"]);
  return PK11_VerifyWithMechanism(certificate.key.get(), CKM_RSA_PKCS_PSS, &mechanism, &signature,
                                  &digest_item, nullptr) == SECSuccess;
}

// The identifiers that we take (RFC 7427 appendix A.4) promise a salt as long as the hash. NIST's
// have ten octets, so that none may pass, however good the rest.
TEST(NistSigVer, RsaPssWithAnotherSaltThanPromised) {
  int good = 0;
  for (const Vector& vector : read_vectors("nist_rsa_pss_verify.txt")) {
    const std::string name = to_text(vector["name"]);
    const auto certificate = rsa_certificate(vector);
    ASSERT_TRUE(certificate) << certificate.error().to_string();
    const bool verifies = verifies_as_nist_has_it(**certificate, vector);
    EXPECT_EQ(verifies, passes(vector)) << name;
    if (verifies) ++good;
    const auto result =
        verify_by_7427(**certificate, SignatureScheme::kRsaPss, vector, vector["signature"]);
    ASSERT_FALSE(result) << name;
    EXPECT_EQ(result.error().reason, RefusalReason::kBadSignature);
  }
  EXPECT_EQ(good, 6);
}

}  // namespace
}  // namespace espalier::ike::crypto::nss
