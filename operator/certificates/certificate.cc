#include "operator/certificates/certificate.h"

#include <fmt/format.h>

#include "ike/crypto/der.h"
#include "ike/crypto/pem.h"

namespace espalier::certificates {

namespace der = ike::crypto::der;

namespace {

constexpr std::size_t kMaxCertificate = 8192;
constexpr std::uint8_t kVersionTag = der::context(0, true);
constexpr std::uint8_t kExtensionsTag = der::context(3, true);
constexpr std::uint8_t kVersion3[] = {der::kInteger, 1, 2};

tl::unexpected<Error> bad(std::string why) {
  return fail(Code::kInvalid, "certificate", std::move(why));
}

bool says_ca(ByteView value) {
  const auto sequence = der::only(value, der::kSequence);
  if (!sequence) return false;
  const auto flag = der::Reader(*sequence).content(der::kBoolean);
  return flag && flag->size() == 1 && flag->front() == 0xff;
}

Status read_extension(const Extension& extension, Certificate& certificate) {
  if (equal(extension.id, oid::kBasicConstraints)) {
    certificate.is_ca = says_ca(extension.value);
  } else if (equal(extension.id, oid::kSubjectKeyId)) {
    const auto id = der::only(extension.value, der::kOctetString);
    if (!id) return bad("has a malformed SubjectKeyIdentifier");
    certificate.key_id = to_bytes(*id);
  } else if (equal(extension.id, oid::kAuthorityKeyId)) {
    const auto sequence = der::only(extension.value, der::kSequence);
    if (!sequence) return bad("has a malformed AuthorityKeyIdentifier");
    if (const auto id = der::Reader(*sequence).content(der::context(0, false))) {
      certificate.issuer_key_id = to_bytes(*id);
    }
  } else if (equal(extension.id, oid::kSubjectAltName)) {
    auto names = decode_alt_names(extension.value);
    if (!names) return forward(names);
    certificate.alt_names = std::move(*names);
  } else if (extension.critical && !equal(extension.id, oid::kKeyUsage) &&
             !equal(extension.id, oid::kExtendedKeyUsage)) {
    return fail(Code::kUnsupported, "certificate",
                fmt::format("has a critical extension that is not known, {} (OID in hexadecimal)",
                            to_hex(extension.id)));
  }
  return {};
}

Status read_validity(ByteView validity, Certificate& certificate) {
  der::Reader reader(validity);
  const auto from = reader.next();
  const auto to = reader.next();
  const auto not_before = from ? decode_time(from->tag, from->content) : std::nullopt;
  const auto not_after = to ? decode_time(to->tag, to->content) : std::nullopt;
  if (!not_before || !not_after || !reader.at_end()) return bad("has a malformed validity");
  certificate.not_before = *not_before;
  certificate.not_after = *not_after;
  return {};
}

// TBSCertificate's fields (RFC 5280 section 4.1).
Status read_signed_part(ByteView content, ByteView outer_algorithm, Certificate& certificate) {
  der::Reader reader(content);
  const auto version = reader.content(kVersionTag);
  const auto serial = reader.content(der::kInteger);
  const auto algorithm = reader.content(der::kSequence);
  const auto issuer = reader.next();
  const auto validity = reader.content(der::kSequence);
  const auto subject = reader.next();
  const auto key = reader.next();
  const auto wrapped = reader.content(kExtensionsTag);
  const auto extensions = wrapped ? der::only(*wrapped, der::kSequence) : std::nullopt;
  if (!version || !serial || !algorithm || !issuer || !validity || !subject || !key ||
      !extensions || !reader.at_end()) {
    return bad("is no X.509 certificate of version 3 with extensions");
  }
  if (!equal(*version, kVersion3)) return bad("is not of version 3");
  if (!equal(*algorithm, outer_algorithm)) return bad("names two signature algorithms");
  certificate.serial = to_bytes(*serial);
  auto issuer_name = decode_name(issuer->whole, "issuer");
  if (!issuer_name) return forward(issuer_name);
  certificate.issuer = std::move(*issuer_name);
  certificate.issuer_der = to_bytes(issuer->whole);
  auto subject_name = decode_name(subject->whole, "subject");
  if (!subject_name) return forward(subject_name);
  certificate.subject = std::move(*subject_name);
  certificate.subject_der = to_bytes(subject->whole);
  if (auto read = read_validity(*validity, certificate); !read) return read;
  auto public_key = decode_public_key(key->whole);
  if (!public_key) return forward(public_key);
  certificate.key = std::move(*public_key);
  auto all = decode_extensions(*extensions);
  if (!all) return forward(all);
  for (const Extension& extension : *all) {
    if (auto read = read_extension(extension, certificate); !read) return read;
  }
  return {};
}

}  // namespace

Result<Certificate> decode_certificate(ByteView bytes) {
  if (bytes.size() > kMaxCertificate) return bad("is too long");
  const auto whole = der::only(bytes, der::kSequence);
  if (!whole) return bad("is no X.509 certificate in DER");
  der::Reader reader(*whole);
  const auto signed_part = reader.next();
  const auto algorithm = reader.content(der::kSequence);
  const auto bits = reader.content(der::kBitString);
  const auto signature = bits ? decode_bits(*bits) : std::nullopt;
  if (!signed_part || signed_part->tag != der::kSequence || !algorithm || !signature ||
      !reader.at_end()) {
    return bad("is no X.509 certificate");
  }
  Certificate certificate;
  certificate.der = to_bytes(bytes);
  certificate.signed_part = to_bytes(signed_part->whole);
  auto digest = decode_signature_algorithm(*algorithm);
  if (!digest) return forward(digest);
  certificate.digest = *digest;
  certificate.signature = to_bytes(*signature);
  auto read = read_signed_part(signed_part->content, *algorithm, certificate);
  if (!read) return forward(read);
  return certificate;
}

Result<Certificate> decode_certificate_pem(std::string_view text) {
  auto blocks = ike::crypto::decode_pem(text);
  if (!blocks) return bad(blocks.error().detail);
  if (blocks->size() != 1 || blocks->front().label != "CERTIFICATE") {
    return bad("is not one PEM block \"CERTIFICATE\"");
  }
  return decode_certificate(blocks->front().data.view());
}

std::string to_pem(const Certificate& certificate) {
  return to_text(ike::crypto::encode_pem("CERTIFICATE", certificate.der).view());
}

Result<Certificate> sign_certificate(const Draft& draft, const SigningKey& key, SigningKeys& keys) {
  const Digest digest = digest_for(key.public_key().curve);
  const Bytes algorithm = encode_signature_algorithm(digest);
  const Bytes validity =
      der::encode(der::kSequence, {encode_time(draft.not_before), encode_time(draft.not_after)});
  const Bytes signed_part =
      der::encode(der::kSequence,
                  {der::encode(kVersionTag, kVersion3), der::encode(der::kInteger, draft.serial),
                   algorithm, draft.issuer_der, validity, draft.subject_der, draft.key.info,
                   der::encode(kExtensionsTag, der::encode(der::kSequence, draft.extensions))});
  auto signature = keys.sign(key, digest, signed_part);
  if (!signature) return forward(signature);
  return decode_certificate(
      der::encode(der::kSequence, {signed_part, algorithm, encode_bits(*signature)}));
}

Status check_issued(const Certificate& certificate, const Certificate& ca, SigningKeys& keys) {
  if (!ca.is_ca) return fail(Code::kDenied, "issuer", "is no CA");
  if (certificate.issuer_der != ca.subject_der) {
    return fail(Code::kDenied, "issuer",
                fmt::format("is \"{}\", not \"{}\"", certificate.issuer.common_name,
                            ca.subject.common_name));
  }
  auto verified =
      keys.verify(ca.key, certificate.digest, certificate.signed_part, certificate.signature);
  if (!verified) return fail(verified.error().code, "signature", verified.error().detail);
  return {};
}

}  // namespace espalier::certificates
