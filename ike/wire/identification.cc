#include "ike/wire/identification.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace espalier::ike::wire {

namespace {

bool printable(ByteView data) {
  return std::all_of(data.begin(), data.end(), [](std::uint8_t c) { return c > 0x20 && c < 0x7f; });
}

tl::unexpected<Error> refuse(std::string detail) {
  return fail(Code::kInvalid, {}, std::move(detail));
}

struct Prefixed {
  std::string_view word;
  IdType type;
};
// strongSwan's words.
constexpr std::array kPrefixes{
    Prefixed{"ipv4:", IdType::kIpv4Addr},       Prefixed{"ipv6:", IdType::kIpv6Addr},
    Prefixed{"fqdn:", IdType::kFqdn},           Prefixed{"dns:", IdType::kFqdn},
    Prefixed{"rfc822:", IdType::kRfc822Addr},   Prefixed{"email:", IdType::kRfc822Addr},
    Prefixed{"userfqdn:", IdType::kRfc822Addr}, Prefixed{"keyid:", IdType::kKeyId},
    Prefixed{"asn1dn:", IdType::kDerAsn1Dn},
};

Result<ParsedIdentity> checked(Identification id) {
  if (auto good = check(id); !good) return forward(good);
  return ParsedIdentity(std::move(id));
}

Result<ParsedIdentity> from_hex_text(IdType type, std::string_view hex) {
  auto bytes = from_hex(hex);
  if (!bytes) return refuse(fmt::format("'{}' is not hexadecimal", hex));
  return checked({type, *std::move(bytes)});
}

Result<ParsedIdentity> of_type(IdType type, std::string_view rest) {
  if (type == IdType::kDerAsn1Dn) {
    if (rest.find('=') == std::string_view::npos) {
      return refuse(fmt::format("'{}' is no distinguished name", rest));
    }
    return ParsedIdentity(DnText{std::string(rest)});
  }
  if (type == IdType::kIpv4Addr || type == IdType::kIpv6Addr) {
    const auto address = IpAddress::parse(rest);
    if (!address || address->is_v4() != (type == IdType::kIpv4Addr)) {
      return refuse(
          fmt::format("'{}' is no {} address", rest, type == IdType::kIpv4Addr ? "IPv4" : "IPv6"));
    }
    return ParsedIdentity(identification_of(*address));
  }
  return checked({type, to_bytes(as_bytes(rest))});
}

}  // namespace

Identification identification_of(const IpAddress& address) {
  return {address.is_v4() ? IdType::kIpv4Addr : IdType::kIpv6Addr, to_bytes(address.bytes())};
}

Result<ParsedIdentity> parse_identity(std::string_view text) {
  if (text.empty()) return refuse("is empty");
  if (text.size() > kMaxIdentityText) {
    return refuse(fmt::format("has {} octets, more than {}", text.size(), kMaxIdentityText));
  }
  if (std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20; })) {
    return refuse("holds a control character");
  }
  if (text == "%any" || text == "*") return ParsedIdentity(AnyIdentity{});
  if (text == "%null") return ParsedIdentity(Identification{IdType::kNull, {}});
  for (const Prefixed& prefix : kPrefixes) {
    if (text.substr(0, prefix.word.size()) == prefix.word) {
      const std::string_view rest = text.substr(prefix.word.size());
      if (!rest.empty() && rest[0] == '#') return from_hex_text(prefix.type, rest.substr(1));
      return of_type(prefix.type, rest);
    }
  }
  if (text[0] == '@') {
    if (text.size() > 1 && text[1] == '#') return from_hex_text(IdType::kKeyId, text.substr(2));
    if (text.size() > 1 && text[1] == '@') return of_type(IdType::kRfc822Addr, text.substr(2));
    return of_type(IdType::kFqdn, text.substr(1));
  }
  if (text.find('=') != std::string_view::npos) return ParsedIdentity(DnText{std::string(text)});
  if (const auto address = IpAddress::parse(text)) {
    if (address->is_unspecified()) return ParsedIdentity(AnyIdentity{});
    return ParsedIdentity(identification_of(*address));
  }
  if (text.find('@') != std::string_view::npos) return of_type(IdType::kRfc822Addr, text);
  if (text.find(':') != std::string_view::npos) {
    return refuse(fmt::format("'{}' is no IPv6 address (write keyid:{} for a key id)", text, text));
  }
  return of_type(IdType::kFqdn, text);
}

