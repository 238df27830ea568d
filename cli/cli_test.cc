// The program as users run it, against a service with the sample snapshot.

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <sys/wait.h>

#include "cli/confirm.h"
#include "cli/exit_status.h"
#include "cli/table/text.h"
#include "nodeagent/rpc/rpc_server.h"
#include "nodeagent/telemetry/sample.h"

namespace espalier::cli {
namespace {

namespace fs = std::filesystem;
using rpc::CommandOutcome;
using rpc::Outcome;
using telemetry::ConnectionState;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class Commands final : public rpc::CommandSink {
 public:
  void submit(rpc::Command command, Answer answer) override {
    last = command;
    outcome.connection = command.connection;
    answer(outcome);
  }
  void release(rpc::ReleaseWish wish, Released answer) override {
    wishes.push_back(wish);
    rpc::ReleaseOutcome done;
    if (wish.end) {
      done.ended = {wish.name};
    } else {
      done.releases = {{wish.name, wish.in_clear, wish.why, {}, {"node2/v4", "node3/v4"}}};
    }
    done.not_kept = not_kept;
    answer(done);
  }
  std::vector<rpc::ReleaseWish> wishes;
  std::string not_kept;
  rpc::Command last;
  CommandOutcome outcome;
};

struct Ended {
  int status = -1;
  std::string text;  // both streams
};

class CliTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "cli_XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    socket_ = (root_ / "agent.sock").string();
    rpc::RpcServer::Options options;
    options.socket = socket_;
    options.patience = std::chrono::milliseconds(1);
    auto server = rpc::RpcServer::start(cell_, commands_, options);
    ASSERT_TRUE(server.has_value()) << server.error().to_string();
    server_ = std::move(*server);
    publish(telemetry::sample_snapshot());
  }
  void TearDown() override {
    server_.reset();
    fs::remove_all(root_);
  }
  void publish(telemetry::Snapshot snapshot) {
    cell_.publish(std::make_shared<const telemetry::Snapshot>(std::move(snapshot)));
  }

  static Ended run_raw(const std::string& arguments) {
    Ended run;
    FILE* pipe = popen((std::string(ESPALIERCTL) + " " + arguments + " 2>&1").c_str(), "r");
    std::array<char, 4096> buffer{};
    for (std::size_t n; (n = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
      run.text.append(buffer.data(), n);
    }
    const int ended = pclose(pipe);
    run.status = WIFEXITED(ended) ? WEXITSTATUS(ended) : -1;
    return run;
  }
  [[nodiscard]] Ended run(const std::string& arguments) const {
    return run_raw("--socket " + socket_ + " " + arguments);
  }
  static void expect_fits(const std::string& text) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      EXPECT_LE(width_of(line), kWidth) << line;
    }
  }

  fs::path root_;
  std::string socket_;
  telemetry::SnapshotCell cell_;
  Commands commands_;
  std::unique_ptr<rpc::RpcServer> server_;
};

TEST_F(CliTest, StatusIsATableAndTheReasonsOfFailures) {
  const Ended status = run("status");
  EXPECT_EQ(status.status, kFine);
  EXPECT_EQ(
      status.text,
      "node1, agent 0.1.0, running for 2h00m; plan 5f1d0a6c for 1h35m\n"
      "\n"
      "CONNECTION  PEER     STATE        SINCE  REMOTE          BLOCKS  CHILDREN\n"
      "node2/v4    node2    Established  1h30m  10.10.0.12:500  clear   nodes, pods\n"
      "node3/v4    node3    Waiting             10.10.0.13:500  clear\n"
      "edge/db     edge/db  Trapped             192.0.2.2:500           db (Trap)\n"
      "\n"
      "node3/v4: this node refused node3, 12s ago: UntrustedIssuer\n"
      "  why  The certificate of node3.nodes.example.com is issued by CN=Other CA, which this "
      "node does not\n"
      "       trust.\n"
      "  do   Give node3 a certificate of a trusted CA, or add CN=Other CA to espalier-trust.\n"
      "  next attempt in 20s\n");
  expect_fits(status.text);
}

TEST_F(CliTest, StatusOfOneShowsEverything) {
  const Ended status = run("status node2");
  EXPECT_EQ(status.status, kFine);
  EXPECT_THAT(status.text,
              AllOf(StartsWith("node2/v4: Established\n"),
                    HasSubstr("\n  IKE SA          0x1122334455667788 / 0x99aabbccddeeff00"),
                    HasSubstr("\n  PPK             ppk-2026-11\n"),
                    HasSubstr("\n  child pods: Up, Tunnel mode\n"),
                    HasSubstr("\n    SPIs            in 0xc0000003, out 0xc0000004, reqid "),
                    HasSubstr("\n    age             30m00s old, rekey in 24m00s\n")));
  expect_fits(status.text);
}

