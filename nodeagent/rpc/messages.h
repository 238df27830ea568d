// Snapshots as messages of the local service.
#pragma once

#include "nodeagent/rpc/command_sink.h"
#include "nodeagent/telemetry/explain.h"
#include "nodeagent/telemetry/health.h"
#include "nodeagent/telemetry/snapshot.h"
#include "rpc/espalier.pb.h"

namespace espalier::rpc {

// Whether `name` means this connection: its name, its peer, or its owner with or without kind and
// namespace. The empty name means every connection.
[[nodiscard]] bool is_meant(const telemetry::ConnectionStatus& connection, std::string_view name);

void fill(agent::v1::StatusResponse& out, const telemetry::Snapshot& snapshot,
          std::string_view name);
void fill(agent::v1::TrafficStatusResponse& out, const telemetry::Snapshot& snapshot,
          std::string_view name);
void fill(agent::v1::ExplainResponse& out, const std::vector<telemetry::Explanation>& explanations);
void fill(agent::v1::VerifyResponse& out, const std::vector<telemetry::Check>& checks);
void fill(agent::v1::ReleaseResponse& out, const ReleaseOutcome& outcome);
void fill(agent::v1::CommandResult& out, const CommandOutcome& outcome);

}  // namespace espalier::rpc