std::string to_string(const Identification& id, std::string_view dn_text) {
  const std::string text = to_text(id.data);
  // What does not read back as itself is shown with its type, or in hexadecimal.
  const auto reads_back = [&id](std::string_view candidate) {
    const auto parsed = parse_identity(candidate);
    if (!parsed) return false;
    const auto* same = std::get_if<Identification>(&*parsed);
    return same && *same == id;
  };
  switch (id.type) {
    case IdType::kIpv4Addr:
    case IdType::kIpv6Addr:
      if (const auto address = IpAddress::from_bytes(id.data);
          address && address->is_v4() == (id.type == IdType::kIpv4Addr)) {
        const std::string plain = address->to_string();
        if (reads_back(plain)) return plain;
        return (address->is_v4() ? "ipv4:" : "ipv6:") + plain;
      }
      return (id.type == IdType::kIpv4Addr ? "ipv4:#" : "ipv6:#") + to_hex(id.data);
    case IdType::kFqdn:
      if (reads_back(text)) return text;
      if (reads_back("fqdn:" + text)) return "fqdn:" + text;
      return "fqdn:#" + to_hex(id.data);
    case IdType::kRfc822Addr:
      if (reads_back(text)) return text;
      if (reads_back("rfc822:" + text)) return "rfc822:" + text;
      return "rfc822:#" + to_hex(id.data);
    case IdType::kDerAsn1Dn:
      return dn_text.empty() ? "asn1dn:#" + to_hex(id.data) : std::string(dn_text);
    case IdType::kKeyId:
      if (reads_back("keyid:" + text) && printable(id.data)) return "keyid:" + text;
      return "keyid:#" + to_hex(id.data);
    case IdType::kNull:
      return "%null";
    case IdType::kDerAsn1Gn:
    case IdType::kFcName:
      break;
  }
  const std::string_view name = name_of(id.type);
  return fmt::format("{}:#{}",
                     name == "unknown" ? fmt::format("id-type-{}", static_cast<unsigned>(id.type))
                                       : std::string(name),
                     to_hex(id.data));
}

Status check(const Identification& id) {
  const auto refuse_size = [&id] {
    return refuse(fmt::format("{} octets for {}", id.data.size(), name_of(id.type)));
  };
  switch (id.type) {
    case IdType::kIpv4Addr:
      if (id.data.size() != 4) return refuse_size();
      return {};
    case IdType::kIpv6Addr:
      if (id.data.size() != 16) return refuse_size();
      return {};
    case IdType::kFqdn:
    case IdType::kRfc822Addr:
      if (id.data.empty() || id.data.size() > kMaxIdentityText) return refuse_size();
      // A name with a NUL or a space in it has fooled comparisons before.
      if (!printable(id.data)) {
        return refuse(
            fmt::format("{} holds octets that are not printable ASCII", name_of(id.type)));
      }
      return {};
    case IdType::kKeyId:
      if (id.data.empty() || id.data.size() > kMaxIdentityText) return refuse_size();
      return {};
    case IdType::kDerAsn1Dn:
    case IdType::kDerAsn1Gn:
      if (id.data.empty()) return refuse_size();
      return {};
    case IdType::kNull:
      // RFC 7619 section 2.1: the data is empty when sent and ignored when received.
      return {};
    case IdType::kFcName:
      break;
  }
  return {};
}

}  // namespace espalier::ike::wire
