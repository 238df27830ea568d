// The status of a Tunnel, from what the node that carries it says.
//
//   Accepted          it is valid and may be carried out; else Invalid (or NotSupported), and which
//                     fields are why, or Refused, and whose addresses it claims
//   CredentialsValid  True once it stands, False when the node says that keys or certificates are
//                     at fault, Unknown otherwise: nobody has proved anything yet
//   Established       all its SAs stand, or with OnDemand its traps; else the node's own reason, or
//                     NodeFailed, Pending, NoNode
//   Ready             the same, in one word for all kinds
//
// Guarantees: pure. Nothing is answered when nothing would change, whatever is read back from the
// API server.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "crds/types/problem.h"
#include "crds/types/status.h"
#include "operator/reconcile/status/node_reports.h"

namespace espalier::reconcile {

// Of the Tunnel as it stands.
struct TunnelFacts {
  std::string uid;
  std::int64_t generation = 0;
  crds::Problems problems;  // empty: it is valid
  std::string node;         // spec.local.node; empty where that is not known
  std::string refusal;      // why it is valid and all the same not carried out; empty: it is
};

// What is to be written, or nullopt. `report` is NodeReports::report() for the Tunnel and its node;
// `now` is RFC 3339.
[[nodiscard]] std::optional<crds::TunnelStatus> tunnel_status(
    const TunnelFacts& tunnel, const std::optional<TunnelReport>& report,
    const crds::TunnelStatus& standing, const std::string& now);

}  // namespace espalier::reconcile
