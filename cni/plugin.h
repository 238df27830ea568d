// Plugin: one run of espalier-cni: a verb, standard input, and what is printed.
//
// It is chained: the plugins before it made the pod's interface and gave it addresses (prevResult).
// ADD asks the node's agent, and returns prevResult once the agent says that the pod is covered: no
// packet of the pod leaves in clear that the plan wants in ESP. The runtime starts the pod only
// then, and tries again after an error.
//
// Guarantees: standard output holds one JSON object or nothing; every failure is an error object
// with a code, and status 1. prevResult is passed on as it came but for the MTU of the link. An MTU
// is made smaller, never larger. DEL and GC succeed without an agent: nothing of ours outlives a
// pod. A pod of an exempt namespace is never held, agent or not.
// Assumptions: called with root's rights in the host's network namespace.
#pragma once

#include <string>
#include <string_view>

#include "cni/invocation.h"
#include "cni/ports.h"

namespace espalier::cni {

struct Printed {
  std::string text;  // for standard output; empty: nothing
  int status = 0;    // of the process
};

[[nodiscard]] Printed run_plugin(const Environment& environment, std::string_view standard_input,
                                 AgentPort& agent, LinkPort& links);

}  // namespace espalier::cni
