#include "operator/certificates/x509.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "base/ip.h"
#include "base/time_text.h"
#include "ike/crypto/der.h"

namespace espalier::certificates {

namespace der = ike::crypto::der;

namespace {

constexpr std::uint8_t kUtcTime = 0x17;
constexpr std::uint8_t kGeneralizedTime = 0x18;
constexpr std::uint8_t kUncompressed = 0x04;
constexpr std::size_t kMaxExtensions = 32;
constexpr std::size_t kMaxAltNames = 64;
constexpr std::size_t kMaxDnsName = 253;
constexpr std::size_t kMaxLabel = 63;

constexpr std::uint8_t kEmailTag = der::context(1, false);
constexpr std::uint8_t kDnsTag = der::context(2, false);
constexpr std::uint8_t kUriTag = der::context(6, false);
constexpr std::uint8_t kIpTag = der::context(7, false);

bool printable(ByteView octets) {
  return !octets.empty() && std::all_of(octets.begin(), octets.end(),
                                        [](std::uint8_t c) { return c >= ' ' && c < 0x7f; });
}

Bytes encode_part(ByteView type, std::string_view value) {
  const Bytes attribute = der::encode(
      der::kSequence,
      {der::encode(der::kObjectIdentifier, type), der::encode(der::kUtf8String, as_bytes(value))});
  return der::encode(der::kSet, attribute);
}

// The one AttributeTypeAndValue of a RelativeDistinguishedName.
struct Part {
  ByteView type;
  der::Item value;
};

std::optional<Part> only_part(ByteView set) {
  const auto attribute = der::only(set, der::kSequence);
  if (!attribute) return std::nullopt;
  der::Reader reader(*attribute);
  const auto type = reader.content(der::kObjectIdentifier);
  const auto value = reader.next();
  if (!type || !value || !reader.at_end()) return std::nullopt;
  return Part{*type, *value};
}

std::size_t point_size(Curve curve) {
  return curve == Curve::kP256 ? 65 : 97;
}

ByteView oid_of(Curve curve) {
  if (curve == Curve::kP256) return oid::kP256;
  return oid::kP384;
}

// Two digits at `at`; -1 when they are none.
int two_digits(std::string_view text, std::size_t at) {
  const auto digit = [&](std::size_t i) { return text[i] >= '0' && text[i] <= '9'; };
  if (at + 2 > text.size() || !digit(at) || !digit(at + 1)) return -1;
  return (text[at] - '0') * 10 + (text[at + 1] - '0');
}

}  // namespace

Bytes encode_name(const Name& name) {
  Bytes parts;
  if (!name.organization.empty()) append(parts, encode_part(oid::kOrganization, name.organization));
  if (!name.common_name.empty()) append(parts, encode_part(oid::kCommonName, name.common_name));
  return der::encode(der::kSequence, parts);
}

Result<Name> decode_name(ByteView bytes, const std::string& field) {
  const auto sequence = der::only(bytes, der::kSequence);
  if (!sequence) return fail(Code::kInvalid, field, "is no X.501 name");
  Name name;
  der::Reader reader(*sequence);
  while (!reader.at_end()) {
    const auto set = reader.content(der::kSet);
    const auto part = set ? only_part(*set) : std::nullopt;
    if (!part) return fail(Code::kInvalid, field, "has a part that is not one type and value");
    std::string* value = nullptr;
    std::string place = field;
    if (equal(part->type, oid::kOrganization)) {
      value = &name.organization;
      place += ".organization";
    } else if (equal(part->type, oid::kCommonName)) {
      value = &name.common_name;
      place += ".commonName";
    } else {
      return fail(Code::kInvalid, field,
                  fmt::format("has a part of type {} (OID in hexadecimal); only O and CN are taken",
                              to_hex(part->type)));
    }
    if (!value->empty()) return fail(Code::kInvalid, place, "comes twice");
    if (part->value.tag != der::kUtf8String && part->value.tag != der::kPrintableString) {
      return fail(Code::kInvalid, place, "is neither a UTF8String nor a PrintableString");
    }
    if (!printable(part->value.content)) {
      return fail(Code::kInvalid, place, "is empty or holds what is not printable ASCII");
    }
    *value = to_text(part->value.content);
  }
  return name;
}

std::string_view name_of(Curve curve) {
  return curve == Curve::kP256 ? "ECDSA P-256" : "ECDSA P-384";
}

PublicKey public_key_of(Curve curve, ByteView point) {
  const Bytes algorithm =
      der::encode(der::kSequence, {der::encode(der::kObjectIdentifier, oid::kEcPublicKey),
                                   der::encode(der::kObjectIdentifier, oid_of(curve))});
  return {curve, to_bytes(point), der::encode(der::kSequence, {algorithm, encode_bits(point)})};
}

Result<PublicKey> decode_public_key(ByteView info) {
  const std::string field = "subjectPublicKeyInfo";
  const auto sequence = der::only(info, der::kSequence);
  if (!sequence) return fail(Code::kInvalid, field, "is no public key");
  der::Reader reader(*sequence);
  const auto algorithm = reader.content(der::kSequence);
  const auto bits = reader.content(der::kBitString);
  const auto point = bits ? decode_bits(*bits) : std::nullopt;
  if (!algorithm || !point || !reader.at_end()) {
    return fail(Code::kInvalid, field, "is no public key");
  }
  der::Reader parts(*algorithm);
  const auto type = parts.content(der::kObjectIdentifier);
  if (!type || !equal(*type, oid::kEcPublicKey)) {
    return fail(Code::kUnsupported, field, "is no ECDSA key; P-256 and P-384 are taken");
  }
  const auto named = parts.content(der::kObjectIdentifier);
  const bool known = named && parts.at_end();
  for (const Curve curve : {Curve::kP256, Curve::kP384}) {
    if (!known || !equal(*named, oid_of(curve))) continue;
    if (point->size() != point_size(curve) || point->front() != kUncompressed) {
      return fail(Code::kInvalid, field,
                  fmt::format("is no uncompressed point of {}", name_of(curve)));
    }
    return PublicKey{curve, to_bytes(*point), to_bytes(info)};
  }
  return fail(Code::kUnsupported, field, "is a key on another curve than P-256 and P-384");
}

Bytes encode_signature_algorithm(Digest digest) {
  const ByteView id =
      digest == Digest::kSha256 ? ByteView(oid::kEcdsaSha256) : ByteView(oid::kEcdsaSha384);
  return der::encode(der::kSequence, der::encode(der::kObjectIdentifier, id));
}

Result<Digest> decode_signature_algorithm(ByteView algorithm) {
  const auto id = der::only(algorithm, der::kObjectIdentifier);
  if (id && equal(*id, oid::kEcdsaSha256)) return Digest::kSha256;
  if (id && equal(*id, oid::kEcdsaSha384)) return Digest::kSha384;
  return fail(Code::kUnsupported, "signatureAlgorithm",
              "is neither ecdsa-with-SHA256 nor ecdsa-with-SHA384");
}

Bytes encode_time(WallTime time) {
  using std::chrono::sys_days;
  using namespace std::chrono_literals;
  const WallTime first = sys_days(1950y / 1 / 1);
  const WallTime last = sys_days(9999y / 12 / 31) + 23h + 59min + 59s;
  std::string text = time_text(std::clamp(time, first, last));
  text.erase(std::remove_if(text.begin(), text.end(),
                            [](char c) { return c == '-' || c == 'T' || c == ':'; }),
             text.end());
  const bool utc = text < "2050";
  if (utc) text.erase(0, 2);  // the century
  return der::encode(utc ? kUtcTime : kGeneralizedTime, as_bytes(text));
}

std::optional<WallTime> decode_time(std::uint8_t tag, ByteView content) {
  const std::string text = to_text(content);
  const std::size_t year_digits = tag == kUtcTime ? 2 : 4;
  if ((tag != kUtcTime && tag != kGeneralizedTime) || text.size() != year_digits + 11 ||
      text.back() != 'Z') {
    return std::nullopt;
  }
  int year = two_digits(text, 0);
  const int low = tag == kUtcTime ? 0 : two_digits(text, 2);
  if (year < 0 || low < 0) return std::nullopt;
  year = tag == kUtcTime ? year + (year < 50 ? 2000 : 1900) : year * 100 + low;
  int fields[5];
  for (std::size_t i = 0; i < 5; ++i) {
    fields[i] = two_digits(text, year_digits + 2 * i);
    if (fields[i] < 0) return std::nullopt;
  }
  const std::chrono::year_month_day date(std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(fields[0])),
                                         std::chrono::day(static_cast<unsigned>(fields[1])));
  if (!date.ok() || fields[2] > 23 || fields[3] > 59 || fields[4] > 59) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(fields[2]) +
         std::chrono::minutes(fields[3]) + std::chrono::seconds(fields[4]);
}

