// Pod: what of a Kubernetes Pod matters for the choice of pods: its labels, and the addresses that
// are its own.
//
// Guarantees: read_pod() never fails or throws: what is not there or not of its type is left empty.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/ip.h"

namespace espalier::reconcile {

struct Pod {
  std::string ns;
  std::string name;
  std::map<std::string, std::string> labels;
  // Empty: it has none yet, it lives in the host's network (a node then, for policies), or it has
  // finished (Succeeded, Failed) and its address may be another's. A pod that is being deleted has
  // its addresses until it finishes.
  std::vector<IpAddress> addresses;
};

// `object`: a v1 Pod, as the API server hands it out.
[[nodiscard]] Pod read_pod(const nlohmann::json& object);

}  // namespace espalier::reconcile
