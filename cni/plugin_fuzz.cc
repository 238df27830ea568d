// The first octet chooses the command, the rest is standard input. What is printed must be JSON or
// nothing, whatever comes.
#include <cstdlib>

#include <nlohmann/json.hpp>

#include "cmake/fuzz/fuzz_one.h"
#include "cni/plugin.h"

namespace {

using namespace espalier;

class Agent final : public cni::AgentPort {
 public:
  Result<pods::PodAnswer> ask(const std::string&, const pods::PodRequest&) override {
    return pods::PodAnswer{true, "", pods::LinkMtu{1400, 30}};
  }
};

class Links final : public cni::LinkPort {
 public:
  Result<std::vector<cni::LinkEnd>> ends(const std::string&, const std::string&,
                                         const std::vector<std::string>&) override {
    return std::vector<cni::LinkEnd>{{"eth0", true, 1500}, {"veth0", false, 1500}};
  }
  Status set_mtu(const std::string&, const cni::LinkEnd&, std::uint32_t) override { return {}; }
};

}  // namespace

void fuzz_one(std::span<const std::uint8_t> input) {
  constexpr const char* kCommands[] = {"ADD", "CHECK", "DEL", "GC", "STATUS", "VERSION"};
  if (input.empty()) return;
  const char* command = kCommands[input[0] % 6];
  const std::string text(input.begin() + 1, input.end());
  Agent agent;
  Links links;
  const auto environment = [command](const char* name) -> std::optional<std::string> {
    const std::string_view wanted = name;
    if (wanted == "CNI_COMMAND") return command;
    return wanted == "CNI_ARGS" ? "K8S_POD_NAME=a" : "eth0";
  };
  const cni::Printed printed = cni::run_plugin(environment, text, agent, links);
  if (!printed.text.empty() && !nlohmann::json::accept(printed.text)) std::abort();
  if (printed.text.empty() && printed.status != 0) std::abort();
}
