// What every kind has: a name, perhaps a namespace and labels, and where it was written.
#pragma once

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
};

// "edge/branch", "cluster"
[[nodiscard]] inline std::string qualified_name(const Meta& meta) {
  return meta.ns.empty() ? meta.name : meta.ns + "/" + meta.name;
}

}  // namespace espalier::crds
