// A connection of the plan as the engine wants it: keywords parsed, identities encoded, Secrets
// resolved.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "ike/config.h"
#include "nodeagent/tunnel/credentials.h"
#include "operator/plan/node_plan.h"

namespace espalier::tunnel {

struct EngineConfig {
  ike::Connection connection;
  std::string local_identity;   // for people
  std::string remote_identity;  // empty: what the peer proves
};

// `children` gives the engine's indices; a null one is a child that is gone and keeps its place, so
// that the others keep theirs: it is offered nothing. An error names what is missing or wrong;
// kUnavailable: it may be there later.
[[nodiscard]] Result<EngineConfig> engine_config(
    const plan::ConnectionPlan& plan, const std::vector<const plan::ChildPlan*>& children,
    const IpAddress& local, const Credentials& credentials);

// How both ends prove themselves. While it stays equal, an IKE SA need not be made anew.
struct Proof {
  ike::AuthSide local;
  ike::AuthSide remote;
  ike::wire::Identification local_id;
  std::optional<ike::wire::Identification> remote_id;
  ike::PpkMode ppk = ike::PpkMode::kNever;
  std::vector<ike::PpkKey> ppks;

  friend bool operator==(const Proof& a, const Proof& b);
};
[[nodiscard]] Proof proof_of(const ike::Connection& connection);

}  // namespace espalier::tunnel
