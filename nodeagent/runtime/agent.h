// Agent: everything wired together, on one loop. What main() runs.
//
// What it carries out comes from a folder of manifests or, without one, from an API server.
//
// Guarantees: create() either gives an agent that has read the kernel and applied what the
// manifests say, or says what is missing; a bad manifest keeps its last good content and is
// reported in status. An API server may be away: the agent begins with the last plan that it stored
// in its state folder, and else waits. SIGTERM and SIGINT end the process with traffic going on;
// SIGHUP reads the manifests again.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "nodeagent/runtime/event_log.h"

namespace espalier::runtime {

struct AgentOptions {
  std::string manifests;   // folder; empty: an API server is followed
  std::string kubeconfig;  // of that; empty: the pod's own ServiceAccount
  std::string node;
  std::string state = "/var/lib/espalier";
  std::string socket = "/run/espalier/agent.sock";
  std::string pod_socket;  // where espalier-cni asks; empty: nowhere
  std::string metrics;     // ADDR:PORT; empty: none
  std::optional<std::string> nss_database;
  std::optional<std::string> nss_password_file;
  bool fips = false;
  std::optional<unsigned> crypto_threads;  // nullopt: cores less one, at most four
  EventLog::Options log;
};

class Agent {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Agent>> create(AgentOptions options);
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // Until a signal ends it.
  void run();

 private:
  struct Parts;
  explicit Agent(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace espalier::runtime
