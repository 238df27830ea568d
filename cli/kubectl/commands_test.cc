// The commands against a kubectl that is none: what it is asked, and what is made of its answers.

#include "cli/kubectl/commands.h"

#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <sstream>

#include <gmock/gmock.h>

#include "cli/kubectl/bundle.h"
#include "cli/kubectl/process_runner.h"
#include "cli/table/text.h"

namespace espalier::cli::kubectl {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::string joined(const Arguments& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

// Answers by the beginning of what is asked; what nobody prepared is an error of kubectl's.
class FakeRunner final : public Runner {
 public:
  std::map<std::string, Ran> answers;
  std::vector<std::string> asked;

  void answer(const std::string& beginning, const std::string& out, int status = 0,
              const std::string& err = "") {
    answers[beginning] = {status, false, out, err};
  }
  std::vector<Ran> run(const std::vector<Arguments>& commands, std::chrono::seconds) override {
    std::vector<Ran> all;
    for (const Arguments& command : commands) {
      asked.push_back(joined(command));
      Ran ran{1, false, "", "error: nothing was prepared for this\n"};
      std::size_t longest = 0;
      for (const auto& [beginning, prepared] : answers) {
        if (!asked.back().starts_with(beginning) || beginning.size() < longest) continue;
        longest = beginning.size();
        ran = prepared;
      }
      all.push_back(ran);
    }
    return all;
  }
};

Json agent_pod(const std::string& node, const std::string& phase = "Running") {
  return {{"metadata", {{"name", "agent-" + node}}},
          {"spec",
           {{"nodeName", node},
            {"containers", Json::array({{{"name", "agent"},
                                         {"ports", Json::array({{{"name", "metrics"},
                                                                 {"containerPort", 9464}}})}}})}}},
          {"status", {{"phase", phase}}}};
}

Json condition(const char* type, const char* status, const char* reason, const char* message) {
  return {{"type", type}, {"status", status}, {"reason", reason}, {"message", message}};
}

Json object(const char* kind, const std::string& name, Json status, Json spec = Json::object()) {
  return {{"kind", kind},
          {"metadata", {{"name", name}}},
          {"spec", std::move(spec)},
          {"status", std::move(status)}};
}

Json pod(const std::string& name, const std::string& node, const std::string& v4,
         const std::string& v6) {
  return {{"metadata", {{"namespace", "default"}, {"name", name}}},
          {"spec", {{"nodeName", node}}},
          {"status", {{"podIPs", Json::array({{{"ip", v4}}, {{"ip", v6}}})}}}};
}

Json rule(const std::string& local, const std::string& remote, const std::string& child_state,
          unsigned protocol = 0) {
  return {{"sentence", local + " to " + remote + " is as it is."},
          {"connection", "node2/v4"},
          {"child", "pods"},
          {"owner", "IPsecPolicy/cluster"},
          {"enforcement", "Required"},
          {"local", local},
          {"remote", remote},
          {"protocol", protocol},
          {"state", child_state == "Up" ? "Established" : "Waiting"},
          {"childState", child_state}};
}

Json traffic(const std::string& peer, std::int64_t in, std::int64_t out) {
  return {{"children", Json::array({{{"connection", peer + "/v4"},
                                     {"peer", peer},
                                     {"child",
                                      {{"name", "pods"},
                                       {"state", "Up"},
                                       {"spiIn", "0xc0000001"},
                                       {"spiOut", "0xc0000002"},
                                       {"in", {{"bytes", in * 100}, {"packets", in}}},
                                       {"out", {{"bytes", out * 100}, {"packets", out}}}}}}})}};
}

class KubectlTest : public ::testing::Test {
 protected:
  KubectlTest() {
    agents({agent_pod("node1"), agent_pod("node2")});
    options_.global = {"--context", "lab"};
  }
  void agents(const std::vector<Json>& pods) {
    runner.answer("kubectl --context lab get pods -n espalier-system -l",
                  Json{{"items", pods}}.dump());
  }
  void says(const std::string& node, const std::string& command, const Json& json, int status = 0) {
    runner.answer(
        exec(node) + command, json.dump(), status,
        status == 0 ? "" : "command terminated with exit code " + std::to_string(status) + "\n");
  }
  static std::string exec(const std::string& node) {
    return "kubectl --context lab exec -n espalier-system agent-" + node +
           " -c agent -- espalierctl ";
  }
  Cluster& cluster() {
    cluster_ = std::make_unique<Cluster>(runner, options_);
    return *cluster_;
  }
  static void expect_fits(const std::string& text) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) EXPECT_LE(width_of(line), kWidth) << line;
  }