TEST_F(CliTest, TrafficStatusIsATable) {
  const Ended traffic = run("trafficstatus");
  EXPECT_EQ(traffic.status, kFine);
  EXPECT_EQ(
      traffic.text,
      "PEER   CHILD  STATE  MODE            IN  PACKETS      OUT  PACKETS     AGE  LAST USED\n"
      "node2  nodes  Up     Transport  1.0 MiB      900  2.0 MiB     1800  30m00s     2s ago\n"
      "node2  pods   Up     Tunnel       500 B        5      0 B        0  30m00s     2s ago\n");
  expect_fits(traffic.text);
}

TEST_F(CliTest, JsonHasExactNumbersAndEveryField) {
  const Ended run_json = run("trafficstatus node2 -o json");
  EXPECT_EQ(run_json.status, kFine);
  const auto json = nlohmann::json::parse(run_json.text);
  EXPECT_EQ(json["at"], "2026-11-24T20:00:00Z");
  EXPECT_EQ(json["children"][0]["child"]["in"]["bytes"], 1'048'576);
  EXPECT_EQ(json["children"][0]["totalOut"]["packets"], 3500);
  EXPECT_EQ(json["children"][1]["child"]["out"]["bytes"], 0) << "zero is told too";
  const auto status = nlohmann::json::parse(run("-o json status").text);
  EXPECT_FALSE(status["connections"][1].contains("ikeSa")) << "what does not stand is absent";
  EXPECT_EQ(status["connections"][1]["lastFailure"]["side"], "Local");
  EXPECT_EQ(status["connections"][2]["children"][0]["state"], "Trap");
}

TEST_F(CliTest, Yaml) {
  EXPECT_THAT(run("status -o yaml").text,
              AllOf(StartsWith("agent:\n  node: node1\n"), HasSubstr("\nconnections:\n- name: ")));
}

TEST_F(CliTest, Explains) {
  const Ended covered = run("explain 10.244.2.7");
  EXPECT_EQ(covered.status, kFine);
  EXPECT_EQ(covered.text,
            "10.244.1.0/24 to 10.244.2.0/24 is encrypted by child pods of node2/v4.\n"
            "    by IPsecPolicy/cluster, Required\n");
  const Ended clear = run("explain 203.0.113.9");
  EXPECT_EQ(clear.status, kNotFine);
  EXPECT_EQ(clear.text, "203.0.113.9 is covered by no rule: its traffic passes in clear.\n");
}

TEST_F(CliTest, VerifyChecksLineByLine) {
  const Ended verify = run("verify");
  EXPECT_EQ(verify.status, kNotFine);
  EXPECT_THAT(verify.text, AllOf(StartsWith("ok    kernel-esp       the kernel takes ESP SAs\n"),
                                 HasSubstr("\nfail  connections      2 of 3 stand; not: node3/v4\n"
                                           "                       -> espalierctl status says")));
  expect_fits(verify.text);
}

TEST_F(CliTest, VerifyCountsWarningsOnlyWhenStrict) {
  telemetry::Snapshot snapshot = telemetry::sample_snapshot();
  snapshot.connections.erase(snapshot.connections.begin() + 1);
  publish(snapshot);
  EXPECT_EQ(run("verify").status, kFine);
  EXPECT_EQ(run("verify --strict").status, kNotFine);
}

TEST_F(CliTest, UpAndDown) {
  commands_.outcome.outcome = Outcome::kTaken;
  commands_.outcome.state = ConnectionState::kWaiting;
  const Ended up = run("up node3");
  EXPECT_EQ(up.status, kFine);
  EXPECT_EQ(up.text, "node3/v4: will be done; it is Waiting now\n");
  EXPECT_FALSE(commands_.last.wait);

  commands_.outcome.outcome = Outcome::kReached;
  commands_.outcome.state = ConnectionState::kDown;
  EXPECT_EQ(run("down node2 --wait --wait-timeout 3").text, "node2/v4: Down\n");
  EXPECT_EQ(commands_.last.kind, rpc::CommandKind::kDown);
  EXPECT_EQ(commands_.last.patience, std::chrono::seconds(3));
}

TEST_F(CliTest, UpSaysWhyItFailed) {
  commands_.outcome.outcome = Outcome::kFailed;
  commands_.outcome.failure = telemetry::sample_snapshot().connections[1].last_failure;
  const Ended up = run("up node3 -w");
  EXPECT_EQ(up.status, kNotFine);
  EXPECT_THAT(up.text, StartsWith("node3/v4: failed, this node refused the peer: UntrustedIssuer\n"
                                  "  why  The certificate of node3"));
  commands_.outcome.outcome = Outcome::kTimedOut;
  EXPECT_EQ(run("up node3 -w").status, kTimedOut);
}

