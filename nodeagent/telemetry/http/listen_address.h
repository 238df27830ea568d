// Where to listen, as people write it.
#pragma once

#include <string_view>

#include "base/ip.h"
#include "base/result.h"

namespace espalier::telemetry::http {

// "192.0.2.1:9464", "[2001:db8::1]:9464"; ":9464" is every address of both families; port 0: any.
// kInvalid otherwise.
[[nodiscard]] Result<Endpoint> parse_listen_address(std::string_view text);

}  // namespace espalier::telemetry::http