  FakeRunner runner;
  Options options_;
  std::unique_ptr<Cluster> cluster_;
};

class StatusTest : public KubectlTest {
 protected:
  StatusTest() {
    const Json ready = Json::array({condition("Ready", "True", "Ready", "")});
    runner.answer(
        "kubectl --context lab get ipsecpolicies.espalier.io",
        Json{{"items",
              Json::array(
                  {object("IPsecPolicy", "cluster",
                          {{"nodes", {{"wanted", 2}, {"ready", 1}}},
                           {"conditions", Json::array({condition("Ready", "False", "NodesMissing",
                                                                 "node2: 0 of 1 peers stand")})}},
                          {{"enforcement", "Required"}}),
                   object("NodePolicy", "node1",
                          {{"peers", {{"wanted", 1}, {"ready", 0}}}, {"conditions", ready}}),
                   object("NodePolicy", "node2",
                          {{"peers", {{"wanted", 1}, {"ready", 0}}}, {"conditions", ready}}),
                   object("NodeEndpoint", "node3", {{"conditions", ready}})})}}
            .dump());
    says("node1", "status",
         {{"agent", {{"node", "node1"}, {"version", "0.1.0"}, {"at", "2026-11-24T20:00:00Z"}}},
          {"kernel",
           {{"plaintext",
             Json::array({{{"blocked", {{"packets", 7}}}, {"passed", {{"packets", 3}}}}})}}},
          {"connections", Json::array({{{"name", "node2/v4"},
                                        {"peer", "node2"},
                                        {"state", "Waiting"},
                                        {"lastFailure",
                                         {{"at", "2026-11-24T19:59:48Z"},
                                          {"side", "Local"},
                                          {"reason", "UntrustedIssuer"},
                                          {"sentence", "Its issuer is unknown."},
                                          {"whatToDo", "Add the issuer to espalier-trust."}}}}})}});
    runner.answer(exec("node2") + "status", "", 3,
                  "espalierctl: no agent at /run/espalier/agent.sock: it is not there\n"
                  "command terminated with exit code 3\n");
  }
};

TEST_F(StatusTest, ShowsPoliciesAndNodesAndWhatToDo) {
  const auto outcome = status(cluster());
  ASSERT_TRUE(outcome) << outcome.error().to_string();
  EXPECT_EQ(outcome->status, kNoAgent) << "node2 and node3 do not answer";
  EXPECT_EQ(outcome->text,
            "POLICY   ENFORCEMENT  NODES UP  READY  REASON\n"
            "cluster  Required          1/2  False  NodesMissing\n"
            "\n"
            "NODE   AGENT   READY  REASON  PEERS  CONNECTIONS  CLEAR BLOCKED  PASSED\n"
            "node1  0.1.0   True   Ready     0/1          0/1              7       3\n"
            "node2  silent  True   Ready     0/1\n"
            "node3  silent\n"
            "\n"
            "IPsecPolicy cluster: Ready is False, NodesMissing\n"
            "  why  node2: 0 of 1 peers stand\n"
            "\n"
            "On node1:\n"
            "node2/v4: this node refused node2, 12s ago: UntrustedIssuer\n"
            "  why  Its issuer is unknown.\n"
            "  do   Add the issuer to espalier-trust.\n"
            "\n"
            "node node2: its agent does not answer\n"
            "  why  espalierctl: no agent at /run/espalier/agent.sock: it is not there\n"
            "  do   kubectl describe pod and kubectl logs of agent-node2; or ask on the node: "
            "espalierctl status\n"
            "\n"
            "node node3: its agent does not answer\n"
            "  why  no pod of the agent is on this node\n");
  expect_fits(outcome->text);
  const Json& json = outcome->json;
  EXPECT_EQ(json["policies"][0]["nodes"]["ready"], 1);
  EXPECT_EQ(json["nodes"][0]["agent"]["agent"]["version"], "0.1.0")
      << "whole, as the agent said it";
  EXPECT_EQ(json["nodes"][1]["answered"], false);
  EXPECT_THAT(std::string(json["nodes"][1]["error"]), HasSubstr("no agent at"));
}

