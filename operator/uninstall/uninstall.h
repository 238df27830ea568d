// Uninstalling: every node's plan becomes empty, every agent takes it, and the operator's objects
// go; after that the agents and the operator can end and leave nothing in a kernel.
//
// Guarantees: the operator is scaled to nothing first and gone before a plan is written, so that
// none writes against it; no object is deleted before every agent has said that it carried the
// empty plan out. On an error the operator gets its replicas back and plans anew, so that the
// cluster is as it was; the error names what is waited for. IPsecPolicies, Tunnels, Secrets and the
// CA are not touched.
// Assumptions: the rights of deploy/operator.yaml. Caveat: between two nodes under Required no
// packet passes from the moment the first has its empty plan until the second has; who cannot have
// that turns the policies to Preferred before.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "kube/client.h"

namespace espalier::uninstall {

struct Options {
  std::string ns = "espalier-system";          // of the Deployment "espalier-operator"
  Duration timeout = std::chrono::minutes(5);  // of all of it
};

struct Ports {
  const kube::Client* client = nullptr;
  std::function<TimePoint()> now;
  std::function<void(Duration)> pause;
  std::function<void(const std::string&)> say;  // progress, a line each
};

[[nodiscard]] Status uninstall(const Ports& ports, const Options& options);

[[nodiscard]] kube::Resource deployments();  // apps/v1

}  // namespace espalier::uninstall
