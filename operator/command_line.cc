// The only file that sees CLI11; its exceptions stop here.
#include <chrono>
#include <exception>
#include <ostream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "base/ip.h"
#include "operator/commands.h"
#include "operator/run/operator_run.h"
#include "operator/run/uninstall_run.h"

namespace espalier::operator_cli {

namespace {

constexpr const char* kFooter =
    "Exit status:\n"
    "  0  done\n"
    "  1  the manifests are wrong, or do not hold what was asked for; each problem is told on a\n"
    "     line of its own with file, line, column, object and field\n"
    "  2  the command line is wrong, or names a command that this release does not have\n";

constexpr const char* kRunFooter =
    "Signals:\n"
    "  SIGTERM, SIGINT  end, and hand the lease over\n"
    "Exit status:\n"
    "  0  ended by a signal\n"
    "  1  could not start; the log, on standard error, says why\n"
    "Example:\n"
    "  espalier-operator run --kubeconfig ~/.kube/config --namespace espalier-system \\\n"
    "                        --metrics 127.0.0.1:9465 --leader-elect\n";

constexpr const char* kUninstallFooter =
    "Scales the operator to nothing, gives every node an empty plan, waits until every agent has\n"
    "taken its encryption out of the kernel, and removes NodePolicies, NodeEndpoints and "
    "PodSlices.\n"
    "IPsecPolicies, Tunnels and Secrets stay. Between two nodes under Required no packet passes "
    "from\n"
    "the moment the first has its empty plan until the second has: turn policies to Preferred "
    "before\n"
    "where that matters.\n"
    "Exit status:\n"
    "  0  done; agents and operator can be removed\n"
    "  1  not done, and the operator runs again; the log, on standard error, names the nodes\n";

void add_folder(CLI::App& command, std::string& manifests, bool& keep_going) {
  command.add_option("--manifests", manifests, "Folder with *.yaml, *.yml and *.json manifests")
      ->required()
      ->type_name("DIR");
  command.add_flag("--keep-going", keep_going,
                   "Plan from what is right beside what is wrong (exit status stays 1)");
}

void add_api_server(CLI::App& command, std::string& kubeconfig, std::string& ns,
                    const char* ns_text) {
  command
      .add_option("--kubeconfig", kubeconfig,
                  "Its current context (default: the pod's own ServiceAccount)")
      ->type_name("FILE");
  command.add_option("--namespace", ns, ns_text)->capture_default_str()->type_name("NS");
}

}  // namespace

int run_command_line(int argc, const char* const* argv, std::ostream& out, std::ostream& err) {
  try {
    CLI::App app(
        "Plans what every node of a cluster encrypts, from IPsecPolicy, Tunnel and NodeEndpoint.",
        "espalier-operator");
    app.footer(kFooter);
    app.set_version_flag("--version", std::string("espalier-operator ") + ESPALIER_VERSION,
                         "Print the version and exit");
    app.require_subcommand(1);

    RenderOptions render_options;
    CLI::App* render_command =
        app.add_subcommand("render", "Print what each node must do, Secrets by name only");
    add_folder(*render_command, render_options.manifests, render_options.keep_going);
    render_command
        ->add_option("--node", render_options.node,
                     "Only this node; also warns about Secrets it lacks")
        ->type_name("NAME");
    render_command->add_flag("--json", render_options.json,
                             "One JSON document per line instead of YAML");

    ExplainOptions explain_options;
    CLI::App* explain_command = app.add_subcommand(
        "explain", "Say which policy decides about the traffic between two ends, and why");
    add_folder(*explain_command, explain_options.manifests, explain_options.keep_going);
    explain_command
        ->add_option("A", explain_options.a,
                     "A node's name, or an address of a node, a pod or anything else")
        ->required();
    explain_command->add_option("B", explain_options.b, "The other end")->required();

    operator_run::RunOptions run_options;
    std::string log_format = "json";
    std::string pod_network = "Routed";
    std::vector<std::string> service_cidrs;
    CLI::App* run_command = app.add_subcommand(
        "run", "Follow an API server, plan, and write NodeEndpoints and NodePolicies");
    run_command->footer(kRunFooter);
    add_api_server(*run_command, run_options.kubeconfig, run_options.ns,
                   "Namespace of the lease and the CA");
    run_command
        ->add_option("--metrics", run_options.metrics,
                     "Where /metrics, /healthz and /readyz are; :PORT is every address")
        ->capture_default_str()
        ->type_name("ADDR:PORT");
    run_command->add_flag("--leader-elect", run_options.leader_elect,
                          "Stand for election by a Lease, so that several replicas can run");
    run_command
        ->add_option("--identity", run_options.identity,
                     "Name in the Lease (default: the host's name and a random part)")
        ->type_name("NAME");
    run_command
        ->add_option("--pod-network", pod_network,
                     "Routed, or Overlay where pod packets travel inside node packets")
        ->capture_default_str()
        ->check(CLI::IsMember({"Routed", "Overlay"}));
    run_command
        ->add_option("--service-cidr", service_cidrs,
                     "Where Services' addresses are, so that no Tunnel leads there; one or several")
        ->delimiter(',')
        ->check(CLI::Validator(
            [](std::string& text) {
              return Prefix::parse(text) ? std::string() : "no address block: " + text;
            },
            "CIDR"));
    run_command
        ->add_option(
            "--issuer", run_options.issuer.name,
            "A cert-manager issuer that signs nodes' certificates (default: the operator's own CA)")
        ->type_name("NAME");
    run_command
        ->add_option("--issuer-kind", run_options.issuer.kind,
                     "ClusterIssuer, or Issuer in the operator's namespace")
        ->capture_default_str()
        ->type_name("KIND");
    run_command->add_option("--issuer-group", run_options.issuer.group, "API group of that kind")
        ->capture_default_str()
        ->type_name("GROUP");
    run_command->add_option("--workers", run_options.workers, "Writes at a time")
        ->capture_default_str()
        ->check(CLI::Range(1, 32));
    run_command->add_option("--log-format", log_format, "json or text")
        ->capture_default_str()
        ->check(CLI::IsMember({"json", "text"}));

    operator_run::UninstallOptions uninstall_options;
    unsigned timeout = 300;
    CLI::App* uninstall_command = app.add_subcommand(
        "uninstall", "Take encryption off every node, before the agents are removed");
    uninstall_command->footer(kUninstallFooter);
    add_api_server(*uninstall_command, uninstall_options.kubeconfig, uninstall_options.ns,
                   "The operator's");
    uninstall_command->add_option("--timeout", timeout, "Seconds, for all of it")
        ->capture_default_str()
        ->check(CLI::Range(1, 86400))
        ->type_name("SECONDS");

    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return app.exit(error, out, err) == 0 ? kDone : kBadUsage;
    }
    if (render_command->parsed()) return render(render_options, out, err);
    if (explain_command->parsed()) return explain(explain_options, out, err);
    if (uninstall_command->parsed()) {
      uninstall_options.timeout = std::chrono::seconds(timeout);
      return operator_run::uninstall(uninstall_options);
    }
    if (pod_network == "Overlay") run_options.pod_network = crds::PodNetwork::kOverlay;
    for (const std::string& text : service_cidrs) {
      if (const auto block = Prefix::parse(text)) run_options.service_cidrs.push_back(*block);
    }
    if (log_format == "text") run_options.log_format = operator_run::LogFormat::kText;
    return operator_run::run(run_options);
  } catch (const std::exception& error) {
    err << "espalier-operator: " << error.what() << "\n";
    return kBadUsage;
  }
}

}  // namespace espalier::operator_cli
