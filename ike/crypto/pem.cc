#include "ike/crypto/pem.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/base64.h"
#include "ike/crypto/der.h"

namespace espalier::ike::crypto {
namespace {

constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kEnd = "-----END ";
constexpr std::string_view kDashes = "-----";
constexpr std::size_t kMaxBlocks = 1024;
constexpr std::size_t kLine = 64;  // RFC 7468 section 2

constexpr std::uint8_t kRsaEncryption[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01};
constexpr std::uint8_t kEcPublicKey[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
constexpr std::uint8_t kVersion0[] = {der::kInteger, 1, 0};

tl::unexpected<Error> bad(std::string why) {
  return fail(Code::kInvalid, {}, std::move(why));
}

// The bytes of an encoding that is part of a key: the vector is wiped.
SecretBytes sealed(Bytes&& encoded) {
  SecretBytes secret{ByteView(encoded)};
  explicit_bzero(encoded.data(), encoded.size());
  return secret;
}

// PrivateKeyInfo (RFC 5208): version, algorithm with parameters, key.
SecretBytes wrap_key(ByteView algorithm, ByteView parameters, ByteView key) {
  const Bytes oid = der::encode(der::kObjectIdentifier, algorithm);
  const Bytes identifier = der::encode(der::kSequence, {oid, parameters});
  const SecretBytes octets = sealed(der::encode(der::kOctetString, key));
  return sealed(der::encode(der::kSequence, {kVersion0, identifier, octets.view()}));
}

Result<SecretBytes> from_sec1(ByteView key) {
  // ECPrivateKey ::= version, privateKey, [0] parameters, [1] publicKey; the curve is in
  // parameters.
  const auto sequence = der::only(key, der::kSequence);
  if (sequence) {
    der::Reader reader(*sequence);
    if (reader.content(der::kInteger) && reader.content(der::kOctetString)) {
      if (const auto curve = reader.content(der::context(0, true))) {
        return wrap_key(kEcPublicKey, *curve, key);
      }
    }
  }
  return bad("is no EC private key with a named curve");
}

}  // namespace

Result<std::vector<PemBlock>> decode_pem(std::string_view text) {
  std::vector<PemBlock> blocks;
  std::size_t at = 0;
  while ((at = text.find(kBegin, at)) != std::string_view::npos) {
    at += kBegin.size();
    const std::size_t label_end = text.find(kDashes, at);
    if (label_end == std::string_view::npos) break;
    const std::string_view label = text.substr(at, label_end - at);
    if (label.find('\n') != std::string_view::npos) continue;
    const std::size_t body = label_end + kDashes.size();
    const std::string end = fmt::format("{}{}{}", kEnd, label, kDashes);
    const std::size_t body_end = text.find(end, body);
    if (body_end == std::string_view::npos) {
      return bad(fmt::format("is not PEM (the block \"{}\" does not end)", label));
    }
    std::string_view content = text.substr(body, body_end - body);
    if (content.find(':') !=
        std::string_view::npos) {  // RFC 1421 headers: only encrypted keys have them
      return fail(Code::kUnsupported, {}, "is encrypted; give the key without a passphrase");
    }
    auto data = decode_base64(content);
    if (!data) {
      return bad(fmt::format("is not PEM (the block \"{}\" {})", label, data.error().detail));
    }
    if (blocks.size() == kMaxBlocks) return bad("has too many PEM blocks");
    blocks.push_back({std::string(label), std::move(*data)});
    at = body_end + end.size();
  }
  if (blocks.empty()) return bad("is not PEM (no \"-----BEGIN …-----\" in it)");
  return blocks;
}

SecretBytes encode_pem(std::string_view label, ByteView data) {
  const SecretBytes body = encode_base64(data);
  const std::string begin = fmt::format("{}{}{}\n", kBegin, label, kDashes);
  const std::string end = fmt::format("{}{}{}\n", kEnd, label, kDashes);
  const std::size_t lines = (body.size() + kLine - 1) / kLine;
  SecretBytes out(begin.size() + body.size() + lines + end.size());
  auto at = std::copy(begin.begin(), begin.end(), out.writable().begin());
  for (ByteView rest = body.view(); !rest.empty();) {
    const ByteView line = rest.first(std::min(kLine, rest.size()));
    at = std::copy(line.begin(), line.end(), at);
    *at++ = '\n';
    rest = rest.subspan(line.size());
  }
  std::copy(end.begin(), end.end(), at);
  return out;
}

Result<SecretBytes> private_key_info(const std::vector<PemBlock>& blocks) {
  const PemBlock* found = nullptr;
  for (const PemBlock& block : blocks) {
    if (block.label == "ENCRYPTED PRIVATE KEY") {
      return fail(Code::kUnsupported, {}, "is encrypted; give the key without a passphrase");
    }
    if (block.label != "PRIVATE KEY" && block.label != "EC PRIVATE KEY" &&
        block.label != "RSA PRIVATE KEY") {
      continue;  // "EC PARAMETERS" stands before many an EC key
    }
    if (found) return bad("holds more than one private key");
    found = &block;
  }
  if (!found) {
    return bad(
        fmt::format("holds no private key but \"{}\"", blocks.empty() ? "" : blocks.front().label));
  }
  if (found->label == "EC PRIVATE KEY") return from_sec1(found->data.view());
  if (found->label == "RSA PRIVATE KEY") {
    static constexpr std::uint8_t kNullParameters[] = {der::kNull, 0};
    return wrap_key(kRsaEncryption, kNullParameters, found->data.view());
  }
  return found->data.copy();
}

std::optional<SecretBytes> with_public_point(ByteView private_key_info, ByteView point) {
  const auto info = der::only(private_key_info, der::kSequence);
  if (!info) return std::nullopt;
  der::Reader fields(*info);
  const auto version = fields.content(der::kInteger);
  const auto algorithm = fields.content(der::kSequence);
  const auto octets = fields.content(der::kOctetString);
  if (!version || !algorithm || !octets) return std::nullopt;
  der::Reader algorithm_fields(*algorithm);
  const auto oid = algorithm_fields.content(der::kObjectIdentifier);
  const auto curve = algorithm_fields.next();
  const auto key = der::only(*octets, der::kSequence);
  if (!oid || !curve || !key || !equal(*oid, kEcPublicKey)) return std::nullopt;
  der::Reader key_fields(*key);
  const auto key_version = key_fields.content(der::kInteger);
  const auto number = key_fields.content(der::kOctetString);
  if (!key_version || !number) return std::nullopt;
  if (key_fields.peek() == der::context(0, true)) (void)key_fields.next();
  if (!key_fields.at_end()) return std::nullopt;

  static constexpr std::uint8_t kVersion1[] = {der::kInteger, 1, 1};
  static constexpr std::uint8_t kNoUnusedBits[] = {0};
  const SecretBytes private_part = sealed(der::encode(der::kOctetString, *number));
  const Bytes public_part =
      der::encode(der::context(1, true), der::encode(der::kBitString, {kNoUnusedBits, point}));
  const SecretBytes whole =
      sealed(der::encode(der::kSequence, {kVersion1, private_part.view(), public_part}));
  return wrap_key(kEcPublicKey, curve->whole, whole.view());
}

}  // namespace espalier::ike::crypto
