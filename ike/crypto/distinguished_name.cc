#include "ike/crypto/distinguished_name.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "ike/crypto/der.h"

namespace espalier::ike::crypto {
namespace {

constexpr std::size_t kMaxParts = 64;

// X.520 and RFC 4519 attribute types; the first keyword of an OID is the one that is written. "S"
// and "SN" as strongSwan has them.
struct AttributeType {
  std::string_view keyword;
  std::string_view oid;  // the content of its DER, in hexadecimal
  std::uint8_t string_tag = der::kUtf8String;
};
constexpr std::array kAttributeTypes = {
    AttributeType{"CN", "550403"},
    AttributeType{"O", "55040a"},
    AttributeType{"OU", "55040b"},
    AttributeType{"C", "550406", der::kPrintableString},
    AttributeType{"L", "550407"},
    AttributeType{"ST", "550408"},
    AttributeType{"DC", "0992268993f22c640119", der::kIa5String},
    AttributeType{"E", "2a864886f70d010901", der::kIa5String},
    AttributeType{"emailAddress", "2a864886f70d010901", der::kIa5String},
    AttributeType{"Email", "2a864886f70d010901", der::kIa5String},
    AttributeType{"UID", "0992268993f22c640101"},
    AttributeType{"SN", "550405", der::kPrintableString},
    AttributeType{"serialNumber", "550405", der::kPrintableString},
    AttributeType{"S", "550404"},
    AttributeType{"G", "55042a"},
    AttributeType{"T", "55040c"},
    AttributeType{"D", "55040d"},
    AttributeType{"N", "550429"},
    AttributeType{"I", "55042b"},
    AttributeType{"street", "550409"},
    AttributeType{"dnQualifier", "55042e", der::kPrintableString},
    AttributeType{"pseudonym", "550441"},
    AttributeType{"unstructuredName", "2a864886f70d010902", der::kIa5String},
};

constexpr std::string_view kListed = "CN, O, OU, C, L, ST, DC, E, UID, SN, S, G, T";

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same_text(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

bool printable_string(std::string_view text) {  // X.680 section 41.4
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view(" '()+,-./:=?").find(c) != std::string_view::npos;
  });
}

bool ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 0x7f; });
}

// "1.2.840" -> DER content.
std::optional<Bytes> oid_from_text(std::string_view text) {
  std::vector<std::uint64_t> arcs;
  while (true) {
    const std::size_t dot = text.find('.');
    const std::string_view arc = text.substr(0, dot);
    if (arc.empty() || arc.size() > 10) return std::nullopt;
    std::uint64_t number = 0;
    for (const char c : arc) {
      if (c < '0' || c > '9') return std::nullopt;
      number = number * 10 + static_cast<std::uint64_t>(c - '0');
    }
    arcs.push_back(number);
    if (dot == std::string_view::npos) break;
    text.remove_prefix(dot + 1);
  }
  if (arcs.size() < 2 || arcs[0] > 2 || (arcs[0] < 2 && arcs[1] > 39)) return std::nullopt;
  arcs[1] += arcs[0] * 40;
  Bytes out;
  for (std::size_t i = 1; i < arcs.size(); ++i) {
    for (int shift = 63; shift >= 0; shift -= 7) {
      if (shift != 0 && arcs[i] >> shift == 0) continue;
      const auto septet = static_cast<std::uint8_t>(arcs[i] >> shift & 0x7f);
      out.push_back(shift == 0 ? septet : static_cast<std::uint8_t>(septet | 0x80));
    }
  }
  return out;
}

std::optional<std::string> oid_to_text(ByteView oid) {
  std::string text;
  std::uint64_t number = 0;
  std::size_t octets = 0;
  for (const std::uint8_t octet : oid) {
    if (++octets > 5 || (octets == 1 && octet == 0x80)) return std::nullopt;
    number = number << 7 | (octet & 0x7f);
    if ((octet & 0x80) != 0) continue;
    if (text.empty()) {
      const std::uint64_t first = std::min<std::uint64_t>(number / 40, 2);
      text = fmt::format("{}.{}", first, number - 40 * first);
    } else {
      text += fmt::format(".{}", number);
    }
    number = octets = 0;
  }
  if (text.empty() || octets != 0) return std::nullopt;
  return text;
}

tl::unexpected<Error> bad(std::string_view name, const std::string& why) {
  return fail(Code::kInvalid, {}, fmt::format("\"{}\" is no distinguished name: {}", name, why));
}