TEST_F(StatusTest, AnApiServerThatIsAwayIsAnError) {
  runner.answers.clear();
  const auto outcome = status(cluster());
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Code::kUnavailable);
  EXPECT_THAT(outcome.error().to_string(), HasSubstr("nothing was prepared"));
}

TEST_F(KubectlTest, TrafficStandsBesideWhatThePeerReceived) {
  says("node1", "trafficstatus", traffic("node2", 40, 50));
  says("node2", "trafficstatus", traffic("node1", 48, 40));
  const auto outcome = traffic_status(cluster(), {});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->status, kFine);
  EXPECT_EQ(outcome->text,
            "FROM   TO     CHILD     SENT  PACKETS  RECEIVED  PACKETS\n"
            "node1  node2  pods   4.9 KiB       50   4.7 KiB       48\n"
            "node2  node1  pods   3.9 KiB       40   3.9 KiB       40\n");
  EXPECT_EQ(outcome->json["flows"][0]["received"]["packets"], 48);
}

TEST_F(KubectlTest, ANameThatOneNodeDoesNotKnowIsNoTrouble) {
  Wanted wanted;
  wanted.name = "node2";
  says("node1", "trafficstatus node2", traffic("node2", 1, 1));
  runner.answer(exec("node2") + "trafficstatus node2", "", 4,
                "espalierctl: no connection is named 'node2'\n");
  const auto outcome = traffic_status(cluster(), wanted);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->status, kFine) << outcome->text;
}

TEST_F(KubectlTest, VerifyShowsWhatIsNotOk) {
  const Json ok{{"name", "kernel-esp"}, {"verdict", "ok"}, {"finding", "takes ESP"}};
  const Json bad{{"name", "connections"},
                 {"verdict", "fail"},
                 {"finding", "0 of 1 stand"},
                 {"whatToDo", "look"}};
  says("node1", "verify", {{"checks", Json::array({ok})}, {"verdict", "ok"}});
  says("node2", "verify", {{"checks", Json::array({ok, bad})}, {"verdict", "fail"}}, 1);
  const auto outcome = verify(cluster(), {});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->status, kNotFine);
  EXPECT_EQ(outcome->text,
            "node1: ok (1 checks)\n"
            "node2: fail (2 checks)\n"
            "fail  connections      0 of 1 stand\n"
            "                       -> look\n");
  says("node2", "verify", {{"checks", Json::array({ok})}, {"verdict", "warn"}});
  EXPECT_EQ(verify(cluster(), {})->status, kFine);
  Wanted strict;
  strict.strict = true;
  EXPECT_EQ(verify(cluster(), strict)->status, kNotFine);
  agents({agent_pod("node1"), agent_pod("node2", "Pending")});
  const auto silent = verify(cluster(), {});
  EXPECT_EQ(silent->status, kNoAgent);
  EXPECT_THAT(silent->text, HasSubstr("its pod agent-node2 does not run: it is Pending"));
}

class PairTest : public KubectlTest {
 protected:
  PairTest() {
    runner.answer("kubectl --context lab get pod a",
                  pod("a", "node1", "10.244.1.5", "fd00:1::5").dump());
    runner.answer("kubectl --context lab get pod b",
                  pod("b", "node2", "10.244.2.7", "fd00:2::7").dump());
    says("node1", "trafficstatus", traffic("node2", 3, 4));
    says("node2", "trafficstatus", traffic("node2", 4, 3));
    explain("node1", "10.244.2.7", {rule("10.244.1.0/24", "10.244.2.0/24", "Up")});
    explain("node2", "10.244.1.5", {rule("10.244.2.0/24", "10.244.1.0/24", "Up")});
    explain("node1", "fd00:2::7", {rule("fd00:1::/64", "fd00:2::/64", "Up")});
    explain("node2", "fd00:1::5", {rule("fd00:2::/64", "fd00:1::/64", "Up")});
    wanted_.from = "a";
    wanted_.to = "b";
  }
  void explain(const std::string& node, const std::string& address,
               const std::vector<Json>& rules) {
    says(node, "explain " + address, {{"explanations", rules}}, rules.empty() ? 1 : 0);
  }
  Result<Outcome> outcome() { return kubectl::explain(cluster(), wanted_); }
  Wanted wanted_;
};

