// TrafficLedger: totals that only grow, out of SAs that come and go.
//
// The kernel counts per SA; a rekey starts at zero again. The ledger adds up what each SA moved
// since it was last looked at, so that a child's total is a counter in Prometheus' sense.
//
// Guarantees: totals never fall. Caveats: what an SA moved after its last observation is lost with
// it, so observe once more (QueryUsage) before an SA is removed; an SPI that is reused by the
// kernel with lower counts is taken for a new SA.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "nodeagent/telemetry/snapshot.h"

namespace espalier::telemetry {

class TrafficLedger {
 public:
  // `key` names one SA pair for as long as it lives (its inbound SPI does).
  void observe(const std::string& child, std::uint64_t key, const Traffic& in, const Traffic& out,
               const Drops& drops = {});
  // What the SA moved so far counts as seen: it was counted elsewhere, or before us.
  void start_at(std::uint64_t key, const Traffic& in, const Traffic& out, const Drops& drops = {});
  // The SA is gone; its part of the total stays.
  void retire(std::uint64_t key);
  // In the order the children were first seen.
  [[nodiscard]] const std::vector<ChildTotals>& totals() const { return totals_; }

 private:
  struct Seen {
    Traffic in;
    Traffic out;
    Drops drops;
  };
  ChildTotals& totals_of(const std::string& child);

  std::vector<ChildTotals> totals_;
  std::unordered_map<std::uint64_t, Seen> seen_;
};

}  // namespace espalier::telemetry
