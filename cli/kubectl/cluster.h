// Cluster: what the API server and the agents of all nodes say, asked through kubectl.
//
// Guarantees: a node that does not answer is an answer of its own, and keeps nothing from the
// others. What comes back may be of any shape: nothing throws, what is missing is empty.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "cli/kubectl/runner.h"

namespace espalier::cli::kubectl {

using Json = nlohmann::ordered_json;

// The text at a path of member names ("metadata/name"); "" where there is none. number_at: 0.
[[nodiscard]] std::string text_at(const Json& value, std::string_view path);
[[nodiscard]] std::int64_t number_at(const Json& value, std::string_view path);
// The value at a path; null where there is none.
[[nodiscard]] const Json& at(const Json& value, std::string_view path);

struct Options {
  std::string kubectl = "kubectl";
  std::vector<std::string> global;        // kubectl's own: --context, --kubeconfig
  std::string space = "espalier-system";  // where Espalier runs
  std::chrono::seconds patience{20};      // for each run of kubectl
};

// The pod that is to run a node's agent.
struct AgentPod {
  std::string node;
  std::string pod;
  bool running = false;
  std::string why;                // it does not run
  std::int64_t metrics_port = 0;  // 0: none
};

// What one node's espalierctl said.
struct NodeAnswer {
  std::string node;
  std::string pod;
  bool answered = false;  // with JSON, whatever its exit status
  int status = -1;        // espalierctl's
  Json json;              // null unless answered
  std::string error;      // unless answered: who did not, and why
};

class Cluster {
 public:
  Cluster(Runner& runner, Options options) : runner_(runner), options_(std::move(options)) {}

  [[nodiscard]] const Options& options() const { return options_; }

  // Standard output of `kubectl ARGUMENTS`. kUnavailable, or
  // kNotFound, with what kubectl said.
  [[nodiscard]] Result<std::string> kubectl(const Arguments& arguments);
  // The same with `-o json`, read. kInvalid when it is no JSON.
  [[nodiscard]] Result<Json> get(Arguments arguments);

  // Sorted by node; the running one where a node has several pods.
  [[nodiscard]] Result<std::vector<AgentPod>> agents();

  // Runs `espalierctl ARGUMENTS -o json` beside the agents, all at once.
  [[nodiscard]] std::vector<NodeAnswer> ask(const std::vector<AgentPod>& agents,
                                            const Arguments& arguments);

  // `kubectl ARGUMENTS`, each; what they printed, whatever came of it.
  [[nodiscard]] std::vector<Ran> run_all(const std::vector<Arguments>& commands);

  // kubectl's arguments for running a program in an agent's pod.
  [[nodiscard]] Arguments exec(const std::string& pod, const Arguments& program) const;

 private:
  [[nodiscard]] Arguments whole(const Arguments& arguments) const;

  Runner& runner_;
  Options options_;
};

}  // namespace espalier::cli::kubectl
