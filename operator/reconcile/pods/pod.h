// Pod: what of a Kubernetes Pod matters for the choice of pods: its labels, and the addresses that
// are its own.
//
// Guarantees: reading never fails or throws: what is not there or not of its type is left empty.
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

// Of a v1 Pod only what tells it from others and what read_pod() finds, in one text: a cluster has
// 150,000 of them, and a whole one has several thousand bytes.
void trim_pod(nlohmann::json& object);
// What read_pod() found in the Pod that was trimmed to this.
[[nodiscard]] Pod read_trimmed_pod(const nlohmann::json& object);

}  // namespace espalier::reconcile
