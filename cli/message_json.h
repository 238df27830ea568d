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

// The way back: fills `message`, whose members that are not there, or that this program does not
// know, are left as they are. False when a member is of another type.
[[nodiscard]] bool read_message(const nlohmann::ordered_json& json,
                                google::protobuf::Message& message);

// A message of that type; as empty as it was where `json` is no such message.
template <typename Message>
[[nodiscard]] Message message_of(const nlohmann::ordered_json& json) {
  Message message;
  if (!read_message(json, message)) message.Clear();
  return message;
}

}  // namespace espalier::cli
