// The service's answers as text for people, at most 100 columns wide.
//
// Pure. Ages are relative to the moment the answer was true at, which the agent says.
#pragma once

#include <string>

#include "rpc/espalier.pb.h"

namespace espalier::cli {

// All connections in a table, then for each that does not stand who refused, why, what to do.
[[nodiscard]] std::string status_text(const agent::v1::StatusResponse& status);
// What is not as it should be: releases, problems of the plan, connections that do not stand. Empty
// when all is well.
[[nodiscard]] std::string failures_text(const agent::v1::StatusResponse& status);
// Each connection with everything known about it.
[[nodiscard]] std::string status_details(const agent::v1::StatusResponse& status);
[[nodiscard]] std::string traffic_text(const agent::v1::TrafficStatusResponse& traffic);
[[nodiscard]] std::string explain_text(const agent::v1::ExplainResponse& explained,
                                       const std::string& query);
[[nodiscard]] std::string verify_text(const agent::v1::VerifyResponse& verified);
[[nodiscard]] std::string release_text(const agent::v1::ReleaseResponse& done);
[[nodiscard]] std::string command_text(const agent::v1::CommandResponse& done);

}  // namespace espalier::cli
