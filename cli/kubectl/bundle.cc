#include "cli/kubectl/bundle.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>

namespace espalier::cli::kubectl {
namespace {

namespace fs = std::filesystem;

struct Question {
  std::string path;
  Arguments arguments;  // kubectl's
};

std::vector<Question> questions_of(const Cluster& cluster, const std::vector<AgentPod>& agents) {
  const std::string& space = cluster.options().space;
  std::vector<Question> all{
      {"version.yaml", {"version", "-o", "yaml"}},
      {"nodes.yaml", {"get", "nodes", "-o", "yaml"}},
      {"ipsecpolicies.yaml", {"get", "ipsecpolicies.espalier.io", "-o", "yaml"}},
      {"tunnels.yaml", {"get", "tunnels.espalier.io", "-A", "-o", "yaml"}},
      {"nodepolicies.yaml", {"get", "nodepolicies.espalier.io", "-o", "yaml"}},
      {"nodeendpoints.yaml", {"get", "nodeendpoints.espalier.io", "-o", "yaml"}},
      {"podslices.yaml", {"get", "podslices.espalier.io", "-o", "yaml"}},
      {"certificatesigningrequests.txt",
       {"get", "certificatesigningrequests", "--field-selector",
        "spec.signerName=espalier.io/node"}},
      {"workloads.yaml", {"get", "daemonsets,deployments,pods", "-n", space, "-o", "yaml"}},
      {"trust.yaml", {"get", "configmap", "espalier-trust", "-n", space, "-o", "yaml"}},
      {"events.txt",
       {"get", "events.events.k8s.io", "-A", "--sort-by=.metadata.creationTimestamp"}},
      {"operator.log",
       {"logs", "-n", space, "-l", "app.kubernetes.io/component=operator", "--tail=-1",
        "--prefix"}},
  };
  for (const AgentPod& agent : agents) {
    const std::string folder = "nodes/" + agent.node + "/";
    all.push_back({folder + "agent.log", {"logs", "-n", space, agent.pod, "-c", "agent"}});
    all.push_back({folder + "agent-before.log",
                   {"logs", "-n", space, agent.pod, "-c", "agent", "--previous"}});
    if (!agent.running) continue;
    for (const char* command : {"status", "trafficstatus", "verify"}) {
      all.push_back({folder + command + ".json",
                     cluster.exec(agent.pod, {"espalierctl", command, "-o", "json"})});
    }
    if (agent.metrics_port == 0) continue;
    all.push_back({folder + "metrics.txt",
                   {"get", "--raw",
                    fmt::format("/api/v1/namespaces/{}/pods/{}:{}/proxy/metrics", space, agent.pod,
                                agent.metrics_port)}});
  }
  return all;
}

Status write_file(const fs::path& path, const std::string& text) {
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) return fail(Code::kIo, path.parent_path().string(), error.message());
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) return fail(Code::kIo, path.string(), "cannot be written");
  return {};
}

}  // namespace

std::vector<BundleFile> gather(Cluster& cluster, const std::vector<AgentPod>& agents) {
  std::vector<Question> questions = questions_of(cluster, agents);
  std::vector<Arguments> commands;
  commands.reserve(questions.size());
  for (const Question& question : questions) commands.push_back(question.arguments);
  const std::vector<Ran> runs = cluster.run_all(commands);
  std::vector<BundleFile> files;
  std::string errors;
  for (const AgentPod& agent : agents) {
    if (!agent.running) errors += "node " + agent.node + ": " + agent.why + "\n";
  }
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (!runs[i].out.empty()) files.push_back({questions[i].path, runs[i].out});
    // verify ends with another status where a check fails.
    if (runs[i].status == 0 || (runs[i].status > 0 && !runs[i].out.empty())) continue;
    const std::string said = runs[i].timed_out ? std::string("no answer in time\n") : runs[i].err;
    errors += questions[i].path + ": " + (said.empty() ? "\n" : said);
  }
  if (!errors.empty()) files.push_back({"errors.txt", errors});
  return files;
}

Status write_bundle(Runner& runner, const std::vector<BundleFile>& files, const std::string& name,
                    const std::string& path) {
  std::error_code error;
  if (fs::exists(path, error)) return fail(Code::kExists, path, "is there already");
  ::umask(0077);
  std::string pattern = (fs::temp_directory_path(error) / "espalier-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) return fail(Code::kIo, pattern, "cannot be made");
  const fs::path folder = pattern;
  Status written;
  for (const BundleFile& file : files) {
    if (written) written = write_file(folder / name / file.path, file.text);
  }
  if (written) {
    const Ran tar =
        runner.run({{"tar", "-czf", path, "-C", folder.string(), name}}, std::chrono::seconds(300))
            .front();
    if (tar.status != 0) written = fail(Code::kIo, "tar", tar.err);
  }
  fs::remove_all(folder, error);
  return written;
}

}  // namespace espalier::cli::kubectl
