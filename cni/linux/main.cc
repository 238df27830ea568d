// espalier-cni: started by a container runtime, once per verb and pod; with arguments, its own
// installer.
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "cni/linux/agent_socket.h"
#include "cni/linux/install_run.h"
#include "cni/linux/pod_link.h"
#include "cni/network_config.h"
#include "cni/plugin.h"

namespace {

constexpr const char* kFooter =
    R"(A container runtime starts it with CNI_… variables and a network configuration on standard input. It stands in a
conflist after the plugin that makes pods' interfaces:

  {"type": "espalier-cni", "socket": "/run/espalier/pods.sock", "timeoutSeconds": 15,
   "exemptNamespaces": ["espalier-system"]}

ADD returns when the node's agent says that the pod is covered, and sets the MTU that ESP leaves.
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

// The program as its own installer.
int run_command_line(int argc, char** argv) {
  using namespace espalier::cni;
  CLI::App app{"The chained CNI plugin of Espalier (CNI 0.3.0 to 1.1.0).", "espalier-cni"};
  app.footer(kFooter);
  app.set_version_flag("--version", ESPALIER_VERSION);
  app.require_subcommand(1);
  InstallOptions options;
  unsigned timeout = 15;
  std::string log_format = "text";
  const auto folders = [&](CLI::App* command) {
    command->add_option("--bin-dir", options.folders.programs, "The runtime's folder of plugins")
        ->capture_default_str()
        ->type_name("DIR");
    command->add_option("--conf-dir", options.folders.networks, "Its folder of networks")
        ->capture_default_str()
        ->type_name("DIR");
    command->add_option("--log-format", log_format, "text or json")
        ->capture_default_str()
        ->check(CLI::IsMember({"json", "text"}));
    return command;
  };
  const auto entry = [&](CLI::App* command) {
    command->add_option("--socket", options.socket, "Of the agent, where pods are asked for")
        ->capture_default_str()
        ->type_name("PATH");
    command->add_option("--timeout", timeout, "Seconds that ADD waits")
        ->capture_default_str()
        ->check(CLI::Range(1, 110))
        ->type_name("SECONDS");
    command
        ->add_option("--exempt-namespace", options.exempt_namespaces,
                     "Its pods are never held; give it again for each")
        ->capture_default_str()
        ->type_name("NS");
    return command;
  };
  entry(folders(app.add_subcommand(
      "install", "Put the program and its entry into the network, and look after them")));
  CLI::App* const check = entry(
      folders(app.add_subcommand("installed", "Status 0 if install would have nothing to do")));
  CLI::App* const uninstall =
      folders(app.add_subcommand("uninstall", "Take the entry and the program out again"));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  options.timeout = std::chrono::seconds(timeout);
  options.json_log = log_format == "json";
  if (check->parsed()) return run_check(options);
  if (uninstall->parsed()) return run_uninstall(options);
  return run_install(options);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) {
    try {
      return run_command_line(argc, argv);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "espalier-cni: %s\n", error.what());
      return 1;
    }
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
