// CommandSink: how a request from outside reaches the loop, and how its answer comes back.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "nodeagent/telemetry/snapshot.h"

namespace espalier::rpc {

enum class CommandKind : std::uint8_t { kUp, kDown };

struct Command {
  CommandKind kind = CommandKind::kUp;
  std::string connection;  // by name
  bool wait = false;       // for what was asked for, a failure, or the end of `patience`
  Duration patience{};
};

enum class Outcome : std::uint8_t {
  kTaken,    // the wish is noted; nobody waited
  kReached,  // up: the SAs, or on demand the traps, stand; down: they are gone
  kFailed,   // an attempt made since the command failed; another one follows
  kTimedOut,
};

struct CommandOutcome {
  std::string connection;
  telemetry::ConnectionState state = telemetry::ConnectionState::kDown;
  Outcome outcome = Outcome::kTaken;
  std::optional<telemetry::Failure> failure;  // with kFailed
};

// Opens the node by hand, or takes that back.
struct ReleaseWish {
  std::string
      name;  // of a connection, a peer or an owner; empty: the whole node (end: all releases)
  bool end = false;
  bool in_clear = false;
  std::string why;
};

struct ReleaseOutcome {
  std::vector<telemetry::Release> releases;  // in force from now on
  std::vector<std::string> ended;            // by name
  std::string not_kept;  // why it could not be written down; empty: it outlives the agent
};

class CommandSink {
 public:
  using Answer = std::function<void(Result<CommandOutcome>)>;

  CommandSink() = default;
  CommandSink(const CommandSink&) = delete;
  CommandSink& operator=(const CommandSink&) = delete;
  virtual ~CommandSink() = default;

  // Any thread; returns at once. `answer` is called exactly once, on any thread, no later than
  // shortly after `patience`: with kNotFound when the plan has no such connection, kUnavailable
  // when the loop ends first.
  virtual void submit(Command command, Answer answer) = 0;

  // Likewise: kNotFound when nothing has that name, or nothing is released under it.
  using Released = std::function<void(Result<ReleaseOutcome>)>;
  virtual void release(ReleaseWish wish, Released answer) = 0;
};

}  // namespace espalier::rpc
