// Whether two identities are the same (RFC 7296 section 3.5): octet by octet, host and mail domain
// names without regard to case.
#pragma once

#include "ike/wire/identification.h"

namespace espalier::ike::auth {

[[nodiscard]] bool same_identity(const wire::Identification& a, const wire::Identification& b);

}  // namespace espalier::ike::auth
