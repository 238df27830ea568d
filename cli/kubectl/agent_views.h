// Parts of an agent's answer as espalierctl prints them (cli/views.h), from the JSON that
// espalierctl printed. The one place here that knows the service's messages.
#pragma once

#include <string>

#include "cli/kubectl/cluster.h"

namespace espalier::cli::kubectl {

// Of `status`: what is released by hand, problems of the plan, and each connection that does not
// stand with who refused, why and what to do; each block after an empty line and the node's name.
[[nodiscard]] std::string failures_of(const NodeAnswer& answer);

// Of `verify`: the checks that are not ok.
[[nodiscard]] std::string findings_of(const NodeAnswer& answer);

// Of `release`: what was done.
[[nodiscard]] std::string released_text(const NodeAnswer& answer);

}  // namespace espalier::cli::kubectl
