#include "cli/kubectl/commands.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "cli/kubectl/agent_views.h"
#include "cli/kubectl/bundle.h"
#include "cli/kubectl/pair.h"
#include "cli/table/text.h"

namespace espalier::cli::kubectl {
namespace {

Arguments with_name(Arguments arguments, const std::string& name) {
  if (!name.empty()) arguments.push_back(name);
  return arguments;
}

Result<Pod> find_pod(Cluster& cluster, const std::string& name, const std::string& space) {
  const std::size_t slash = name.find('/');
  Arguments arguments{"pod", slash == std::string::npos ? name : name.substr(slash + 1)};
  const std::string ns = slash == std::string::npos ? space : name.substr(0, slash);
  if (!ns.empty()) arguments.insert(arguments.end(), {"-n", ns});
  auto object = cluster.get(std::move(arguments));
  if (!object) return forward(object);
  return pod_of(*object);
}

// The agent of a node; a node without one is an agent that does not run.
AgentPod agent_on(const std::vector<AgentPod>& agents, const std::string& node) {
  const auto found = std::find_if(agents.begin(), agents.end(),
                                  [&](const AgentPod& agent) { return agent.node == node; });
  if (found != agents.end()) return *found;
  AgentPod none;
  none.node = node;
  none.why = "no pod of the agent is on this node";
  return none;
}

End ask_end(Cluster& cluster, const AgentPod& agent, const Pod& here, const Pod& there) {
  End end;
  end.here = &here;
  end.there = &there;
  end.traffic = cluster.ask({agent}, {"trafficstatus"}).front();
  for (const IpAddress& address : there.addresses)
    end.by_address.push_back(cluster.ask({agent}, {"explain", address.to_string()}).front());
  return end;
}

}  // namespace

Result<Outcome> status(Cluster& cluster) {
  auto objects =
      cluster.get({"ipsecpolicies.espalier.io,tunnels.espalier.io,nodepolicies.espalier.io,"
                   "nodeendpoints.espalier.io",
                   "-A"});
  if (!objects) return forward(objects);
  auto agents = cluster.agents();
  if (!agents) return forward(agents);
  return status_outcome(*objects, cluster.ask(*agents, {"status"}));
}

Result<Outcome> traffic_status(Cluster& cluster, const Wanted& wanted) {
  auto agents = cluster.agents();
  if (!agents) return forward(agents);
  auto answers = cluster.ask(*agents, with_name({"trafficstatus"}, wanted.name));
  // A name need not be known everywhere.
  for (NodeAnswer& answer : answers) {
    if (answer.answered || answer.status != kNoSuchName) continue;
    answer.answered = true;
    answer.json = Json{{"children", Json::array()}};
  }
  return traffic_outcome(answers);
}

Result<Outcome> explain(Cluster& cluster, const Wanted& wanted) {
  auto from = find_pod(cluster, wanted.from, wanted.space);
  if (!from) return forward(from);
  auto to = find_pod(cluster, wanted.to, wanted.space);
  if (!to) return forward(to);
  auto agents = cluster.agents();
  if (!agents) return forward(agents);
  std::vector<End> ends;
  if (!from->node.empty() && !to->node.empty() && from->node != to->node) {
    ends.push_back(ask_end(cluster, agent_on(*agents, from->node), *from, *to));
    ends.push_back(ask_end(cluster, agent_on(*agents, to->node), *to, *from));
  }
  return pair_outcome(*from, *to, ends);
}

Result<Outcome> verify(Cluster& cluster, const Wanted& wanted) {
  auto agents = cluster.agents();
  if (!agents) return forward(agents);
  return verify_outcome(cluster.ask(*agents, {"verify"}), wanted.strict);
}

Result<Outcome> release(Cluster& cluster, const Wanted& wanted) {
  auto agents = cluster.agents();
  if (!agents) return forward(agents);
  Arguments program = with_name({"release"}, wanted.name);
  if (wanted.end) {
    program.push_back("--end");
  } else {
    program.push_back("--yes");
    if (wanted.in_clear) program.push_back("--in-clear");
    if (!wanted.why.empty()) program.insert(program.end(), {"--why", wanted.why});
  }
  const NodeAnswer answer = cluster.ask({agent_on(*agents, wanted.node)}, program).front();
  if (!answer.answered) {
    const Code code = answer.status == kNoSuchName ? Code::kNotFound : Code::kUnavailable;
    const std::string way = code == Code::kNotFound
                                ? ""
                                : "; on the node itself `espalierctl release` needs no API server";
    return fail(code, "node " + wanted.node, answer.error + way);
  }
  Outcome outcome;
  outcome.json = answer.json;
  outcome.text = released_text(answer);
  outcome.status = answer.status;
  return outcome;
}

Result<Outcome> bundle(Cluster& cluster, Runner& runner, const Wanted& wanted,
                       const std::string& stamp) {
  auto agents = cluster.agents();
  if (!agents) return forward(agents);
  const std::string name = "espalier-bundle-" + stamp;
  const std::string path = wanted.file.empty() ? name + ".tar.gz" : wanted.file;
  const std::vector<BundleFile> files = gather(cluster, *agents);
  if (auto written = write_bundle(runner, files, name, path); !written) return forward(written);
  Outcome outcome;
  outcome.json = Json{{"file", path}, {"files", Json::array()}};
  for (const BundleFile& file : files) outcome.json["files"].push_back(file.path);
  outcome.text =
      fmt::format("{}: {} files of {} nodes; it holds names and addresses, and no Secret\n", path,
                  files.size(), agents->size());
  const bool lacking = !files.empty() && files.back().path == "errors.txt";
  if (lacking) outcome.text += files.back().text;
  const bool silent = std::any_of(agents->begin(), agents->end(),
                                  [](const AgentPod& agent) { return !agent.running; });
  if (silent) outcome.status = kNoAgent;
  return outcome;
}

std::vector<std::string> names(Cluster& cluster, const Arguments& what) {
  Arguments arguments{"get"};
  arguments.insert(arguments.end(), what.begin(), what.end());
  arguments.insert(arguments.end(), {"-o", "name"});
  auto text = cluster.kubectl(arguments);
  std::vector<std::string> found;
  if (!text) return found;
  for (std::size_t from = 0; from < text->size();) {
    const std::size_t to = std::min(text->find('\n', from), text->size());
    const std::string line = text->substr(from, to - from);
    const std::size_t slash = line.find('/');
    if (slash != std::string::npos) found.push_back(line.substr(slash + 1));
    from = to + 1;
  }
  return found;
}

}  // namespace espalier::cli::kubectl
