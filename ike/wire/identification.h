// Identities: what IDi and IDr carry, and how people write them.
//
// parse_identity() reads what strongSwan's configuration reads (same words, so that manifests carry
// over), with one difference: a text that holds a colon and is no IPv6 address is refused instead
// of quietly becoming an ID_KEY_ID; "keyid:" says so when it is meant.
//   192.0.2.1, 2001:db8::1        ID_IPV4_ADDR, ID_IPV6_ADDR
//   user@example.org              ID_RFC822_ADDR          (also "@@user@example.org")
//   gw.example.org, @gw           ID_FQDN
//   @#6e6f6465                    ID_KEY_ID, in hexadecimal
//   C=CH, O=espalier, CN=node-1   a distinguished name, left as text: the crypto provider encodes
//   it %any                          no particular identity %null                         ID_NULL
//   (RFC 7619)
// and a type put before: ipv4: ipv6: fqdn: dns: rfc822: email: userfqdn: keyid: asn1dn:
// ("fqdn:192.0.2.1"; with '#' after the colon the rest is hexadecimal).
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "base/bytes.h"
#include "base/ip.h"
#include "base/result.h"
#include "ike/wire/constants.h"

namespace espalier::ike::wire {

// RFC 7296 section 3.5: the identification data without the payload around it.
struct Identification {
  IdType type = IdType::kNull;
  Bytes data;

  friend bool operator==(const Identification&, const Identification&) = default;
};

// A distinguished name as people write it; becomes ID_DER_ASN1_DN once encoded.
struct DnText {
  std::string text;
  friend bool operator==(const DnText&, const DnText&) = default;
};

struct AnyIdentity {
  friend bool operator==(const AnyIdentity&, const AnyIdentity&) = default;
};

using ParsedIdentity = std::variant<Identification, DnText, AnyIdentity>;

// The longest text (and FQDN, mail address or key id data) taken, in octets.
inline constexpr std::size_t kMaxIdentityText = 1024;

// Fails with kInvalid; Error::where is empty, the detail a sentence that quotes what is wrong.
[[nodiscard]] Result<ParsedIdentity> parse_identity(std::string_view text);

[[nodiscard]] Identification identification_of(const IpAddress& address);

// As parse_identity() would read it back, for every identity that came from a well-formed text. A
// DER name is shown as `dn_text` if one is given, else as "asn1dn:#" and hexadecimal; octets that
// are not printable ASCII make the whole identity be shown in hexadecimal.
[[nodiscard]] std::string to_string(const Identification& id, std::string_view dn_text = {});

// Whether the data can be what the type says (RFC 7296 section 3.5): address lengths, no empty or
// unprintable names. What an ID_NULL carries is ignored (RFC 7619 section 2.1), and types not known
// here pass.
[[nodiscard]] Status check(const Identification& id);

}  // namespace espalier::ike::wire
