// espalierctl: asks the agent of this node, and tells it what is wanted.

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>

#include "cli/client.h"
#include "cli/completion.h"
#include "cli/confirm.h"
#include "cli/exit_status.h"
#include "cli/message_json.h"
#include "cli/table/yaml.h"
#include "cli/views.h"

namespace espalier::cli {
namespace {

namespace v1 = agent::v1;

struct Options {
  std::string socket = "/run/espalier/agent.sock";
  std::string output = "table";
  int patience = 10;
  std::string name;
  bool wait = false;
  int wait_seconds = 30;
  bool strict = false;
  bool end = false;
  bool in_clear = false;
  bool yes = false;
  std::string why;
  std::string shell;
};

constexpr const char* kDescription =
    "Shows and changes what the Espalier agent of this node does: which peers are encrypted, what\n"
    "each security association carries, who refused whom and why.";

constexpr const char* kFooter = R"(Names:
  NAME is a connection ("node2/v4"), a peer ("node2"), or the object it comes from ("cluster",
  "IPsecPolicy/cluster", "Tunnel/edge/branch"); it means every connection that has it.

Output:
  Tables are for people and fit 100 columns. Scripts take -o json or -o yaml: field names do not
  change within a version of the service, octet counts are exact, times are UTC.

Exit status:
  0  fine
  1  not fine: verify found a failure (with --strict: or a warning), a connection did not come up,
     an address is covered by no rule, or a release was not confirmed
  2  the command line is wrong
  3  the agent cannot be reached, or its loop does not answer
  4  the agent knows no such name
  5  the wait ended before anything was decided
  6  the agent answered with another error

Files:
  /run/espalier/agent.sock  the agent's socket; root alone may open it

Examples:
  espalierctl status                        all connections, and why the failed ones failed
  espalierctl status node2                  everything about one peer
  espalierctl trafficstatus -o json | jq '.children[].child.out.bytes'
  espalierctl explain 10.244.2.7            which connection carries this pod's traffic
  espalierctl up branch --wait              begin now; say how it went
  espalierctl release                       open this node, without any API server; asks first
  espalierctl release --end                 enforce the plan again
  espalierctl completion bash > /etc/bash_completion.d/espalierctl
  espalierctl verify && echo protected)";

std::string formatted(const google::protobuf::Message& message, const std::string& output,
                      const std::string& table) {
  if (output == "table") return table;
  const auto json = message_json(message);
  if (output == "yaml") return yaml_text(json);
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

// Prints an answer or the refusal; the exit status is `judge(answer)` or the refusal's.
template <typename T, typename Text, typename Judge>
int finish(const Answer<T>& answer, const std::string& output, Text text, Judge judge) {
  if (!answer) {
    std::cerr << "espalierctl: " << answer.error().sentence << "\n";
    return answer.error().status;
  }
  std::cout << formatted(*answer, output, output == "table" ? text(*answer) : "") << std::flush;
  return judge(*answer);
}

int judge_command(const v1::CommandResponse& done) {
  int status = kFine;
  for (const v1::CommandResult& result : done.results()) {
    if (result.outcome() == "Failed") return kNotFine;
    if (result.outcome() == "TimedOut") status = kTimedOut;
  }
  return status;
}

int judge_verify(const v1::VerifyResponse& verified, bool strict) {
  if (verified.verdict() == "ok") return kFine;
  return verified.verdict() == "warn" && !strict ? kFine : kNotFine;
}

int judge_release(const v1::ReleaseResponse& done) {
  return done.not_kept().empty() ? kFine : kNotFine;
}

std::string release_question(const Options& options) {
  const std::string whose =
      options.name.empty() ? "Everything of this node" : "Everything of " + options.name;
  return whose +
         (options.in_clear ? " will pass in CLEAR, and its SAs go."
                           : " that has no SA will pass in CLEAR, also what must be encrypted.") +
         "\nThat stays so, across restarts, until `espalierctl release --end`. Release?";
}

int release(Client& client, const Options& options) {
  if (!options.end && !options.yes && !confirmed(release_question(options), std::cin, std::cerr)) {
    std::cerr << "espalierctl: nothing was released\n";
    return kNotFine;
  }
  return finish(client.release({options.name, options.end, options.in_clear, options.why}),
                options.output, release_text, judge_release);
}

int run(const std::string& command, const Options& options) {
  auto client = Client::connect(options.socket, std::chrono::seconds(options.patience));
  if (!client) {
    std::cerr << "espalierctl: " << client.error().sentence << "\n";
    return client.error().status;
  }
  const Client::Wish wish{options.name, options.wait, std::chrono::seconds(options.wait_seconds)};
  const auto fine = [](const auto&) { return static_cast<int>(kFine); };
  if (command == "status") {
    return finish(client->status(options.name), options.output,
                  options.name.empty() ? status_text : status_details, fine);
  }
  if (command == "trafficstatus") {
    return finish(client->traffic_status(options.name), options.output, traffic_text, fine);
  }
  if (command == "explain") {
    return finish(
        client->explain(options.name), options.output,
        [&](const v1::ExplainResponse& explained) { return explain_text(explained, options.name); },
        [](const v1::ExplainResponse& explained) {
          return static_cast<int>(explained.explanations().empty() ? kNotFine : kFine);
        });
  }
  if (command == "verify") {
    return finish(
        client->verify(), options.output, verify_text,
        [&](const v1::VerifyResponse& verified) { return judge_verify(verified, options.strict); });
  }
  if (command == "release") return release(*client, options);
  return finish(command == "up" ? client->up(wish) : client->down(wish), options.output,
                command_text, judge_command);
}

// Without a description: the option's own help names the range.
CLI::Validator a_while() {
  CLI::Validator validator = CLI::Range(1, 600);
  return validator.description("");
}

void add_commands(CLI::App& app, Options& options) {
  const auto add_name = [&](CLI::App* command, const char* help, bool required) {
    auto* option = command->add_option("NAME", options.name, help);
    if (required) option->required();
  };
  const auto add_wait = [&](CLI::App* command) {
    auto* wait = command->add_flag("-w,--wait", options.wait,
                                   "Wait until it is done, or an attempt has failed");
    command->add_option("--wait-timeout", options.wait_seconds, "At most (1 to 600)")
        ->check(a_while())
        ->type_name("SECONDS")
        ->capture_default_str()
        ->needs(wait);
  };
  add_name(app.add_subcommand("status", "Show connections, and why those that failed did"),
           "Show everything about these only", false);
  add_name(app.add_subcommand("trafficstatus", "Show what each child SA carries"),
           "Show these only", false);
  auto* explain =
      app.add_subcommand("explain", "Say which connection, child and policy covers something");
  explain->add_option("NAME|ADDRESS", options.name, "An IP address, or a name")->required();
  auto* up = app.add_subcommand("up", "Want these connections up, from now on");
  add_name(up, "Which", true);
  add_wait(up);
  auto* down = app.add_subcommand("down", "Want these connections down, until `up` or a restart");
  add_name(down, "Which", true);
  add_wait(down);
  down->footer("What a Required policy covers stays blocked while the connection is down.");
  auto* release = app.add_subcommand(
      "release", "Open this node, or what has a name: block nothing, until --end");
  add_name(release, "Only these; left out: the whole node (with --end: every release)", false);
  auto* end = release->add_flag("--end", options.end, "Enforce again what was released");
  release
      ->add_flag("--in-clear", options.in_clear,
                 "Take SAs down, too: for a network that lets IKE through and ESP not")
      ->excludes(end);
  release->add_option("--why", options.why, "A line for whoever finds it so")
      ->type_name("TEXT")
      ->excludes(end);
  release->add_flag("-y,--yes", options.yes, "Do not ask")->excludes(end);
  release->footer(
      "Traffic goes by SAs where they stand, and in clear, counted, where none does. The peer "
      "decides\n"
      "for itself: one that requires ESP drops what comes in clear, so release both ends. It "
      "outlives\n"
      "the agent; status, verify, the log and the metric ipsec_releases say so until it is ended.\n"
      "No agent runs, and none starts? `espalier-agent release` removes from the kernel what is "
      "ours.");
  app.add_subcommand("completion", "Print a shell's completion script")
      ->add_option("SHELL", options.shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::Validator(CLI::IsMember({"bash", "zsh", "fish"})).description(""));
  auto* verify = app.add_subcommand("verify", "Check everything that protection depends on");
  verify->add_flag("--strict", options.strict, "Count a warning as a failure");
}

// Names that the agent knows; none where it does not answer.
std::vector<std::string> known_names(const Options& options, const std::string& command,
                                     std::size_t position) {
  if (position > 0 || command == "verify") return {};
  if (command == "completion") return {"bash", "fish", "zsh"};
  auto client = Client::connect(options.socket, std::chrono::seconds(1));
  if (!client) return {};
  const auto status = client->status("");
  if (!status) return {};
  std::vector<std::string> names;
  for (const v1::Connection& connection : status->connections()) {
    names.insert(names.end(), {connection.name(), connection.peer(), connection.owner()});
  }
  return names;
}

int main_of(int argc, char** argv) {
  Options options;
  CLI::App app(kDescription, "espalierctl");
  app.set_version_flag("--version", std::string("espalierctl ") + ESPALIER_VERSION);
  app.get_formatter()->column_width(30);
  app.require_subcommand(1);
  app.fallthrough();
  app.add_option("--socket", options.socket, "The agent's socket")
      ->type_name("PATH")
      ->envname("ESPALIER_SOCKET")
      ->capture_default_str();
  app.add_option("-o,--output", options.output, "How to print")
      ->check(CLI::IsMember({"table", "json", "yaml"}))
      ->type_name("FORMAT")
      ->capture_default_str();
  app.add_option("--timeout", options.patience, "That the agent may take to answer (1 to 600)")
      ->check(a_while())
      ->type_name("SECONDS")
      ->capture_default_str();
  add_commands(app, options);
  app.footer(kFooter);  // now, so that the commands do not inherit it
  if (argc > 1 && std::string_view(argv[1]) == "__complete") {
    if (const char* socket = std::getenv("ESPALIER_SOCKET")) options.socket = socket;
    const auto names = [&](const std::string& command, std::size_t position) {
      return known_names(options, command, position);
    };
    print_completions(completions(app, std::vector<std::string>(argv + 2, argv + argc), names),
                      std::cout);
    return kFine;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? kFine : kUsage;
  }
  const std::string command = app.get_subcommands().front()->get_name();
  if (command == "completion") {
    std::cout << completion_script(options.shell, "espalierctl");
    return kFine;
  }
  return run(command, options);
}

}  // namespace
}  // namespace espalier::cli

int main(int argc, char** argv) {
  try {
    return espalier::cli::main_of(argc, argv);
  } catch (const std::exception& thrown) {
    std::cerr << "espalierctl: " << thrown.what() << "\n";
    return espalier::cli::kAgentError;
  }
}
