// `espalier-operator uninstall`: empties every node's plan, waits until every agent has carried
// that out, and removes the operator's objects (operator/uninstall). What the chart does before it
// goes.
#pragma once

#include <chrono>
#include <string>

#include "base/time.h"
#include "operator/run/operator_log.h"

namespace espalier::operator_run {

struct UninstallOptions {
  std::string kubeconfig;  // empty: the pod's own ServiceAccount
  std::string ns = "espalier-system";
  Duration timeout = std::chrono::minutes(5);
  LogFormat log_format = LogFormat::kText;
};

// The exit status: 0 done, 1 not (the log says why, and the operator runs again).
[[nodiscard]] int uninstall(const UninstallOptions& options);

}  // namespace espalier::operator_run