// Takes the text of one value off `rest`, up to an unquoted ',' or '+' or the end.
Result<std::string> take_value(std::string_view name, std::string_view& rest) {
  std::string value;
  std::size_t kept = 0;  // length up to the last character that is not a trailing space
  bool quoted = false;
  while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  while (!rest.empty()) {
    const char c = rest.front();
    if (!quoted && (c == ',' || c == '+')) break;
    rest.remove_prefix(1);
    if (c == '"') {
      quoted = !quoted;
      kept = value.size();
      continue;
    }
    if (c == '\\') {
      if (rest.empty()) return bad(name, "it ends with a backslash");
      const auto octet = rest.size() >= 2 ? from_hex(rest.substr(0, 2)) : std::nullopt;
      value.push_back(octet ? static_cast<char>(octet->front()) : rest.front());
      rest.remove_prefix(octet ? 2 : 1);
      kept = value.size();
      continue;
    }
    value.push_back(c);
    if (quoted || c != ' ') kept = value.size();
  }
  if (quoted) return bad(name, "a quote is not closed");
  value.resize(kept);
  return value;
}

bool one_item(ByteView bytes) {
  der::Reader reader(bytes);
  return reader.next() && reader.at_end();
}

// One AttributeTypeAndValue off `rest`.
Result<Bytes> take_attribute(std::string_view name, std::string_view& rest) {
  const std::size_t equals = rest.find('=');
  if (equals == std::string_view::npos) {
    return bad(name, fmt::format("\"{}\" has no \"=\"", trimmed(rest)));
  }
  const std::string_view type = trimmed(rest.substr(0, equals));
  rest.remove_prefix(equals + 1);
  const std::string_view before = trimmed(rest);
  auto value = take_value(name, rest);
  if (!value) return forward(value);
  if (value->empty()) return bad(name, fmt::format("\"{}\" has no value", type));

  const auto known =
      std::find_if(kAttributeTypes.begin(), kAttributeTypes.end(),
                   [type](const AttributeType& one) { return same_text(one.keyword, type); });
  std::uint8_t tag = der::kUtf8String;
  std::optional<Bytes> oid;
  if (known != kAttributeTypes.end()) {
    oid = from_hex(known->oid);
    tag = known->string_tag;
  } else {
    oid = oid_from_text(type);
  }
  if (!oid) {
    return bad(name,
               fmt::format("\"{}\" is no attribute type (such as {}, or an OID)", type, kListed));
  }
  Bytes encoded;
  if (known == kAttributeTypes.end() && before.substr(0, 1) == "#") {
    const auto raw = from_hex(std::string_view(*value).substr(1));
    if (!raw || !one_item(*raw)) {
      return bad(name, fmt::format("\"{}\" is no DER in hexadecimal", *value));
    }
    encoded = *raw;
  } else {
    // PrintableString where it can be, as strongSwan and most CAs write names.
    if (tag == der::kUtf8String && printable_string(*value)) tag = der::kPrintableString;
    if ((tag == der::kPrintableString && !printable_string(*value)) ||
        (tag == der::kIa5String && !ascii(*value))) {
      tag = der::kUtf8String;
    }
    encoded = der::encode(tag, as_bytes(*value));
  }
  return der::encode(der::kSequence, {der::encode(der::kObjectIdentifier, *oid), encoded});
}

struct Attribute {
  ByteView oid;
  der::Item value;
};
using Part = std::vector<Attribute>;  // one RelativeDistinguishedName

std::optional<std::vector<Part>> parts_of(ByteView name) {
  const auto sequence = der::only(name, der::kSequence);
  if (!sequence) return std::nullopt;
  std::vector<Part> parts;
  der::Reader sets(*sequence);
  while (!sets.at_end()) {
    const auto set = sets.content(der::kSet);
    if (!set || set->empty() || parts.size() == kMaxParts) return std::nullopt;
    Part part;
    der::Reader attributes(*set);
    while (!attributes.at_end()) {
      const auto pair = attributes.content(der::kSequence);
      if (!pair || part.size() == kMaxParts) return std::nullopt;
      der::Reader fields(*pair);
      const auto oid = fields.content(der::kObjectIdentifier);
      const auto value = fields.next();
      if (!oid || !value || !fields.at_end()) return std::nullopt;
      part.push_back({*oid, *value});
    }
    parts.push_back(std::move(part));
  }
  return parts;
}

void add_utf8(std::string& text, unsigned code) {
  if (code < 0x80) {
    text.push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    text.push_back(static_cast<char>(0xc0 | code >> 6));
    text.push_back(static_cast<char>(0x80 | (code & 0x3f)));
  } else {
    text.push_back(static_cast<char>(0xe0 | code >> 12));
    text.push_back(static_cast<char>(0x80 | (code >> 6 & 0x3f)));
    text.push_back(static_cast<char>(0x80 | (code & 0x3f)));
  }
}

// The characters of a string type; nullopt for what is none.
std::optional<std::string> text_of(const der::Item& value) {
  switch (value.tag) {
    case der::kUtf8String:
    case der::kPrintableString:
    case der::kT61String:
    case der::kIa5String:
      return to_text(value.content);
    case der::kBmpString: {
      if (value.content.size() % 2 != 0) return std::nullopt;
      std::string text;
      for (std::size_t i = 0; i < value.content.size(); i += 2) {
        add_utf8(text, static_cast<unsigned>(value.content[i] << 8 | value.content[i + 1]));
      }
      return text;
    }
    default:
      return std::nullopt;
  }
}

