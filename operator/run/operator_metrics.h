// OperatorMetrics: what a running operator shows to Prometheus.
//
// Guarantees: thread-safe; names and units as Prometheus and client-go have them
// (workqueue_*, leader_election_master_status). Exceptions of prometheus-cpp end here.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"
#include "kube/informer.h"
#include "kube/run/controller.h"
#include "kube/run/paced_transport.h"
#include "kube/work_queue.h"
#include "operator/certificates/ca_rotation.h"
#include "operator/reconcile/plan_reconciler.h"
#include "operator/reconcile/pod_slice_reconciler.h"

namespace espalier::operator_run {

class OperatorMetrics {
 public:
  // Read at each scrape, from the scraping thread.
  struct Sources {
    std::function<bool()> leads;
    struct Queue {
      std::string name;
      std::function<kube::QueueCounts()> counts;
      std::function<kube::Running()> running;
    };
    std::vector<Queue> queues;
    std::function<reconcile::PlanReconciler::Counts()> plan;
    std::function<reconcile::PodSliceReconciler::Counts()> pods;
    std::function<std::vector<certificates::Expiry>()> expiries;
    std::function<kube::PacedTransport::Counts()> transport;
    std::vector<const kube::Informer*> informers;
  };

  explicit OperatorMetrics(Sources sources);
  ~OperatorMetrics();
  OperatorMetrics(const OperatorMetrics&) = delete;
  OperatorMetrics& operator=(const OperatorMetrics&) = delete;

  // One key of a queue was worked on.
  void worked(const std::string& queue, const kube::Pace& pace, const kube::Reconciled& result);

  // One request was answered, or not.
  void asked(kube::Method method, const Result<kube::Response>& answer, Duration took);

  // The exposition text, version 0.0.4.
  [[nodiscard]] std::string text();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace espalier::operator_run
