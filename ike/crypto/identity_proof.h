// Which IKE identities a certificate proves: the content of subjectAltName, and the rule of
// comparison.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "ike/wire/identification.h"

namespace espalier::ike::crypto {

struct SubjectAltNames {
  std::vector<wire::Identification> identities;  // dNSName, rfc822Name, iPAddress, directoryName
  std::vector<std::string>
      texts;  // every name, also those that are no IKE identity ("URI:spiffe://…")
};

// RFC 5280 section 4.2.1.6, the extension's value. nullopt when it breaks its format. Names with
// unprintable octets (the old trick with a zero octet) or of a kind we do not know are left out.
[[nodiscard]] std::optional<SubjectAltNames> decode_subject_alt_names(ByteView extension);

// The same identity: host names without regard to case; the domain of a mail address likewise, its
// local part exactly; names as same_name(); everything else octet by octet.
[[nodiscard]] bool same_identity(const wire::Identification& a, const wire::Identification& b);

// A DN is proven by the subject, everything else by a SAN that is the same identity. No wildcards,
// never the CN.
[[nodiscard]] bool proves(ByteView subject_der, const std::vector<wire::Identification>& sans,
                          const wire::Identification& claimed);

}  // namespace espalier::ike::crypto
