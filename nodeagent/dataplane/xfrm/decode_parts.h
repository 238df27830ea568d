// What several kinds of messages have in common; for decode_*.cc only.
#pragma once

#include <string>

#include "base/result.h"
#include "nodeagent/dataplane/policy.h"
#include "nodeagent/dataplane/sa.h"
#include "nodeagent/dataplane/xfrm/attributes.h"
#include "nodeagent/dataplane/xfrm/uapi.h"

namespace espalier::dataplane::xfrm {

[[nodiscard]] tl::unexpected<Error> too_short(std::string what);

// What the structure alone says; attributes say the rest.
[[nodiscard]] Result<Sa> read_fixed(const xfrm_usersa_info& info);
[[nodiscard]] Result<Policy> read_policy(const xfrm_userpolicy_info& info,
                                         const Attributes& attributes);

}  // namespace espalier::dataplane::xfrm