std::optional<WallTime> parse_time_text(std::string_view text) {
  static constexpr std::string_view kShape = "0000-00-00T00:00:00Z";
  if (text.size() != kShape.size()) return std::nullopt;
  std::string digits;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (kShape[i] == '0') {
      digits += text[i];
    } else if (text[i] != kShape[i]) {
      return std::nullopt;
    }
  }
  return decode_time(kGeneralizedTime, as_bytes(digits + "Z"));
}

Bytes encode_extension(ByteView id, bool critical, ByteView value) {
  static constexpr std::uint8_t kTrue[] = {der::kBoolean, 1, 0xff};
  return der::encode(der::kSequence, {der::encode(der::kObjectIdentifier, id),
                                      critical ? ByteView(kTrue) : ByteView(),
                                      der::encode(der::kOctetString, value)});
}

Result<std::vector<Extension>> decode_extensions(ByteView sequence) {
  const auto bad = [](const char* why) { return fail(Code::kInvalid, "extensions", why); };
  std::vector<Extension> extensions;
  der::Reader reader(sequence);
  while (!reader.at_end()) {
    const auto one = reader.content(der::kSequence);
    if (!one || extensions.size() == kMaxExtensions) return bad("are malformed or too many");
    der::Reader parts(*one);
    const auto id = parts.content(der::kObjectIdentifier);
    Extension extension;
    if (parts.peek() == der::kBoolean) {
      const auto value = parts.content(der::kBoolean);
      // FALSE is the default, which DER leaves out.
      if (!value || value->size() != 1 || value->front() != 0xff) return bad("are malformed");
      extension.critical = true;
    }
    const auto value = parts.content(der::kOctetString);
    if (!id || id->empty() || !value || !parts.at_end()) return bad("are malformed");
    extension.id = to_bytes(*id);
    extension.value = to_bytes(*value);
    const bool twice = std::any_of(extensions.begin(), extensions.end(),
                                   [&](const Extension& e) { return e.id == extension.id; });
    if (twice) return bad("hold one extension twice");
    extensions.push_back(std::move(extension));
  }
  return extensions;
}

