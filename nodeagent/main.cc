// espalier-agent: one per node.
#include <cstdio>
#include <string_view>

#include <CLI/CLI.hpp>

#include "nodeagent/runtime/agent.h"
#include "nodeagent/runtime/offline_release.h"
#include "nodeagent/runtime/version.h"

namespace {

constexpr const char* kFooter = R"(
WHAT IT DOES
  Plans what this node must do, keys ESP by IKEv2 and programs the kernel's XFRM. Without --manifests it follows an API
  server: what its NodePolicy names holds here, its certificate comes by a CertificateSigningRequest, and its statuses
  say what stands. While the API server is away the last plan holds, also across a restart.
  With --manifests it reads a folder (IPsecPolicy, Tunnel, NodeEndpoint, Secret). The folder is watched: a changed file
  changes only what it must; a file with an error keeps its last good content, and `espalierctl status` says what is
  wrong with it.
  When the agent ends, killed or not, SAs and policies stay: traffic goes on encrypted, Required traffic stays blocked
  where no SA stands.

THE WAY OUT
  `espalierctl release` opens the node while an agent runs. Where none runs and none starts:
  espalier-agent release --yes   removes from the kernel what is ours; see espalier-agent release --help

SIGNALS
  SIGTERM, SIGINT  end, with traffic going on
  SIGHUP           read the manifests again, if there are any

FILES
  STATE/journal            what of the kernel's SAs and policies is ours; holds no key
  STATE/releases           what was opened by hand (espalierctl release) and not ended; not there: nothing
  STATE/plan.json          what the last plan of an API server was made of; holds no Secret
  STATE/identity.pem       the node's key and certificate in a cluster; STATE/identity-next.pem the next one's, while it is asked for

EXIT STATUS
  0  ended by a signal    1  could not start; the reason is on standard error    2  wrong usage

EXAMPLE
  espalier-agent --manifests /etc/espalier --node node1 --state /var/lib/espalier \
                 --socket /run/espalier/agent.sock --metrics 127.0.0.1:9464
  espalier-agent --kubeconfig agent.kubeconfig --node node1

SEE ALSO
  espalierctl --help, espalier-operator render --help
)";

constexpr const char* kReleaseFooter = R"(
WHAT IT DOES
  Removes the clear-traffic table, every policy and every SA of Espalier from the kernel of this network namespace, and nothing
  of others; writes into the state folder that the node is released, so that an agent that starts again blocks nothing.
  Everything that was encrypted passes in CLEAR from then on, and peers that require ESP drop it.
  Take it back with `espalierctl release --end` once an agent runs, or delete STATE/releases before one starts.

EXIT STATUS
  0  done    1  something is left, or an agent answers (then use espalierctl release); standard error says what    2  wrong usage
)";

int release(int argc, char** argv) {
  espalier::runtime::OfflineRelease options;
  options.state = espalier::runtime::AgentOptions{}.state;
  options.socket = espalier::runtime::AgentOptions{}.socket;
  bool yes = false;
  CLI::App app{"Opens this node where no agent runs and none starts.", "espalier-agent release"};
  app.footer(kReleaseFooter);
  app.add_option("--state", options.state, "The agent's state folder")->capture_default_str();
  app.add_option("--socket", options.socket, "Where an agent would answer")->capture_default_str();
  app.add_option("--why", options.why, "A line for whoever finds it so")
      ->check(CLI::Validator(
          [](const std::string& text) {
            const bool plain = text.size() <= 200 && text.find_first_of("\t\r\n") == text.npos;
            return plain ? std::string() : std::string("at most 200 octets of one line");
          },
          "TEXT"));
  app.add_flag("--yes", yes, "That traffic is to pass in clear")->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const auto done = espalier::runtime::release_offline(options);
  if (!done) {
    std::fprintf(stderr, "espalier-agent: %s\n", done.error().to_string().c_str());
    return 1;
  }
  std::fprintf(done->complete ? stdout : stderr, "%s", done->text.c_str());
  return done->complete ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "release") return release(argc - 1, argv + 1);
  using espalier::runtime::Agent;
  espalier::runtime::AgentOptions options;
  std::string format = "text", level = "info", database, password_file;
  unsigned threads = 0;

  CLI::App app{"The node agent of Espalier: IKEv2 and XFRM for this node.", "espalier-agent"};
  app.footer(kFooter);
  app.set_version_flag("--version", std::string(espalier::runtime::kVersion));
  auto* manifests = app.add_option("--manifests", options.manifests,
                                   "Folder of manifests (*.yaml, *.yml, *.json)");
  app.add_option("--kubeconfig", options.kubeconfig,
                 "Without --manifests: its current context (default: the pod's own ServiceAccount)")
      ->excludes(manifests);
  app.add_option("--node", options.node, "Name of this node: its NodeEndpoint")->required();
  app.add_option("--state", options.state, "Folder for what outlives the process")
      ->capture_default_str();
  app.add_option("--socket", options.socket, "Unix socket of the local gRPC service")
      ->capture_default_str();
  app.add_option("--pod-socket", options.pod_socket,
                 "Unix socket where espalier-cni asks whether a pod is covered; none if not given");
  app.add_option("--metrics", options.metrics,
                 "ADDR:PORT for Prometheus, /healthz and /readyz; left out: none");
  app.add_option("--nss-database", database,
                 "NSS database folder (cert9.db, key4.db); left out: none is used");
  app.add_option("--nss-password-file", password_file, "Its password: lines of TOKEN:PASSWORD");
  app.add_flag("--fips", options.fips,
               "Switch NSS to FIPS mode, and offer approved algorithms alone");
  auto* crypto = app.add_option(
      "--crypto-threads", threads,
      "Threads for public-key work, 0: on the main one (default: cores less one, at most 4)");
  crypto->check(CLI::Range(0, 64));
  app.add_option("--log-format", format, "text or json")->capture_default_str();
  app.add_option("--log-level", level, "debug, info, warning or error")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const auto refuse = [](const espalier::Error& error, int status) {
    std::fprintf(stderr, "espalier-agent: %s\n", error.to_string().c_str());
    return status;
  };
  if (!database.empty()) options.nss_database = database;
  if (!password_file.empty()) options.nss_password_file = password_file;
  if (crypto->count() > 0) options.crypto_threads = threads;
  const auto log_format = espalier::runtime::parse_log_format(format);
  if (!log_format) return refuse(log_format.error(), 2);
  const auto log_level = espalier::runtime::parse_log_level(level);
  if (!log_level) return refuse(log_level.error(), 2);
  options.log.format = *log_format;
  options.log.level = *log_level;

  auto agent = Agent::create(std::move(options));
  if (!agent) return refuse(agent.error(), 1);
  (*agent)->run();
  return 0;
}
