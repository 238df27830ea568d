// Commands: the loop's side of rpc::CommandSink. Carries a command to the loop, and keeps those who
// wait until what they asked for stands, an attempt has failed, or their patience is over.
//
// Guarantees: every answer is given exactly once, also when the loop ends or never gets to the
// command (kUnavailable). The state is looked at when something happened, at most every kPause,
// and only while somebody waits.
// Assumptions: made, destroyed and settled() on the loop's thread; the loop outlives it, and no
// submit() comes after its destruction.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "nodeagent/rpc/command_sink.h"
#include "nodeagent/runtime/loop.h"
#include "nodeagent/telemetry/snapshot.h"

namespace espalier::runtime {

class Commands final : public rpc::CommandSink {
 public:
  static constexpr std::chrono::milliseconds kPause{50};

  // Called on the loop's thread.
  struct Controls {
    std::function<Status(const std::string& connection)> up;
    std::function<Status(const std::string& connection)> down;
    std::function<std::optional<telemetry::ConnectionStatus>(std::string_view connection)> status;
    std::function<Result<rpc::ReleaseOutcome>(const rpc::ReleaseWish& wish)> release;
  };

  Commands(Loop& loop, Controls controls);
  ~Commands() override;

  void submit(rpc::Command command, Answer answer) override;
  void release(rpc::ReleaseWish wish, Released answer) override;

  // To be called once per round of the loop (Loop::set_settle), after the controller's pump.
  void settled();

 private:
  template <typename Outcome>
  class Pending;  // an answer that is given at the latest when it is destroyed
  using PendingCommand = std::shared_ptr<Pending<rpc::CommandOutcome>>;
  struct Waiting {
    PendingCommand pending;
    rpc::Command command;
    TimePoint until;
    std::uint64_t failures_before = 0;
  };

  void carry_out(const rpc::Command& command, const PendingCommand& pending);
  void check(TimePoint now);
  // What there is to answer; nullopt: wait on.
  [[nodiscard]] std::optional<Result<rpc::CommandOutcome>> judge(const Waiting& waiting,
                                                                 TimePoint now) const;

  Loop& loop_;
  Controls controls_;
  Loop::DeadlineId wake_;
  TimePoint last_check_{};
  std::list<Waiting> waiting_;
  // Work that was posted and not run when this goes finds the mark gone.
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace espalier::runtime
