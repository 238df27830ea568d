#include "cni/plugin.h"

#include <algorithm>
#include <utility>

#include "cni/network_config.h"

namespace espalier::cni {
namespace {

using pods::PodAnswer;
using pods::PodRequest;

// A runtime that is told that ADD would fail makes its whole node NotReady: not for an agent that
// is being replaced. Kubelet bears 30 seconds.
constexpr std::chrono::seconds kStatusPatience{10};

std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

PodRequest request_of(const Invocation& invocation, const NetworkConfig& config,
                      std::chrono::milliseconds patience) {
  PodRequest request;
  request.ask = pods::Ask::kCover;
  request.pod = {invocation.pod_namespace, invocation.pod_name, invocation.container_id,
                 config.addresses};
  request.patience = patience;
  return request;
}

tl::unexpected<Failure> not_covered(const pods::Pod& pod, const std::string& reason) {
  return refuse(FailureCode::kTryAgainLater,
                "Espalier does not cover " + pod.to_string() + " yet: " + reason,
                "kubectl get nodepolicies, and `espalierctl status` on the node, say more");
}

// The host's interfaces that the chain has made or uses.
std::vector<std::string> host_interfaces(const Json& result) {
  std::vector<std::string> names;
  const auto interfaces = result.find("interfaces");
  if (interfaces == result.end()) return names;
  for (const Json& each : *interfaces) {
    const auto sandbox = each.find("sandbox");
    if (sandbox == each.end() || sandbox->get_ref<const std::string&>().empty()) {
      names.push_back(each["name"].get<std::string>());
    }
  }
  return names;
}

std::uint32_t allowed(std::uint32_t link_mtu, const pods::LinkMtu& mtu) {
  const std::uint32_t own = link_mtu > mtu.reserve ? link_mtu - mtu.reserve : 0;
  // IPv6 ends on a link below 1280 (RFC 8200 section 5), and no ESP takes more than that leaves.
  return std::max(std::min(own, mtu.most), std::min<std::uint32_t>(link_mtu, 1280));
}

void write_mtu(Json& result, const LinkEnd& end, std::uint32_t mtu) {
  const auto interfaces = result.find("interfaces");
  if (interfaces == result.end()) return;
  for (Json& each : *interfaces) {
    const auto sandbox = each.find("sandbox");
    const bool in_pod = sandbox != each.end() && !sandbox->get_ref<const std::string&>().empty();
    if (in_pod == end.in_pod && each["name"] == end.ifname) each["mtu"] = mtu;
  }
}

Outcome<std::vector<LinkEnd>> read_ends(const Invocation& invocation, const NetworkConfig& config,
                                        LinkPort& links) {
  auto ends = links.ends(invocation.netns, invocation.ifname, host_interfaces(*config.prev_result));
  if (!ends) return refuse(FailureCode::kIo, ends.error().to_string());
  return std::move(*ends);
}

Outcome<void> shrink_link(const Invocation& invocation, NetworkConfig& config,
                          const pods::LinkMtu& mtu, LinkPort& links) {
  const auto ends = read_ends(invocation, config, links);
  if (!ends) return tl::unexpected<Failure>(ends.error());
  for (const LinkEnd& end : *ends) {
    const std::uint32_t wanted = allowed(end.mtu, mtu);
    if (wanted >= end.mtu) continue;
    if (auto set = links.set_mtu(invocation.netns, end, wanted); !set) {
      return refuse(FailureCode::kIo, set.error().to_string());
    }
    // Earlier versions have no such field.
    if (config.version == SpecVersion::k110) write_mtu(*config.prev_result, end, wanted);
  }
  return {};
}

Outcome<std::string> add(const Invocation& invocation, NetworkConfig config, AgentPort& agent,
                         LinkPort& links) {
  const auto& exempt = config.exempt_namespaces;
  const bool held =
      std::find(exempt.begin(), exempt.end(), invocation.pod_namespace) == exempt.end();
  const PodRequest request =
      request_of(invocation, config, held ? config.timeout : std::chrono::seconds(0));
  const auto answer = agent.ask(config.socket, request);
  if (held && !answer) return not_covered(request.pod, answer.error().to_string());
  if (held && !answer->covered) return not_covered(request.pod, answer->reason);
  if (answer && answer->mtu) {
    auto shrunk = shrink_link(invocation, config, *answer->mtu, links);
    if (!shrunk && held) return tl::unexpected<Failure>(shrunk.error());
  }
  Json result = std::move(*config.prev_result);
  result["cniVersion"] = name_of(config.version);
  return text_of(result);
}

Outcome<std::string> check(const Invocation& invocation, const NetworkConfig& config,
                           AgentPort& agent, LinkPort& links) {
  const PodRequest request = request_of(invocation, config, std::chrono::seconds(0));
  const auto answer = agent.ask(config.socket, request);
  if (!answer) return not_covered(request.pod, answer.error().to_string());
  if (!answer->covered) return not_covered(request.pod, answer->reason);
  const auto ends = read_ends(invocation, config, links);
  if (!ends) return tl::unexpected<Failure>(ends.error());
  if (!answer->mtu) return std::string();
  for (const LinkEnd& end : *ends) {
    // What ADD took off the link for the wrapping cannot be told from its MTU now.
    if (end.mtu > answer->mtu->most) {
      return refuse(FailureCode::kNotAsExpected,
                    end.ifname + ": its MTU is " + std::to_string(end.mtu) + ", and " +
                        std::to_string(answer->mtu->most) + " is what ESP leaves",
                    "large packets are cut, or lost; a pod that is made anew gets the MTU");
    }
  }
  return std::string();
}

Outcome<std::string> status(const NetworkConfig& config, AgentPort& agent) {
  const auto patience = std::min<std::chrono::seconds>(config.timeout, kStatusPatience);
  const auto answer = agent.ask(config.socket, {pods::Ask::kStatus, {}, patience});
  const std::string why = !answer            ? answer.error().to_string()
                          : !answer->covered ? answer->reason
                                             : std::string();
  if (why.empty() && answer && answer->covered) return std::string();
  return refuse(FailureCode::kUnavailable, "no pod can be covered: " + why,
                "is the agent's pod on this node running and ready?");
}

std::string version_text(SpecVersion asked) {
  Json supported = Json::array();
  for (const SpecVersion each : kSpecVersions) supported.push_back(name_of(each));
  return text_of(Json{{"cniVersion", name_of(asked)}, {"supportedVersions", std::move(supported)}});
}

Outcome<std::string> run(const Environment& environment, std::string_view input, AgentPort& agent,
                         LinkPort& links) {
  const auto invocation = read_invocation(environment);
  if (!invocation) return tl::unexpected<Failure>(invocation.error());
  if (invocation->command == Command::kVersion) return version_text(version_of(input));
  auto config = read_network_config(invocation->command, input);
  if (!config) return tl::unexpected<Failure>(config.error());
  switch (invocation->command) {
    case Command::kAdd:
      return add(*invocation, std::move(*config), agent, links);
    case Command::kCheck:
      return check(*invocation, *config, agent, links);
    case Command::kStatus:
      return status(*config, agent);
    case Command::kDel:
    case Command::kGc:
    case Command::kVersion:
      break;
  }
  return std::string();
}

}  // namespace

std::string encode(const Failure& failure, std::string_view cni_version) {
  Json json{{"cniVersion", cni_version},
            {"code", static_cast<int>(failure.code)},
            {"msg", failure.message}};
  if (!failure.details.empty()) json["details"] = failure.details;
  return text_of(json);
}

Printed run_plugin(const Environment& environment, std::string_view standard_input,
                   AgentPort& agent, LinkPort& links) {
  auto outcome = run(environment, standard_input, agent, links);
  if (outcome) return {std::move(*outcome), 0};
  return {encode(outcome.error(), name_of(version_of(standard_input))), 1};
}

}  // namespace espalier::cni
