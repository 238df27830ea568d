// Label and field selectors as the API server understands them, for the fake.
#pragma once

#include <string_view>

#include "kube/object.h"

namespace espalier::kube::testing {

// "role=edge,zone!=a,tier in (x,y),tier notin (z),spare,!broken"
[[nodiscard]] bool labels_match(const Json& object, std::string_view selector);
// "metadata.name=a,spec.nodeName!=b"
[[nodiscard]] bool fields_match(const Json& object, std::string_view selector);

}  // namespace espalier::kube::testing
