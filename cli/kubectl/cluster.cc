#include "cli/kubectl/cluster.h"

#include <algorithm>
#include <map>
#include <utility>

namespace espalier::cli::kubectl {
namespace {

// kubectl adds a line of its own after what the program said.
std::string last_words(const Ran& ran, std::chrono::seconds patience) {
  if (ran.timed_out) return "no answer within " + std::to_string(patience.count()) + " s";
  std::string words;
  for (std::size_t from = 0; from < ran.err.size();) {
    std::size_t to = ran.err.find('\n', from);
    if (to == std::string::npos) to = ran.err.size();
    const std::string line = ran.err.substr(from, to - from);
    from = to + 1;
    if (line.empty() || line.starts_with("command terminated with exit code")) continue;
    words += (words.empty() ? "" : "; ") + line;
  }
  return words.empty() ? "exit status " + std::to_string(ran.status) : words;
}

Json parsed(const std::string& text) {
  return Json::parse(text, nullptr, false);
}

std::string why_not_running(const Json& pod) {
  for (const Json& container : at(pod, "status/containerStatuses")) {
    const std::string reason = text_at(container, "state/waiting/reason");
    if (!reason.empty()) return reason;
  }
  const std::string phase = text_at(pod, "status/phase");
  return phase.empty() ? "it has no phase" : "it is " + phase;
}

}  // namespace

const Json& at(const Json& value, std::string_view path) {
  static const Json nothing;
  const Json* found = &value;
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    if (!found->is_object()) return nothing;
    const auto member = found->find(std::string(path.substr(0, slash)));
    if (member == found->end()) return nothing;
    found = &*member;
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return *found;
}

std::string text_at(const Json& value, std::string_view path) {
  const Json& found = at(value, path);
  return found.is_string() ? found.get<std::string>() : std::string();
}

std::int64_t number_at(const Json& value, std::string_view path) {
  const Json& found = at(value, path);
  return found.is_number_integer() ? found.get<std::int64_t>() : 0;
}

Arguments Cluster::whole(const Arguments& arguments) const {
  Arguments all{options_.kubectl};
  all.insert(all.end(), options_.global.begin(), options_.global.end());
  all.insert(all.end(), arguments.begin(), arguments.end());
  return all;
}

Arguments Cluster::exec(const std::string& pod, const Arguments& program) const {
  Arguments all{"exec", "-n", options_.space, pod, "-c", "agent", "--"};
  all.insert(all.end(), program.begin(), program.end());
  return all;
}

std::vector<Ran> Cluster::run_all(const std::vector<Arguments>& commands) {
  std::vector<Arguments> all;
  all.reserve(commands.size());
  for (const Arguments& command : commands) all.push_back(whole(command));
  return runner_.run(all, options_.patience);
}

Result<std::string> Cluster::kubectl(const Arguments& arguments) {
  const Ran ran = run_all({arguments}).front();
  if (ran.status == 0) return ran.out;
  const bool missing = ran.err.find("(NotFound)") != std::string::npos;
  return fail(missing ? Code::kNotFound : Code::kUnavailable, options_.kubectl,
              last_words(ran, options_.patience));
}

Result<Json> Cluster::get(Arguments arguments) {
  arguments.insert(arguments.begin(), "get");
  arguments.insert(arguments.end(), {"-o", "json"});
  auto text = kubectl(arguments);
  if (!text) return forward(text);
  Json json = parsed(*text);
  if (json.is_discarded()) return fail(Code::kInvalid, options_.kubectl, "printed no JSON");
  return json;
}

Result<std::vector<AgentPod>> Cluster::agents() {
  auto list = get({"pods", "-n", options_.space, "-l",
                         "app.kubernetes.io/name=espalier,app.kubernetes.io/component=agent"});
  if (!list) return forward(list);
  std::map<std::string, AgentPod> by_node;
  for (const Json& pod : at(*list, "items")) {
    AgentPod agent;
    agent.node = text_at(pod, "spec/nodeName");
    if (agent.node.empty()) continue;  // of no node yet
    agent.pod = text_at(pod, "metadata/name");
    agent.running = text_at(pod, "status/phase") == "Running" &&
                    at(pod, "metadata/deletionTimestamp").is_null();
    for (const Json& container : at(pod, "status/containerStatuses")) {
      if (at(container, "state/running").is_null() && container.contains("state"))
        agent.running = false;
    }
    if (!agent.running)
      agent.why = "its pod " + agent.pod + " does not run: " + why_not_running(pod);
    for (const Json& container : at(pod, "spec/containers")) {
      for (const Json& port : at(container, "ports")) {
        if (text_at(port, "name") == "metrics")
          agent.metrics_port = number_at(port, "containerPort");
      }
    }
    const auto known = by_node.find(agent.node);
    if (known == by_node.end() || !known->second.running)
      by_node.insert_or_assign(agent.node, std::move(agent));
  }
  std::vector<AgentPod> agents;
  for (auto& [node, agent] : by_node) agents.push_back(std::move(agent));
  return agents;
}

std::vector<NodeAnswer> Cluster::ask(const std::vector<AgentPod>& agents,
                                     const Arguments& arguments) {
  std::vector<NodeAnswer> answers;
  std::vector<Arguments> commands;
  std::vector<std::size_t> whose;
  Arguments program{"espalierctl"};
  program.insert(program.end(), arguments.begin(), arguments.end());
  program.insert(program.end(), {"-o", "json"});
  for (const AgentPod& agent : agents) {
    NodeAnswer answer;
    answer.node = agent.node;
    answer.pod = agent.pod;
    answer.error = agent.why;
    if (agent.running) {
      whose.push_back(answers.size());
      commands.push_back(exec(agent.pod, program));
    }
    answers.push_back(std::move(answer));
  }
  const std::vector<Ran> runs = run_all(commands);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    NodeAnswer& answer = answers[whose[i]];
    answer.status = runs[i].status;
    Json json = parsed(runs[i].out);
    // A status beside 0 may be its judgement; without JSON it is a failure.
    answer.answered = !json.is_discarded() && json.is_object();
    if (answer.answered) {
      answer.json = std::move(json);
    } else {
      answer.error = last_words(runs[i], options_.patience);
    }
  }
  return answers;
}

}  // namespace espalier::cli::kubectl