TEST_F(PairTest, ToldFromBothEndsAndForBothFamilies) {
  const auto told = outcome();
  ASSERT_TRUE(told) << told.error().to_string();
  EXPECT_EQ(told->status, kFine) << told->text;
  EXPECT_THAT(
      told->text,
      AllOf(HasSubstr("default/a (10.244.1.5, fd00:1::5 on node1)\n<-> default/b (10.244.2.7"),
            HasSubstr("IPv4\n  node1  10.244.1.0/24 to 10.244.2.0/24 is as it is.\n"
                      "         by IPsecPolicy/cluster, Required\n"
                      "         its SAs (in 0xc0000001, out 0xc0000002) have carried in 300 B in "
                      "3 packets, out 400 B in 4\n         packets\n"),
            HasSubstr("\n  node2  10.244.2.0/24 to 10.244.1.0/24"),
            HasSubstr("\nIPv6\n  node1  fd00:1")));
  expect_fits(told->text);
  ASSERT_EQ(told->json["ends"].size(), 4U);
  EXPECT_EQ(told->json["ends"][0]["fate"], "Encrypted");
  EXPECT_EQ(told->json["ends"][0]["winner"]["owner"], "IPsecPolicy/cluster");
  EXPECT_EQ(told->json["ends"][0]["child"]["spiIn"], "0xc0000001");
}

TEST_F(PairTest, TheFirstRuleForBothAddressesWinsAndPortsAreParts) {
  explain("node1", "10.244.2.7",
          {rule("10.9.0.0/24", "10.244.2.0/24", "Up"),  // not this pod's
           rule("10.244.1.0/24", "10.244.0.0/16", "Up", 17),
           rule("10.244.1.0/24", "10.244.2.0/24", "Down"), rule("0.0.0.0/0", "0.0.0.0/0", "Up")});
  const auto told = outcome();
  ASSERT_TRUE(told);
  EXPECT_EQ(told->status, kNotFine);
  EXPECT_EQ(told->json["ends"][0]["fate"], "Blocked");
  EXPECT_EQ(told->json["ends"][0]["winner"]["remote"], "10.244.2.0/24");
  ASSERT_EQ(told->json["ends"][0]["parts"].size(), 1U);
  EXPECT_EQ(told->json["ends"][0]["parts"][0]["protocol"], 17);
}

TEST_F(PairTest, WhatNoRuleCoversPassesInClear) {
  explain("node1", "fd00:2::7", {});
  const auto told = outcome();
  EXPECT_EQ(told->status, kNotFine);
  EXPECT_EQ(told->json["ends"][2]["fate"], "Clear");
  EXPECT_THAT(told->text, HasSubstr("no rule covers this: it passes in clear."));
}

TEST_F(PairTest, PodsOfOneNodeNeedNothing) {
  runner.answer("kubectl --context lab get pod b",
                pod("b", "node1", "10.244.1.6", "fd00:1::6").dump());
  const auto told = outcome();
  EXPECT_EQ(told->status, kFine);
  EXPECT_THAT(told->text, HasSubstr("Both are on node1: nothing between them leaves the node."));
}

TEST_F(PairTest, ASilentAgentIsSaidAndTheOtherEndIsTold) {
  agents({agent_pod("node1")});
  const auto told = outcome();
  EXPECT_EQ(told->status, kNoAgent);
  EXPECT_THAT(told->text, AllOf(HasSubstr("node2  its agent does not answer: no pod of the agent"),
                                HasSubstr("node1  10.244.1.0/24 to 10.244.2.0/24")));
}

TEST_F(PairTest, APodThatIsNotThere) {
  runner.answer("kubectl --context lab get pod b", "", 1,
                "Error from server (NotFound): pods \"b\" not found\n");
  EXPECT_EQ(outcome().error().code, Code::kNotFound);
  wanted_.to = "db/b";
  EXPECT_FALSE(outcome());
  EXPECT_EQ(runner.asked.back(), "kubectl --context lab get pod b -n db -o json");
}

TEST_F(KubectlTest, AReleaseGoesToThatNodeAlone) {
  Wanted wanted;
  wanted.node = "node2";
  wanted.why = "INC-42";
  says("node2", "release --yes --why INC-42 -o json",
       {{"releases", Json::array({{{"name", ""}, {"connections", Json::array({"node1/v4"})}}})}});
  const auto released = release(cluster(), wanted);
  ASSERT_TRUE(released) << released.error().to_string();
  EXPECT_EQ(released->text, "released: the whole node, 1 connection: node1/v4\n");
  EXPECT_THAT(runner.asked, Not(Contains(HasSubstr("agent-node1 -c"))));

  wanted.node = "node9";
  const auto nowhere = release(cluster(), wanted);
  EXPECT_EQ(nowhere.error().code, Code::kUnavailable);
  EXPECT_THAT(nowhere.error().to_string(), HasSubstr("on the node itself `espalierctl release`"));
}

