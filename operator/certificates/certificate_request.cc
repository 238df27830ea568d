#include "operator/certificates/certificate_request.h"

#include <fmt/format.h>

#include "ike/crypto/der.h"
#include "ike/crypto/pem.h"

namespace espalier::certificates {

namespace der = ike::crypto::der;

namespace {

constexpr std::uint8_t kAttributes = der::context(0, true);
constexpr std::uint8_t kVersion1[] = {der::kInteger, 1, 0};

tl::unexpected<Error> bad(const char* field, std::string why) {
  return fail(Code::kInvalid, field, std::move(why));
}

// The content of Extensions in the one extensionRequest; empty without an attribute.
Result<ByteView> extensions_asked(ByteView attributes) {
  if (attributes.empty()) return ByteView();
  const auto attribute = der::only(attributes, der::kSequence);
  if (!attribute) return bad("attributes", "are malformed, or more than the one extensionRequest");
  der::Reader parts(*attribute);
  const auto id = parts.content(der::kObjectIdentifier);
  const auto values = parts.content(der::kSet);
  if (!id || !values || !parts.at_end()) return bad("attributes", "are malformed");
  if (!equal(*id, oid::kExtensionRequest)) {
    return bad("attributes", fmt::format("hold one of type {} (OID in hexadecimal); only "
                                         "extensionRequest is taken",
                                         to_hex(*id)));
  }
  const auto extensions = der::only(*values, der::kSequence);
  if (!extensions) return bad("attributes", "have an extensionRequest that is not one value");
  return *extensions;
}

Status read_attributes(ByteView attributes, CertificateRequest& request) {
  auto asked = extensions_asked(attributes);
  if (!asked) return forward(asked);
  auto extensions = decode_extensions(*asked);
  if (!extensions) return forward(extensions);
  for (const Extension& extension : *extensions) {
    if (!equal(extension.id, oid::kSubjectAltName)) {
      return bad("extensions", fmt::format("ask for one of type {} (OID in hexadecimal); only "
                                           "subjectAltName may be asked for",
                                           to_hex(extension.id)));
    }
    auto names = decode_alt_names(extension.value);
    if (!names) return forward(names);
    request.alt_names = std::move(*names);
  }
  return {};
}

}  // namespace

Result<CertificateRequest> decode_request(ByteView bytes) {
  if (bytes.size() > kMaxRequest) {
    return bad("request", fmt::format("is longer than {} octets", kMaxRequest));
  }
  const auto whole = der::only(bytes, der::kSequence);
  if (!whole) return bad("request", "is no PKCS #10 request in DER");
  der::Reader outer(*whole);
  const auto info = outer.next();
  const auto algorithm = outer.content(der::kSequence);
  const auto bits = outer.content(der::kBitString);
  if (!info || info->tag != der::kSequence || !algorithm || !bits || !outer.at_end()) {
    return bad("request", "is no PKCS #10 request");
  }
  der::Reader inner(info->content);
  const auto version = inner.next();
  const auto subject = inner.next();
  const auto key = inner.next();
  const auto attributes = inner.content(kAttributes);
  if (!version || !subject || !key || !attributes || !inner.at_end()) {
    return bad("request", "is no PKCS #10 request");
  }
  if (!equal(version->whole, kVersion1)) return bad("version", "is not 0, as RFC 2986 has it");

  CertificateRequest request;
  request.info = to_bytes(info->whole);
  auto name = decode_name(subject->whole, "subject");
  if (!name) return forward(name);
  request.subject = std::move(*name);
  auto public_key = decode_public_key(key->whole);
  if (!public_key) return forward(public_key);
  request.key = std::move(*public_key);
  if (auto read = read_attributes(*attributes, request); !read) return forward(read);
  auto digest = decode_signature_algorithm(*algorithm);
  if (!digest) return forward(digest);
  request.digest = *digest;
  const auto signature = decode_bits(*bits);
  if (!signature) return bad("signature", "is malformed");
  request.signature = to_bytes(*signature);
  return request;
}

Result<CertificateRequest> decode_request_pem(std::string_view text) {
  // Base64 makes a third more of it, line ends and the two lines around a little more.
  if (text.size() > 2 * kMaxRequest) return bad("request", "is too long");
  auto blocks = ike::crypto::decode_pem(text);
  if (!blocks) return bad("request", blocks.error().detail);
  if (blocks->size() != 1 || blocks->front().label != "CERTIFICATE REQUEST") {
    return bad("request", "is not one PEM block \"CERTIFICATE REQUEST\"");
  }
  return decode_request(blocks->front().data.view());
}

Status check_request(const CertificateRequest& request, const NodeIdentity& node,
                     SigningKeys& keys) {
  const auto wrong = [](std::string field, const std::string& got, std::string_view wanted) {
    return fail(Code::kDenied, std::move(field), fmt::format("is \"{}\", not \"{}\"", got, wanted));
  };
  if (request.subject.organization != kNodeOrganization) {
    return wrong("subject.organization", request.subject.organization, kNodeOrganization);
  }
  if (request.subject.common_name != node.node) {
    return wrong("subject.commonName", request.subject.common_name, node.node);
  }
  if (!is_dns_name(node.identity)) {
    return fail(Code::kUnsupported, "identity",
                fmt::format("of node {} is \"{}\", which is no DNS name in lower case; only such "
                            "an identity can be certified",
                            node.node, node.identity));
  }
  if (request.alt_names.empty()) {
    return bad("subjectAltName", fmt::format("is missing; it must be DNS:{}", node.identity));
  }
  for (std::size_t i = 0; i < request.alt_names.size(); ++i) {
    const AltName& name = request.alt_names[i];
    const std::string field = fmt::format("subjectAltName[{}]", i);
    if (name.kind != AltName::Kind::kDns) {
      return fail(Code::kDenied, field,
                  fmt::format("is of kind {}; only the node's one DNS name may be asked for",
                              name_of(name.kind)));
    }
    if (name.text != node.identity) return wrong(field, name.text, node.identity);
    if (i != 0) return fail(Code::kInvalid, field, "comes twice");
  }
  auto verified = keys.verify(request.key, request.digest, request.info, request.signature);
  if (!verified) {
    return fail(
        verified.error().code, "signature",
        "was not made with the private half of the key asked for: " + verified.error().detail);
  }
  return {};
}

Result<Bytes> make_request(const SigningKey& key, const NodeIdentity& node, SigningKeys& keys) {
  if (!is_dns_name(node.identity)) {
    return fail(Code::kUnsupported, "identity",
                fmt::format("\"{}\" is no DNS name in lower case", node.identity));
  }
  const Bytes extension =
      encode_extension(oid::kSubjectAltName, false, encode_dns_names({node.identity}));
  const Bytes attribute =
      der::encode(der::kSequence, {der::encode(der::kObjectIdentifier, oid::kExtensionRequest),
                                   der::encode(der::kSet, der::encode(der::kSequence, extension))});
  const Bytes info = der::encode(
      der::kSequence, {kVersion1, encode_name({std::string(kNodeOrganization), node.node}),
                       key.public_key().info, der::encode(kAttributes, attribute)});
  const Digest digest = digest_for(key.public_key().curve);
  auto signature = keys.sign(key, digest, info);
  if (!signature) return forward(signature);
  return der::encode(der::kSequence,
                     {info, encode_signature_algorithm(digest), encode_bits(*signature)});
}

}  // namespace espalier::certificates
