// RpcServer: the local gRPC service on a unix socket.
//
// Guarantees: the socket's folder is made with mode 0700 where it is missing, the socket has mode
// 0600 from its first moment: whoever may not act as this user cannot connect. gRPC types, threads
// and exceptions stay inside. The destructor ends calls under way within a second.
// Assumptions: cell and commands outlive the server. Caveat: an agent that is killed leaves the
// socket behind; the next one takes its place.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "nodeagent/rpc/command_sink.h"
#include "nodeagent/telemetry/snapshot_cell.h"

namespace espalier::rpc {

inline constexpr const char* kDefaultSocket = "/run/espalier/agent.sock";

class RpcServer {
 public:
  struct Options {
    std::string socket = kDefaultSocket;
    Duration patience = std::chrono::seconds(5);  // for the loop's answer
  };

  // Fails with kExists when another agent answers there, kDenied when others may write to the
  // folder, kInvalid when the path is too long for a unix socket, else kIo.
  [[nodiscard]] static Result<std::unique_ptr<RpcServer>> start(telemetry::SnapshotCell& cell,
                                                                CommandSink& commands,
                                                                const Options& options);
  RpcServer(const RpcServer&) = delete;
  RpcServer& operator=(const RpcServer&) = delete;
  ~RpcServer();

 private:
  struct Parts;
  explicit RpcServer(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace espalier::rpc
