// What a scalar without quotes means: true or false, a number, or text.
#pragma once

#include <string_view>

#include "crds/types/document.h"

namespace espalier::crds {

// YAML 1.1 as kubectl reads it. A number too large for 64 bits is a floating-point one. Null is not
// among it: yaml-cpp tells that itself.
[[nodiscard]] Json plain_scalar(std::string_view text);

}  // namespace espalier::crds