std::string_view name_of(AltName::Kind kind) {
  switch (kind) {
    case AltName::Kind::kDns:
      return "DNS";
    case AltName::Kind::kIp:
      return "IP";
    case AltName::Kind::kUri:
      return "URI";
    case AltName::Kind::kEmail:
      return "email";
    case AltName::Kind::kOther:
      break;
  }
  return "other";
}

Bytes encode_dns_names(const std::vector<std::string>& names) {
  Bytes all;
  for (const std::string& name : names) append(all, der::encode(kDnsTag, as_bytes(name)));
  return der::encode(der::kSequence, all);
}

Result<std::vector<AltName>> decode_alt_names(ByteView value) {
  const auto bad = [](const char* why) { return fail(Code::kInvalid, "subjectAltName", why); };
  const auto sequence = der::only(value, der::kSequence);
  if (!sequence) return bad("is malformed");
  std::vector<AltName> names;
  der::Reader reader(*sequence);
  while (!reader.at_end()) {
    const auto item = reader.next();
    if (!item || names.size() == kMaxAltNames) return bad("is malformed or has too many names");
    AltName name;
    if (item->tag == kDnsTag) name.kind = AltName::Kind::kDns;
    if (item->tag == kUriTag) name.kind = AltName::Kind::kUri;
    if (item->tag == kEmailTag) name.kind = AltName::Kind::kEmail;
    if (item->tag == kIpTag) {
      const auto address = IpAddress::from_bytes(item->content);
      if (!address) return bad("holds an IP address of an impossible length");
      name = {AltName::Kind::kIp, address->to_string()};
    } else if (name.kind != AltName::Kind::kOther) {
      if (!printable(item->content)) return bad("holds what is not printable ASCII");
      name.text = to_text(item->content);
    }
    names.push_back(std::move(name));
  }
  return names;
}

bool is_dns_name(std::string_view text) {
  if (text.empty() || text.size() > kMaxDnsName) return false;
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  std::size_t label = 0;  // octets of it so far
  char last = '.';
  for (const char c : text) {
    if (c == '.') {
      if (label == 0 || last == '-') return false;
      label = 0;
    } else {
      if (!letter(c) && (c != '-' || label == 0)) return false;
      if (++label > kMaxLabel) return false;
    }
    last = c;
  }
  return label != 0 && last != '-';
}

Bytes encode_bits(ByteView octets) {
  static constexpr std::uint8_t kNoUnusedBits[] = {0};
  return der::encode(der::kBitString, {kNoUnusedBits, octets});
}

std::optional<ByteView> decode_bits(ByteView content) {
  if (content.size() < 2 || content.front() != 0) return std::nullopt;
  return content.subspan(1);
}

}  // namespace espalier::certificates