// Well-formed UTF-8 (RFC 3629); what is shown has to be, whatever a certificate holds.
bool valid_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const std::size_t more = first < 0x80             ? 0
                             : (first & 0xe0) == 0xc0 ? 1
                             : (first & 0xf0) == 0xe0 ? 2
                             : (first & 0xf8) == 0xf0 ? 3
                                                      : text.size();
    if (more >= text.size() - i) return false;
    unsigned code = more == 0 ? first : first & (0x3fU >> more);
    for (std::size_t k = 1; k <= more; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xc0) != 0x80) return false;
      code = code << 6 | (next & 0x3f);
    }
    const unsigned least = more == 3 ? 0x10000 : more == 2 ? 0x800 : more == 1 ? 0x80 : 0;
    if (code < least || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
    i += more + 1;
  }
  return true;
}

std::string escaped(const std::string& value) {
  const bool utf8 = valid_utf8(value);
  std::string out;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    const bool edge_space = c == ' ' && (i == 0 || i + 1 == value.size());
    const auto octet = static_cast<unsigned char>(c);
    if (octet < 0x20 || octet == 0x7f || (octet >= 0x80 && !utf8)) {
      out += fmt::format("\\{:02x}", octet);
    } else {
      if (edge_space || std::string_view(",+\"\\#").find(c) != std::string_view::npos) out += '\\';
      out += c;
    }
  }
  return out;
}

std::optional<std::string> text_of(const Attribute& attribute) {
  const std::string hex = to_hex(attribute.oid);
  const auto known = std::find_if(kAttributeTypes.begin(), kAttributeTypes.end(),
                                  [&hex](const AttributeType& one) { return one.oid == hex; });
  if (known != kAttributeTypes.end()) {
    if (const auto text = text_of(attribute.value)) {
      return fmt::format("{}={}", known->keyword, escaped(*text));
    }
  }
  const auto oid = oid_to_text(attribute.oid);
  if (!oid) return std::nullopt;
  return fmt::format("{}=#{}", *oid, to_hex(attribute.value.whole));
}

// RFC 5280 section 7.1, for ASCII: lower case, no space at the ends, one space inside.
std::string prepared(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == ' ' && (out.empty() || out.back() == ' ')) continue;
    out.push_back(lower(c));
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

bool same_attribute(const Attribute& a, const Attribute& b) {
  if (!equal(a.oid, b.oid)) return false;
  const auto x = text_of(a.value);
  const auto y = text_of(b.value);
  if (x && y) return prepared(*x) == prepared(*y);
  return equal(a.value.whole, b.value.whole);
}

bool same_part(const Part& a, const Part& b) {
  return a.size() == b.size() && std::is_permutation(a.begin(), a.end(), b.begin(), same_attribute);
}

}  // namespace

Result<Bytes> dn_to_der(std::string_view text) {
  std::string_view rest = text;  // spaces at its end may be a value's, escaped
  std::vector<Bytes> parts;
  std::vector<Bytes> set;
  while (true) {
    auto attribute = take_attribute(text, rest);
    if (!attribute) return forward(attribute);
    set.push_back(std::move(*attribute));
    if (set.size() > kMaxParts || parts.size() > kMaxParts)
      return bad(text, "it has too many parts");
    const char separator = rest.empty() ? ',' : rest.front();
    if (separator == ',') {
      std::sort(set.begin(), set.end());  // X.690 section 11.6
      Bytes content;
      for (const Bytes& one : set) append(content, one);
      parts.push_back(der::encode(der::kSet, content));
      set.clear();
    }
    if (rest.empty()) break;
    rest.remove_prefix(1);
  }
  Bytes content;
  for (const Bytes& part : parts) append(content, part);
  return der::encode(der::kSequence, content);
}

Result<std::string> dn_to_text(ByteView der) {
  const auto parts = parts_of(der);
  if (!parts) return fail(Code::kInvalid, {}, "is no distinguished name");
  std::string text;
  for (const Part& part : *parts) {
    for (std::size_t i = 0; i < part.size(); ++i) {
      const auto attribute = text_of(part[i]);
      if (!attribute) return fail(Code::kInvalid, {}, "is no distinguished name");
      if (i != 0) {
        text += '+';
      } else if (!text.empty()) {
        text += ", ";
      }
      text += *attribute;
    }
  }
  return text;
}

bool same_name(ByteView a, ByteView b) {
  const auto x = parts_of(a);
  const auto y = parts_of(b);
  if (!x || !y || x->empty() || x->size() != y->size()) return false;
  return std::equal(x->begin(), x->end(), y->begin(), same_part) ||
         std::equal(x->begin(), x->end(), y->rbegin(), same_part);
}

}  // namespace espalier::ike::crypto
