// One connection's status: what the engine and the kernel have for it, as last read.
//
// Internal to nodeagent/tunnel (status.h is what calls it).
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "base/time.h"
#include "ike/engine.h"
#include "nodeagent/telemetry/snapshot.h"
#include "nodeagent/tunnel/link.h"

namespace espalier::tunnel {

// Turns the loop's time into dates.
class Dates {
 public:
  Dates(TimePoint now, WallTime wall) : now_(now), wall_(wall) {}
  [[nodiscard]] WallTime at(TimePoint time) const {
    return wall_ + std::chrono::duration_cast<std::chrono::seconds>(time - now_);
  }
  [[nodiscard]] telemetry::MaybeTime maybe(TimePoint time) const {
    if (time == kNever || time == TimePoint{}) return std::nullopt;
    return at(time);
  }

 private:
  TimePoint now_;
  WallTime wall_;
};

// What the engine says of its SAs, found by their numbers.
struct Views {
  std::unordered_map<ike::ConnectionId, std::vector<ike::IkeSaView>> by_connection;
  std::unordered_map<ike::ChildSaId, ike::ChildSaView> children;
};

// "IPsecPolicy/cluster", "Tunnel/edge/branch".
[[nodiscard]] std::string owner_name(const plan::Owner& owner);

[[nodiscard]] telemetry::ConnectionStatus connection_status(const Link& link, const Views& views,
                                                            const Dates& dates);

}  // namespace espalier::tunnel
