// MetricsServer: HTTP for Prometheus and for the kubelet's probes.
//
//   /metrics  the exposition text; 503 when the agent's loop does not answer
//   /healthz  200 while the agent's loop answers, else 503
//   /readyz   200 when the node is ready (health.h), else 503 with the reasons, one per line
//
// Guarantees: one thread, which reads snapshots only; exceptions of prometheus-cpp end here; the
// server stops when the object goes.
// Assumptions: the cell outlives the server. Caveats: plain HTTP: bind it to an address that only
// the scraper reaches; the metrics name peers.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "nodeagent/telemetry/prometheus/families.h"
#include "nodeagent/telemetry/snapshot_cell.h"

namespace espalier::telemetry {

class MetricsServer {
 public:
  struct Options {
    std::string address = "127.0.0.1:9464";  // "[v6]:PORT", ":PORT"; port 0: any
    PeerSeries peers = PeerSeries::kOn;
    Duration patience = std::chrono::seconds(3);  // for the loop's answer
  };

  // Fails with kInvalid for an address that is none, kExists or kIo when it cannot be bound.
  [[nodiscard]] static Result<std::unique_ptr<MetricsServer>> start(SnapshotCell& cell,
                                                                    const Options& options);
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;
  ~MetricsServer();

  [[nodiscard]] std::uint16_t port() const;  // that was bound

 private:
  struct Parts;
  explicit MetricsServer(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace espalier::telemetry
