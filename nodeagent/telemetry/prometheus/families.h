// A Snapshot as metric families: names, labels and units that dashboards and alerts rely on.
//
// Guarantees: what only grows is a counter and ends in _total; units are in the names; no label
// holds an SPI or a pod; every family has its HELP, also without a sample. Rows of xfrm_stat that
// this program does not know are passed through.
// Caveat: with PeerSeries::kOff sums over connections are kept growing when a connection goes
// (ConnectionSums), which is why Families has a state.
#pragma once

#include <functional>
#include <map>
#include <string>

#include <prometheus/metric_family.h>

#include "nodeagent/telemetry/snapshot.h"

namespace espalier::telemetry {

// Series per connection and child, or sums for the node: with N nodes a cluster has N² of the
// former.
enum class PeerSeries : std::uint8_t { kOn, kOff };

// Sums of counters over connections that come and go. A plain sum would fall when a connection
// goes, and Prometheus would take the fall for a restart and add everything anew.
class ConnectionSums {
 public:
  struct Counts {
    std::map<std::string, Traffic> in;  // by child
    std::map<std::string, Traffic> out;
    std::map<std::string, Drops> drops;
    ConnectionCounters counters;
  };
  // Takes what each connection grew since the last call; one that is gone keeps its part.
  const Counts& take(const Snapshot& snapshot);

 private:
  std::map<std::string, Counts> seen_;
  Counts sums_;
};

class Families {
 public:
  explicit Families(PeerSeries peers) : peers_(peers) {}

  using Visit = std::function<void(const prometheus::MetricFamily&)>;
  // One family after the other, so that a node with many peers never holds all of them at once.
  void for_each(const Snapshot& snapshot, const Visit& visit);

 private:
  PeerSeries peers_;
  ConnectionSums sums_;
};

}  // namespace espalier::telemetry
