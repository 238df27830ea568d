// Messages of the local service as JSON, for scripts.
//
// Unlike protobuf's own JSON: numbers are numbers, also 64-bit ones; every scalar field is there
// whether it is zero or not, and every list, so that a script needs no defaults; messages that are
// absent are left out. Names are camelCase, times RFC 3339 in UTC.
#pragma once

#include <google/protobuf/message.h>
#include <nlohmann/json.hpp>

namespace espalier::cli {

[[nodiscard]] nlohmann::ordered_json message_json(const google::protobuf::Message& message);

}  // namespace espalier::cli
