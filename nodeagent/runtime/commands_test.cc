#include "nodeagent/runtime/commands.h"

#include <map>
#include <vector>

#include <gmock/gmock.h>

namespace espalier::runtime {
namespace {

using rpc::CommandKind;
using rpc::CommandOutcome;
using rpc::Outcome;
using std::chrono::hours;
using telemetry::ConnectionState;
using telemetry::ConnectionStatus;
using ::testing::ElementsAre;

class CommandsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto loop = Loop::create();
    ASSERT_TRUE(loop.has_value());
    loop_ = std::move(*loop);
    make();
    connections_["node2/v4"].state = ConnectionState::kConnecting;
  }
  void make() {
    Commands::Controls controls;
    controls.up = [this](const std::string& name) {
      calls_.push_back("up " + name);
      return refusal_ ? Status(tl::unexpected<Error>(*refusal_)) : Status{};
    };
    controls.down = [this](const std::string& name) {
      calls_.push_back("down " + name);
      return Status{};
    };
    controls.release = [this](const rpc::ReleaseWish& wish) -> Result<rpc::ReleaseOutcome> {
      calls_.push_back("release " + wish.name);
      rpc::ReleaseOutcome outcome;
      outcome.not_kept = "disk full";
      return outcome;
    };
    controls.status = [this](std::string_view name) -> std::optional<ConnectionStatus> {
      ++looks_;
      const auto found = connections_.find(std::string(name));
      if (found == connections_.end()) return std::nullopt;
      return found->second;
    };
    commands_ = std::make_unique<Commands>(*loop_, controls);
    loop_->set_settle([this] {
      if (commands_) commands_->settled();
    });
  }
  void submit(rpc::Command command) {
    commands_->submit(std::move(command), [this](Result<CommandOutcome> outcome) {
      answers_.push_back(std::move(outcome));
      loop_->stop();
    });
  }
  // Runs until an answer came; `then` happens after the command was taken.
  Result<CommandOutcome> answer(
      rpc::Command command, std::function<void()> then = [] {}) {
    submit(std::move(command));
    loop_->post(std::move(then));
    loop_->run();
    EXPECT_EQ(answers_.size(), 1U);
    return answers_.empty() ? Result<CommandOutcome>(fail(Code::kInternal, "")) : answers_.back();
  }

  std::unique_ptr<Loop> loop_;
  std::unique_ptr<Commands> commands_;
  std::map<std::string, ConnectionStatus> connections_;
  std::vector<std::string> calls_;
  std::vector<Result<CommandOutcome>> answers_;
  std::optional<Error> refusal_;
  int looks_ = 0;
};

TEST_F(CommandsTest, AnswersAtOnceWithoutWait) {
  const auto outcome = answer({CommandKind::kUp, "node2/v4", false, hours(1)});
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(outcome->outcome, Outcome::kTaken);
  EXPECT_THAT(calls_, ElementsAre("up node2/v4"));
}

TEST_F(CommandsTest, WaitsUntilItStands) {
  const auto outcome = answer({CommandKind::kUp, "node2/v4", true, hours(1)}, [this] {
    connections_["node2/v4"].state = ConnectionState::kEstablished;
  });
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(outcome->outcome, Outcome::kReached);
  EXPECT_EQ(outcome->state, ConnectionState::kEstablished);
}

TEST_F(CommandsTest, WaitsUntilAnAttemptOfItsOwnFails) {
  connections_["node2/v4"].state = ConnectionState::kWaiting;
  connections_["node2/v4"].counters.handshake_failures = 3;  // older than the command
  const auto outcome = answer({CommandKind::kUp, "node2/v4", true, hours(1)}, [this] {
    ConnectionStatus& status = connections_["node2/v4"];
    status.counters.handshake_failures = 4;
    status.last_failure = telemetry::Failure{{}, telemetry::Side::kPeer, "Timeout", "", ""};
  });
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(outcome->outcome, Outcome::kFailed);
  EXPECT_EQ(outcome->failure->reason, "Timeout");
}

TEST_F(CommandsTest, WaitsUntilItIsDown) {
  const auto outcome = answer({CommandKind::kDown, "node2/v4", true, hours(1)},
                              [this] { connections_["node2/v4"].state = ConnectionState::kDown; });
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(outcome->outcome, Outcome::kReached);
  EXPECT_THAT(calls_, ElementsAre("down node2/v4"));
}

TEST_F(CommandsTest, PatienceEnds) {
  const auto outcome = answer({CommandKind::kUp, "node2/v4", true, std::chrono::milliseconds(1)});
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(outcome->outcome, Outcome::kTimedOut);
  EXPECT_LE(looks_, 5) << "nothing happens, nothing is looked at";
}

TEST_F(CommandsTest, KnowsOnlyThePlansConnections) {
  EXPECT_EQ(answer({CommandKind::kUp, "nobody", true, hours(1)}).error().code, Code::kNotFound);
  EXPECT_TRUE(calls_.empty());
}

TEST_F(CommandsTest, AConnectionThatLeavesThePlanEndsTheWait) {
  const auto outcome =
      answer({CommandKind::kUp, "node2/v4", true, hours(1)}, [this] { connections_.clear(); });
  EXPECT_EQ(outcome.error().code, Code::kNotFound);
}

TEST_F(CommandsTest, PassesARefusalOn) {
  refusal_ = Error{Code::kDenied, "node2/v4", "not now"};
  EXPECT_EQ(answer({CommandKind::kUp, "node2/v4", true, hours(1)}).error(), *refusal_);
}

TEST_F(CommandsTest, AReleaseIsCarriedOutOnTheLoop) {
  std::vector<Result<rpc::ReleaseOutcome>> answers;
  const auto keep = [&](Result<rpc::ReleaseOutcome> outcome) {
    answers.push_back(std::move(outcome));
    loop_->stop();
  };
  commands_->release({"node2", false, false, ""}, keep);
  EXPECT_TRUE(answers.empty()) << "the loop has not run";
  loop_->run();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0]->not_kept, "disk full");
  EXPECT_THAT(calls_, ElementsAre("release node2"));

  commands_->release({"node3", false, false, ""}, keep);  // never gets to the loop
  commands_.reset();
  loop_->stop();
  loop_->run();
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[1].error().code, Code::kUnavailable);
}

TEST_F(CommandsTest, EveryAnswerIsGivenWhenTheAgentEnds) {
  submit({CommandKind::kUp, "node2/v4", true, hours(1)});
  loop_->stop();
  loop_->run();
  EXPECT_TRUE(answers_.empty()) << "it waits";
  submit({CommandKind::kUp, "node2/v4", false, hours(1)});  // never gets to the loop
  commands_.reset();
  ASSERT_EQ(answers_.size(), 1U);
  loop_->stop();
  loop_->run();
  ASSERT_EQ(answers_.size(), 2U);
  for (const auto& each : answers_) EXPECT_EQ(each.error().code, Code::kUnavailable);
  EXPECT_THAT(calls_, ElementsAre("up node2/v4")) << "the second was not carried out";
}

}  // namespace
}  // namespace espalier::runtime
