#include "nodeagent/runtime/commands.h"

#include <algorithm>
#include <utility>

#include "base/process/clock.h"

namespace espalier::runtime {

using rpc::CommandKind;
using rpc::CommandOutcome;
using rpc::Outcome;
using telemetry::ConnectionState;

template <typename Outcome>
class Commands::Pending {
 public:
  using Answer = std::function<void(Result<Outcome>)>;
  explicit Pending(Answer answer) : answer_(std::move(answer)) {}
  Pending(const Pending&) = delete;
  Pending& operator=(const Pending&) = delete;
  ~Pending() {
    if (answer_) answer_(fail(Code::kUnavailable, "", "the agent ends"));
  }
  void give(Result<Outcome> outcome) {
    if (answer_) std::exchange(answer_, nullptr)(std::move(outcome));
  }

 private:
  Answer answer_;
};

Commands::Commands(Loop& loop, Controls controls)
    : loop_(loop), controls_(std::move(controls)), wake_(loop.add_deadline([] {})) {}

Commands::~Commands() {
  loop_.remove_deadline(wake_);
}

void Commands::submit(rpc::Command command, Answer answer) {
  auto pending = std::make_shared<Pending<CommandOutcome>>(std::move(answer));
  loop_.post([this, alive = std::weak_ptr(alive_), command = std::move(command),
              pending = std::move(pending)] {
    if (!alive.expired()) carry_out(command, pending);
  });
}

void Commands::release(rpc::ReleaseWish wish, Released answer) {
  auto pending = std::make_shared<Pending<rpc::ReleaseOutcome>>(std::move(answer));
  loop_.post(
      [this, alive = std::weak_ptr(alive_), wish = std::move(wish), pending = std::move(pending)] {
        if (!alive.expired()) pending->give(controls_.release(wish));
      });
}

void Commands::carry_out(const rpc::Command& command, const PendingCommand& pending) {
  const auto before = controls_.status(command.connection);
  if (!before) {
    pending->give(fail(Code::kNotFound, command.connection, "the plan has no such connection"));
    return;
  }
  auto done = command.kind == CommandKind::kUp ? controls_.up(command.connection)
                                               : controls_.down(command.connection);
  if (!done) {
    pending->give(forward(done));
    return;
  }
  if (!command.wait) {
    pending->give(CommandOutcome{command.connection, before->state, Outcome::kTaken, {}});
    return;
  }
  waiting_.push_back({pending, command, process::monotonic_now() + command.patience,
                      before->counters.handshake_failures});
}

void Commands::settled() {
  if (waiting_.empty()) return;
  const TimePoint now = process::monotonic_now();
  if (now < last_check_ + kPause) {
    loop_.set_deadline(wake_, last_check_ + kPause);
    return;
  }
  last_check_ = now;
  check(now);
  TimePoint until = kNever;
  for (const Waiting& waiting : waiting_) until = std::min(until, waiting.until);
  loop_.set_deadline(wake_, until);
}

void Commands::check(TimePoint now) {
  for (auto waiting = waiting_.begin(); waiting != waiting_.end();) {
    auto outcome = judge(*waiting, now);
    if (!outcome) {
      ++waiting;
      continue;
    }
    waiting->pending->give(std::move(*outcome));
    waiting = waiting_.erase(waiting);
  }
}

std::optional<Result<CommandOutcome>> Commands::judge(const Waiting& waiting, TimePoint now) const {
  const rpc::Command& command = waiting.command;
  const auto status = controls_.status(command.connection);
  if (!status) {
    return fail(Code::kNotFound, command.connection, "the plan has it no longer");
  }
  CommandOutcome outcome{command.connection, status->state, Outcome::kReached, {}};
  if (command.kind == CommandKind::kDown) {
    if (status->state == ConnectionState::kDown) return outcome;
  } else {
    if (status->state == ConnectionState::kEstablished ||
        status->state == ConnectionState::kRekeying || status->state == ConnectionState::kTrapped) {
      return outcome;
    }
    if (status->counters.handshake_failures > waiting.failures_before ||
        status->state == ConnectionState::kBlocked || status->state == ConnectionState::kOutdated) {
      outcome.outcome = Outcome::kFailed;
      outcome.failure = status->last_failure;
      return outcome;
    }
  }
  if (now < waiting.until) return std::nullopt;
  outcome.outcome = Outcome::kTimedOut;
  return outcome;
}

}  // namespace espalier::runtime
