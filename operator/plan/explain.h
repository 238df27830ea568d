// explain: why traffic between two ends is encrypted, or is not, in words.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "operator/plan/world.h"

namespace espalier::plan {

// Each end is a node's name or an address (a node's, a pod's, or any other). The text tells for
// each kind of traffic between them who decides, why the others do not, and what carries it.
// kNotFound: an end is neither.
[[nodiscard]] Result<std::string> explain(const World& world, std::string_view a,
                                          std::string_view b);

}  // namespace espalier::plan
