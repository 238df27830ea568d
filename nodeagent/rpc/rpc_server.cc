#include "nodeagent/rpc/rpc_server.h"

#include <chrono>
#include <exception>
#include <utility>

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <sys/stat.h>

#include "nodeagent/rpc/agent_service.h"
#include "nodeagent/rpc/socket_path.h"

namespace espalier::rpc {
namespace {

// Requests are a name and a flag.
constexpr int kLongestRequest = 64 * 1024;
constexpr int kCallsPerClient = 16;

}  // namespace

struct RpcServer::Parts {
  Parts(telemetry::SnapshotCell& cell, CommandSink& commands, Duration patience)
      : service(cell, commands, patience) {}
  ~Parts() {
    if (server) server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
  }
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;

  AgentService service;
  std::unique_ptr<grpc::Server> server;
};

Result<std::unique_ptr<RpcServer>> RpcServer::start(telemetry::SnapshotCell& cell,
                                                    CommandSink& commands, const Options& options) {
  if (auto prepared = prepare_socket_path(options.socket); !prepared) return forward(prepared);
  try {
    auto parts = std::make_unique<Parts>(cell, commands, options.patience);
    grpc::ServerBuilder builder;
    int bound = 0;
    builder.AddListeningPort("unix://" + options.socket, grpc::InsecureServerCredentials(), &bound);
    builder.RegisterService(&parts->service);
    builder.SetMaxReceiveMessageSize(kLongestRequest);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kCallsPerClient);
    // The socket is born with this mask; until then nobody else makes files.
    const mode_t before = umask(0177);
    parts->server = builder.BuildAndStart();
    umask(before);
    if (!parts->server || bound == 0) {
      return fail(Code::kIo, options.socket, "cannot listen there");
    }
    return std::unique_ptr<RpcServer>(new RpcServer(std::move(parts)));
  } catch (const std::exception& thrown) {
    return fail(Code::kIo, options.socket, thrown.what());
  }
}

RpcServer::RpcServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
RpcServer::~RpcServer() = default;

}  // namespace espalier::rpc
