// X.501 distinguished names: between the text people write and the DER that ID_DER_ASN1_DN and
// certificates carry.
//
// The text is strongSwan's: "C=CH, O=Espalier, CN=node1", the parts in the order in which the
// certificate has them;
// '+' joins the values of a multi-valued part. A value in double quotes or with a backslash before
// a character may hold anything. An attribute type is a keyword (case does not matter) or a dotted
// OID, whose value may be "#" and the value's DER in hexadecimal.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace espalier::ike::crypto {

// Fails with kInvalid, the detail a sentence that quotes what is wrong and lists the keywords.
[[nodiscard]] Result<Bytes> dn_to_der(std::string_view text);

// Reads back by dn_to_der(). Fails with kInvalid when it is no name.
[[nodiscard]] Result<std::string> dn_to_text(ByteView der);

// Whether two names in DER are the same: RFC 5280 section 7.1 as far as ASCII goes (case, white
// space and the kind of string do not matter). One that is written in the other order (RFC 4514:
// "CN=node1, O=Espalier") is the same, too.
[[nodiscard]] bool same_name(ByteView a, ByteView b);

}  // namespace espalier::ike::crypto
