// What every kind has: a name, perhaps a namespace and labels, and where it was written.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "crds/types/problem.h"

namespace espalier::crds {

// An OpenAPI name: up to 253 characters for objects, the namespace up to 63.
struct Meta {
  std::string ns;  // empty for cluster-scoped kinds
  std::string name;
  std::map<std::string, std::string> labels;
  Origin origin;  // for messages; no part of what the object says
  // From the API server: tells the object from another of its name, and counts the changes of its
  // spec. Empty and 0 where it was read from a file.
  std::string uid{};
  std::int64_t generation = 0;
};

// "edge/branch", "cluster"
[[nodiscard]] inline std::string qualified_name(const Meta& meta) {
  return meta.ns.empty() ? meta.name : meta.ns + "/" + meta.name;
}

}  // namespace espalier::crds