TEST_F(CliTest, AReleaseIsAskedFor) {
  const Ended unasked = run("release < /dev/null");
  EXPECT_EQ(unasked.status, kNotFine);
  EXPECT_THAT(unasked.text, AllOf(HasSubstr("pass in CLEAR"), HasSubstr("nothing was released")));
  EXPECT_TRUE(commands_.wishes.empty());

  const Ended released = run("release --yes --why 'a drill'");
  EXPECT_EQ(released.status, kFine);
  EXPECT_EQ(released.text, "released: the whole node, 2 connections: node2/v4, node3/v4\n");
  EXPECT_EQ(commands_.wishes.back().why, "a drill");
  EXPECT_EQ(run("release node2 --in-clear --yes").status, kFine);
  EXPECT_TRUE(commands_.wishes.back().in_clear);
  EXPECT_EQ(run("release node2 --end").text, "enforced again: node2\n");
  EXPECT_TRUE(commands_.wishes.back().end);

  commands_.not_kept = "disk full";
  const Ended unkept = run("release --yes");
  EXPECT_EQ(unkept.status, kNotFine);
  EXPECT_THAT(unkept.text, HasSubstr("NOT KEPT"));
}

TEST_F(CliTest, CompletesCommandsOptionsAndNames) {
  ASSERT_EQ(setenv("ESPALIER_SOCKET", socket_.c_str(), 1), 0);
  const auto completed = [](const std::string& words) {
    return run_raw("__complete " + words).text;
  };
  EXPECT_EQ(completed("tra"), "trafficstatus\n:4\n");
  EXPECT_EQ(completed("status node2"), "node2\nnode2/v4\n:4\n");
  EXPECT_EQ(completed("up -w edge"), "edge/db\n:4\n");
  EXPECT_EQ(completed("release --in"), "--in-clear\n:4\n");
  EXPECT_EQ(completed("release --why 'a drill' node3/"), "node3/v4\n:4\n");
  EXPECT_EQ(completed("status -o j"), "json\n:4\n");
  EXPECT_EQ(completed("frobnicate ''"), ":4\n");
  ASSERT_EQ(unsetenv("ESPALIER_SOCKET"), 0);
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const Ended script = run(std::string("completion ") + shell);
    EXPECT_EQ(script.status, kFine);
    EXPECT_THAT(script.text, HasSubstr("espalierctl __complete"));
  }
  EXPECT_EQ(run("completion tcsh").status, kUsage);
}

TEST(Confirm, OnlyAYesIsOne) {
  const auto answer = [](const std::string& line) {
    std::istringstream in(line);
    std::ostringstream out;
    return confirmed("Release?", in, out);
  };
  EXPECT_TRUE(answer("y\n"));
  EXPECT_TRUE(answer("Yes\n"));
  for (const char* no : {"", "\n", "n\n", "yesterday\n"}) EXPECT_FALSE(answer(no)) << no;
}

TEST_F(CliTest, WhatIsReleasedIsSeen) {
  telemetry::Snapshot snapshot = telemetry::sample_snapshot();
  snapshot.releases = {{"node3", false, "its agent is down", telemetry::kSampleNow, {"node3/v4"}}};
  snapshot.connections[1].released = true;
  publish(snapshot);
  const Ended status = run("status");
  EXPECT_THAT(status.text,
              AllOf(HasSubstr("\nRELEASED  node3, 0s ago, by hand: clear traffic passes (its agent "
                              "is down)\n"),
                    HasSubstr("10.10.0.13:500  RELEASED")));
  expect_fits(status.text);
  const Ended verify = run("verify");
  EXPECT_EQ(verify.status, kNotFine);
  EXPECT_THAT(verify.text, HasSubstr("fail  release          somebody opened by hand: node3, since "
                                     "2026-11-24T20:00:00Z"));
}

TEST_F(CliTest, ErrorsAreSentencesWithTheirOwnStatus) {
  EXPECT_EQ(run("status nobody").status, kNoSuchName);
  EXPECT_EQ(run("status nobody").text,
            "espalierctl: no connection, peer or owner is named 'nobody'\n");
  cell_.set_requester([] {});
  EXPECT_EQ(run("status").status, kNoAgent);
  EXPECT_THAT(run("status").text, HasSubstr("its loop does not answer"));
  server_.reset();
  const Ended gone = run("status");
  EXPECT_EQ(gone.status, kNoAgent);
  EXPECT_THAT(gone.text, StartsWith("espalierctl: no agent at " + socket_ + ": "));
}

TEST_F(CliTest, AWrongCommandLineIsToldApart) {
  for (const char* wrong : {"", "frobnicate", "explain", "up", "status -o xml",
                            "up node2 --wait-timeout 3", "--timeout 0 status"}) {
    EXPECT_EQ(run(wrong).status, kUsage) << wrong;
  }
  EXPECT_EQ(run("--version").status, kFine);
  EXPECT_EQ(run("--help").status, kFine);
  expect_fits(run("--help").text);
}

TEST_F(CliTest, APeersWordsCannotCommandTheTerminal) {
  telemetry::Snapshot snapshot = telemetry::sample_snapshot();
  snapshot.connections[1].last_failure->sentence = "hello \x1b[2J\x1b]0;pwned\x07";
  snapshot.connections[0].remote_identity = "node\x1b[2J";
  publish(snapshot);
  EXPECT_THAT(run("status").text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(run("status node2").text, Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace espalier::cli
