// espalier-cni: started by a container runtime, once per verb and pod.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <unistd.h>

#include "cni/linux/agent_socket.h"
#include "cni/linux/pod_link.h"
#include "cni/network_config.h"
#include "cni/plugin.h"

namespace {

constexpr const char* kHelp =
    R"(espalier-cni: the chained CNI plugin of Espalier (CNI 0.3.0 to 1.1.0).

A container runtime starts it with CNI_… variables and a network configuration on standard input. It stands in a
conflist after the plugin that makes pods' interfaces:

  {"type": "espalier-cni", "socket": "/run/espalier/pods.sock", "timeoutSeconds": 15,
   "exemptNamespaces": ["espalier-system"]}

ADD returns when the node's agent says that the pod is covered, and sets the MTU that ESP leaves.

  espalier-cni --version    espalier-cni --help
)";

// One octet more than is allowed, so that too much is seen.
std::string read_standard_input() {
  std::string text;
  char part[8192];
  while (text.size() <= espalier::cni::kLargestInput) {
    const ssize_t got = ::read(STDIN_FILENO, part, sizeof part);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    text.append(part, static_cast<std::size_t>(got));
  }
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--version") == 0) {
    std::puts(ESPALIER_VERSION);
    return 0;
  }
  if (argc > 1) {
    const bool asked = argc == 2 && std::strcmp(argv[1], "--help") == 0;
    std::fputs(kHelp, asked ? stdout : stderr);
    return asked ? 0 : 2;
  }
  espalier::cni::AgentSocket agent;
  espalier::cni::PodLink links;
  const auto environment = [](const char* name) -> std::optional<std::string> {
    const char* value = std::getenv(name);
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  const espalier::cni::Printed printed =
      espalier::cni::run_plugin(environment, read_standard_input(), agent, links);
  std::fwrite(printed.text.data(), 1, printed.text.size(), stdout);
  return std::fflush(stdout) == 0 ? printed.status : 1;
}
