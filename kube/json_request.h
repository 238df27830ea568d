// A request that carries JSON.
#pragma once

#include <string>
#include <string_view>

#include "kube/object.h"
#include "kube/transport.h"

namespace espalier::kube {

// `type` is the body's Content-Type, which tells patches apart.
[[nodiscard]] Request json_request(Method method, std::string path, const Json& body,
                                   std::string_view type = "application/json");

}  // namespace espalier::kube
