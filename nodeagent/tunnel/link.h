// Link: one connection of the plan at work: what the engine and the kernel have for it, and what is
// to happen next.
//
// State only; the controller's parts act on it. Internal to nodeagent/tunnel.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ip.h"
#include "base/time.h"
#include "ike/output.h"
#include "nodeagent/dataplane/sa.h"
#include "nodeagent/telemetry/snapshot.h"
#include "nodeagent/telemetry/traffic_ledger.h"
#include "nodeagent/tunnel/engine_config.h"
#include "nodeagent/tunnel/establishment.h"
#include "nodeagent/tunnel/policy_set.h"
#include "operator/plan/node_plan.h"

namespace espalier::tunnel {

using LinkId = std::uint32_t;  // a serial number, never reused; 0 is never used

// One Child SA of the engine, as far as the kernel has it.
struct LiveChild {
  ike::ChildSaInfo info;
  bool inbound = false;
  bool outbound = false;
  bool first_use = false;  // the kernel was asked to tell when it is used
  bool up = false;
  TimePoint since{};
  telemetry::Traffic in, out;  // as last read
  telemetry::Drops drops;
  TimePoint last_used = kNever;
};

// An SA that an earlier run, or an IKE SA that we let go, left in the kernel: it carries traffic
// until a successor does.
struct AdoptedSa {
  dataplane::Sa sa;
  telemetry::Traffic moved;  // as last read, since the kernel has it
  TimePoint quiet_since{};
};

[[nodiscard]] telemetry::Traffic traffic_of(const dataplane::SaState& state);
[[nodiscard]] telemetry::Drops drops_of(const dataplane::SaState& state);
// In Link::ledger; the engine's pairs have their inbound SPI alone.
[[nodiscard]] std::uint64_t adopted_key(std::uint32_t spi, bool inbound);

// One child of a connection. Its place in Link::slots is the engine's child index and never moves.
struct Slot {
  const plan::ChildPlan* plan = nullptr;  // null: gone from the plan, the place is kept
  std::uint32_t reqid = 0;
  Establishment establishment;
  std::map<ike::ChildSaId, LiveChild> live;
  std::vector<AdoptedSa> adopted;
  std::vector<WantedPolicy> adopted_policies;  // of a child without rules, while `adopted` lasts
  std::optional<IpAddress> peer;               // where its SAs run to; nullopt: as planned
  TimePoint succeeded_at = kNever;             // since when a successor of `adopted` stands
  std::uint64_t idle_packets = 0;
  TimePoint idle_since{};

  std::optional<ike::Initiate> packet;  // what asked for it last

  [[nodiscard]] std::string name() const;
  [[nodiscard]] bool outbound() const;  // an outbound SA stands
  [[nodiscard]] bool adopted_outbound() const;
  [[nodiscard]] bool adopted_both_ways() const;
  // One that the engine answers for under this id.
  [[nodiscard]] bool up(ike::ConnectionId engine_id) const;
};

struct FailureRecord {
  TimePoint at{};
  ike::Side side = ike::Side::kLocal;
  ike::Reason reason = ike::Reason::kNone;
  std::string sentence;
};

struct Link {
  LinkId id = 0;
  std::string name;
  LinkId parent = 0;  // of a peer found in an address block: whose policies sent it here
  std::shared_ptr<const plan::ConnectionPlan> plan;
  IpAddress local;                  // what the engine runs on
  ike::ConnectionId engine_id = 0;  // 0: the engine does not have it
  Proof proof;
  std::string local_identity;
  std::string remote_identity;
  std::optional<Error> blocked;  // why the engine does not have it
  bool not_approved = false;     // `blocked` is about FIPS mode
  TimePoint blocked_at{};
  // Ids under which the engine still has what this connection was before; they go when the new one
  // stands, or at `until`.
  struct Retiring {
    ike::ConnectionId engine_id = 0;
    TimePoint until = kNever;
  };
  std::vector<Retiring> retiring;
  std::vector<Slot> slots;
  std::set<ike::IkeSaId> ike_sas;  // that stand
  bool held_down = false;          // by command
  bool leaving = false;            // no longer in the plan
  std::optional<FailureRecord> last_failure;
  telemetry::ConnectionCounters counters;
  telemetry::TrafficLedger ledger;

  [[nodiscard]] bool any_live() const;
  [[nodiscard]] bool any_adopted() const;
  // The peer may be anyone, or whoever lives in a block: the engine has no address to begin with.
  [[nodiscard]] bool any_peer() const { return plan->remote_addresses.empty(); }
};

}  // namespace espalier::tunnel