TEST_F(KubectlTest, ABundleHoldsEveryAnswerAndNamesWhatIsMissing) {
  says("node1", "status", {{"agent", {{"node", "node1"}}}});
  runner.answer("kubectl --context lab get ipsecpolicies.espalier.io -o yaml", "kind: List\n");
  runner.answer(
      "kubectl --context lab get --raw "
      "/api/v1/namespaces/espalier-system/pods/agent-node1:9464/proxy/metrics",
      "ipsec_releases 0\n");
  const auto found = cluster().agents();
  const std::vector<BundleFile> files = gather(*cluster_, *found);
  std::map<std::string, std::string> texts;
  for (const BundleFile& file : files) texts[file.path] = file.text;
  EXPECT_EQ(texts["ipsecpolicies.yaml"], "kind: List\n");
  EXPECT_EQ(texts["nodes/node1/status.json"], R"({"agent":{"node":"node1"}})");
  EXPECT_EQ(texts["nodes/node1/metrics.txt"], "ipsec_releases 0\n");
  EXPECT_THAT(texts["errors.txt"],
              HasSubstr("nodes/node2/status.json: error: nothing was prepared"));
  EXPECT_THAT(runner.asked, Not(Contains(HasSubstr("secret")))) << "no Secret is asked for";
}

TEST(Bundle, IsATarThatOnlyItsOwnerReads) {
  std::string pattern = (fs::temp_directory_path() / "bundle_XXXXXX").string();
  ASSERT_NE(mkdtemp(pattern.data()), nullptr);
  const std::string path = pattern + "/out.tar.gz";
  ProcessRunner runner;
  const std::vector<BundleFile> files{{"nodes/node1/agent.log", "a line\n"}, {"errors.txt", ""}};
  const auto written = write_bundle(runner, files, "bundle", path);
  ASSERT_TRUE(written) << written.error().to_string();
  EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  const Ran list =
      runner.run({{"tar", "-xzOf", path, "bundle/nodes/node1/agent.log"}}, std::chrono::seconds(60))
          .front();
  EXPECT_EQ(list.out, "a line\n");
  EXPECT_EQ(write_bundle(runner, files, "bundle", path).error().code, Code::kExists);
  fs::remove_all(pattern);
}

TEST(ProcessRunner, KeepsOrderStatusAndBothStreams) {
  ProcessRunner runner;
  std::vector<Arguments> commands;
  for (int i = 0; i < 40; ++i)
    commands.push_back(
        {"sh", "-c", "echo " + std::to_string(i) + "; echo e >&2; exit " + std::to_string(i % 3)});
  const auto runs = runner.run(commands, std::chrono::seconds(120));
  ASSERT_EQ(runs.size(), 40U);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    EXPECT_EQ(runs[i].out, std::to_string(i) + "\n");
    EXPECT_EQ(runs[i].err, "e\n");
    EXPECT_EQ(runs[i].status, static_cast<int>(i % 3));
  }
}

TEST(ProcessRunner, EndsWhatTakesTooLongAndSaysWhatIsNotThere) {
  ProcessRunner runner;
  const auto runs = runner.run({{"sleep", "3600"}, {"espalier-no-such-program"}, {"cat"}},
                               std::chrono::seconds(1));
  EXPECT_TRUE(runs[0].timed_out);
  EXPECT_EQ(runs[1].status, 127);
  EXPECT_THAT(runs[1].err, HasSubstr("espalier-no-such-program"));
  EXPECT_EQ(runs[2].out, "") << "its standard input is empty";
}

TEST_F(KubectlTest, NamesForTheShell) {
  runner.answer("kubectl --context lab get nodes -o name", "node/node1\nnode/node2\n");
  EXPECT_THAT(names(cluster(), {"nodes"}), ElementsAre("node1", "node2"));
  EXPECT_TRUE(names(cluster(), {"pods"}).empty());
}

}  // namespace
}  // namespace espalier::cli::kubectl
