// AgentService: the local service's calls, answered from snapshots and through a CommandSink.
//
// Runs on gRPC's threads; touches the loop by SnapshotCell and CommandSink only. A call whose
// client went away is finished and its late answer is dropped.
#pragma once

#include "nodeagent/rpc/command_sink.h"
#include "nodeagent/telemetry/snapshot_cell.h"
#include "rpc/espalier.grpc.pb.h"

namespace espalier::rpc {

class AgentService final : public agent::v1::Agent::CallbackService {
 public:
  // Both outlive the service. `patience`: for the loop's answer to a question about its state.
  AgentService(telemetry::SnapshotCell& cell, CommandSink& commands, Duration patience)
      : cell_(cell), commands_(commands), patience_(patience) {}

  using Reactor = grpc::ServerUnaryReactor;
  using Context = grpc::CallbackServerContext;
  Reactor* Status(Context* context, const agent::v1::StatusRequest* request,
                  agent::v1::StatusResponse* response) override;
  Reactor* TrafficStatus(Context* context, const agent::v1::TrafficStatusRequest* request,
                         agent::v1::TrafficStatusResponse* response) override;
  Reactor* Explain(Context* context, const agent::v1::ExplainRequest* request,
                   agent::v1::ExplainResponse* response) override;
  Reactor* Up(Context* context, const agent::v1::UpRequest* request,
              agent::v1::CommandResponse* response) override;
  Reactor* Down(Context* context, const agent::v1::DownRequest* request,
                agent::v1::CommandResponse* response) override;
  Reactor* Release(Context* context, const agent::v1::ReleaseRequest* request,
                   agent::v1::ReleaseResponse* response) override;
  Reactor* Verify(Context* context, const agent::v1::VerifyRequest* request,
                  agent::v1::VerifyResponse* response) override;

 private:
  Reactor* command(Context* context, CommandKind kind, const std::string& name, bool wait,
                   std::uint32_t timeout_seconds, agent::v1::CommandResponse* response);

  telemetry::SnapshotCell& cell_;
  CommandSink& commands_;
  Duration patience_;
};

}  // namespace espalier::rpc
