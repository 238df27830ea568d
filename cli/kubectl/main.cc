// kubectl-espalier: the cluster at a glance, through kubectl.

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
#include <fmt/format.h>

#include "base/process/clock.h"
#include "cli/completion.h"
#include "cli/confirm.h"
#include "cli/kubectl/commands.h"
#include "cli/kubectl/process_runner.h"
#include "cli/table/text.h"
#include "cli/table/yaml.h"

namespace espalier::cli::kubectl {
namespace {

struct CommandLine {
  std::string context;
  std::string kubeconfig;
  std::string space = "espalier-system";
  std::string output = "table";
  int patience = 20;
  bool yes = false;
  std::string shell;
  Wanted wanted;
};

constexpr const char* kDescription =
    "Shows what Espalier does in a cluster: which policies hold, which nodes encrypt with whom, "
    "what\n"
    "two pods' packets go by, and why something does not stand. It runs kubectl, and by kubectl "
    "exec\n"
    "the espalierctl beside each node's agent; so it may what you may.";

constexpr const char* kFooter = R"(Output:
  Tables are for people and fit 100 columns. Scripts take -o json or -o yaml: `nodes[].agent` is what
  espalierctl -o json printed there. A node that does not answer is named, and keeps nothing from the
  others.

Exit status:
  0  fine
  1  not fine: verify found a failure (with --strict: or a warning), two pods' packets are not
     encrypted, or a release was not confirmed
  2  the command line is wrong
  3  kubectl, the API server or a node's agent did not answer
  4  there is no such pod or name
  6  another error

Environment:
  KUBECTL  the kubectl to run (kubectl, found on PATH)

Examples:
  kubectl espalier status                        the cluster, and what to do where it is not well
  kubectl espalier explain web-0 db/postgres-0   what becomes of packets between two pods
  kubectl espalier verify && echo protected
  kubectl espalier release node7 --why 'INC-42'  open a node; on the node itself: espalierctl release
  kubectl espalier completion bash --help        how a shell completes all this

See also: espalierctl --help on a node (kubectl exec -n espalier-system ds/espalier-agent -- …))";

// The patience of one run of kubectl.
CLI::Validator a_while() {
  CLI::Validator validator = CLI::Range(1, 600);
  return validator.description("");
}

void describe(CLI::App& app, CommandLine& line) {
  app.set_version_flag("--version", std::string("kubectl-espalier ") + ESPALIER_VERSION);
  app.get_formatter()->column_width(34);
  app.require_subcommand(1);
  app.fallthrough();
  app.add_option("--context", line.context, "kubectl's: the context to use")->type_name("NAME");
  app.add_option("--kubeconfig", line.kubeconfig, "kubectl's: its configuration")
      ->type_name("FILE");
  app.add_option("-n,--namespace", line.wanted.space, "Of pods that are named without one")
      ->type_name("NAME");
  app.add_option("--espalier-namespace", line.space, "Where Espalier runs")
      ->type_name("NAME")
      ->envname("ESPALIER_NAMESPACE")
      ->capture_default_str();
  app.add_option("-o,--output", line.output, "How to print: table, json or yaml")
      ->check(CLI::Validator(CLI::IsMember({"table", "json", "yaml"})).description(""))
      ->type_name("FORMAT")
      ->capture_default_str();
  app.add_option("--timeout", line.patience, "That each run of kubectl may take (1 to 600)")
      ->check(a_while())
      ->type_name("SECONDS")
      ->capture_default_str();

  app.add_subcommand("status", "Show policies, tunnels and nodes, and what to do where not well");
  app.add_subcommand("trafficstatus", "Show what each pair of nodes sends and receives by its SAs")
      ->add_option("NAME", line.wanted.name, "Of one connection, peer or owner only");
  auto* explain = app.add_subcommand(
      "explain", "Say what becomes of packets between two pods, and by which policy");
  explain->add_option("POD", line.wanted.from, "A pod, or NAMESPACE/POD")->required();
  explain->add_option("OTHER", line.wanted.to, "The other pod, likewise")->required();
  app.add_subcommand("verify", "Check on every node all that protection depends on")
      ->add_flag("--strict", line.wanted.strict, "Count a warning as a failure");
  auto* release =
      app.add_subcommand("release", "Open a node, or something on it: block nothing, until --end");
  release->add_option("NODE", line.wanted.node, "Which node")->required();
  release->add_option("NAME", line.wanted.name, "Only this connection, peer or owner there");
  auto* end = release->add_flag("--end", line.wanted.end, "Enforce again what was released");
  release->add_flag("--in-clear", line.wanted.in_clear, "Take SAs down, too")->excludes(end);
  release->add_option("--why", line.wanted.why, "A line for whoever finds it so")
      ->type_name("TEXT")
      ->excludes(end);
  release->add_flag("-y,--yes", line.yes, "Do not ask")->excludes(end);
  release->footer(
      "As espalierctl release on that node, which needs no API server. A peer that requires ESP\n"
      "drops what comes in clear: release both ends, or turn the policy to Preferred.");
  app.add_subcommand("bundle",
                     "Gather in one file what somebody needs who is to find out what is wrong")
      ->add_option("-f,--file", line.wanted.file, "Where (default: espalier-bundle-TIME.tar.gz)")
      ->type_name("FILE");
  auto* completion = app.add_subcommand("completion", "Print a shell's completion script");
  completion->add_option("SHELL", line.shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::Validator(CLI::IsMember({"bash", "zsh", "fish"})).description(""));
  completion->footer(
      "For `kubectl espalier` itself put kubectl_complete-espalier beside kubectl-espalier on "
      "PATH\n"
      "(kubectl 1.26 and later ask it); for the name kubectl-espalier source this script.");
}

Options options_of(const CommandLine& line) {
  Options options;
  if (const char* program = std::getenv("KUBECTL"); program != nullptr && *program != '\0')
    options.kubectl = program;
  if (!line.context.empty())
    options.global.insert(options.global.end(), {"--context", line.context});
  if (!line.kubeconfig.empty())
    options.global.insert(options.global.end(), {"--kubeconfig", line.kubeconfig});
  options.space = line.space;
  options.patience = std::chrono::seconds(line.patience);
  return options;
}

int status_of(const Error& error) {
  switch (error.code) {
    case Code::kUnavailable:
      return kNoAgent;
    case Code::kNotFound:
      return kNoSuchName;
    default:
      return kAgentError;
  }
}

int print(const Result<Outcome>& outcome, const std::string& output) {
  if (!outcome) {
    std::cerr << "kubectl-espalier: " << printable(outcome.error().to_string()) << "\n";
    return status_of(outcome.error());
  }
  if (output == "json") {
    std::cout << outcome->json.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
  } else {
    std::cout << (output == "yaml" ? yaml_text(outcome->json) : outcome->text);
  }
  std::cout << std::flush;
  return outcome->status;
}

std::string release_question(const Wanted& wanted) {
  return fmt::format(
      "{} of node {} {}\nThat stays so until `kubectl espalier release {} --end`. Release?",
      wanted.name.empty() ? "Everything" : "Everything of " + wanted.name, wanted.node,
      wanted.in_clear ? "will pass in CLEAR, and its SAs go."
                      : "that has no SA will pass in CLEAR, also what must be encrypted.",
      wanted.node);
}

// "20261125-140501"
std::string stamp() {
  std::string digits;
  for (const char c : process::wall_time_text()) {
    if (c >= '0' && c <= '9' && digits.size() < 15) digits += c;
    if (c == 'T') digits += '-';
  }
  return digits.substr(0, 15);
}

int run(const std::string& command, const CommandLine& line) {
  ProcessRunner runner;
  Cluster cluster(runner, options_of(line));
  if (command == "completion") {
    std::cout << completion_script(line.shell, "kubectl-espalier");
    return kFine;
  }
  if (command == "status") return print(status(cluster), line.output);
  if (command == "trafficstatus") return print(traffic_status(cluster, line.wanted), line.output);
  if (command == "explain") return print(explain(cluster, line.wanted), line.output);
  if (command == "verify") return print(verify(cluster, line.wanted), line.output);
  if (command == "bundle") return print(bundle(cluster, runner, line.wanted, stamp()), line.output);
  if (!line.wanted.end && !line.yes &&
      !confirmed(release_question(line.wanted), std::cin, std::cerr)) {
    std::cerr << "kubectl-espalier: nothing was released\n";
    return kNotFine;
  }
  return print(release(cluster, line.wanted), line.output);
}

// The words before the last, as far as they are a command line, say whom to ask.
int complete(CLI::App& app, const CommandLine& line, const std::vector<std::string>& words) {
  app.allow_extras();
  app.require_subcommand(0);
  for (CLI::App* each : app.get_subcommands([](CLI::App*) { return true; })) {
    each->allow_extras();
    for (CLI::Option* option : each->get_options()) option->required(false);
  }
  try {
    app.parse(std::vector<std::string>(words.rbegin() + (words.empty() ? 0 : 1), words.rend()));
  } catch (const CLI::ParseError&) {
    // What was understood is enough.
  }
  ProcessRunner runner;
  Options options = options_of(line);
  options.patience = std::chrono::seconds(3);
  Cluster cluster(runner, options);
  const auto names_of = [&](const std::string& command, std::size_t position) {
    if (command == "explain" && position < 2) {
      return names(cluster, line.wanted.space.empty() ? Arguments{"pods"}
                                                      : Arguments{"pods", "-n", line.wanted.space});
    }
    if (command == "release" && position == 0) return names(cluster, {"nodes"});
    if (command == "completion" && position == 0)
      return std::vector<std::string>{"bash", "fish", "zsh"};
    return std::vector<std::string>{};
  };
  print_completions(completions(app, words, names_of), std::cout);
  return kFine;
}

int main_of(int argc, char** argv) {
  CommandLine line;
  CLI::App app(kDescription, "kubectl espalier");
  describe(app, line);
  app.footer(kFooter);  // now, so that the commands do not inherit it
  if (argc > 1 && std::string_view(argv[1]) == "__complete")
    return complete(app, line, std::vector<std::string>(argv + 2, argv + argc));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? kFine : kUsage;
  }
  return run(app.get_subcommands().front()->get_name(), line);
}

}  // namespace
}  // namespace espalier::cli::kubectl

int main(int argc, char** argv) {
  try {
    return espalier::cli::kubectl::main_of(argc, argv);
  } catch (const std::exception& thrown) {
    std::cerr << "kubectl-espalier: " << thrown.what() << "\n";
    return espalier::cli::kAgentError;
  }
}
