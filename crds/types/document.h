// Document: one object as it was written, before anybody knows whether it makes sense.
//
// It comes from a folder of manifests (crds/yamlcpp, with positions) or from the API server (JSON
// without positions).
#pragma once

#include <map>
#include <string>

#include <nlohmann/json.hpp>

#include "crds/types/problem.h"

namespace espalier::crds {

using Json = nlohmann::json;

struct Document {
  Origin origin;
  Json json;
  // By JSON pointer (RFC 6901): where a map's key and where a value begins.
  std::map<std::string, Position, std::less<>> keys;
  std::map<std::string, Position, std::less<>> values;
};

// Overwrites every string value in it with zeros: for documents that hold a Secret.
void wipe(Json& json);

}  // namespace espalier::crds
