#include "operator/run/operator_metrics.h"

#include <algorithm>
#include <iterator>

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/metric_family.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "base/process/process.h"
#include "nodeagent/telemetry/prometheus/family.h"

namespace espalier::operator_run {
namespace {

using Build = telemetry::FamilyBuilder;

double seconds(Duration time) {
  return std::chrono::duration<double>(time).count();
}
// Families in the order in which they are to be read; one without a sample is left out.
class Text {
 public:
  void add(const Build& build) {
    if (!build.family().metric.empty()) families_.push_back(build.family());
  }
  template <typename Value>
  void add(Build build, Value value, Build::Labels labels = {}) {
    build.add(labels, value);
    add(build);
  }
  void add(std::vector<prometheus::MetricFamily> families) {
    std::move(families.begin(), families.end(), std::back_inserter(families_));
  }
  [[nodiscard]] std::string serialize() const {
    return prometheus::TextSerializer().Serialize(families_);
  }

 private:
  std::vector<prometheus::MetricFamily> families_;
};

void add_process(Text& text) {
  const process::Resources used = process::resources_used();
  text.add(Build::counter("process_cpu_seconds_total", "User and system processor time."),
           used.cpu_seconds);
  text.add(Build::gauge("process_resident_memory_bytes", "Resident memory."), used.resident_bytes);
}

void add_queues(Text& text, const OperatorMetrics::Sources& sources) {
  auto depth = Build::gauge("workqueue_depth", "Keys that wait.");
  auto adds = Build::counter("workqueue_adds_total", "Keys added.");
  auto retries = Build::counter("workqueue_retries_total", "Keys tried again.");
  auto unfinished = Build::gauge("workqueue_unfinished_work_seconds",
                                 "Since when workers are at what they do, summed.");
  auto longest = Build::gauge("workqueue_longest_running_processor_seconds",
                              "Since when the slowest worker is at what it does.");
  for (const auto& queue : sources.queues) {
    const kube::QueueCounts counts = queue.counts();
    const kube::Running running = queue.running();
    depth.add({{"name", queue.name}}, std::uint64_t{counts.depth});
    adds.add({{"name", queue.name}}, counts.adds);
    retries.add({{"name", queue.name}}, counts.retries);
    unfinished.add({{"name", queue.name}}, seconds(running.unfinished));
    longest.add({{"name", queue.name}}, seconds(running.longest));
  }
  for (const Build* build : {&depth, &adds, &retries, &unfinished, &longest}) text.add(*build);
}

void add_plan(Text& text, const reconcile::PlanReconciler::Counts& plan) {
  const auto gauge = [&](const char* name, const char* help, std::uint64_t value) {
    text.add(Build::gauge(name, help), value);
  };
  gauge("espalier_operator_nodes", "Nodes that take part.", plan.nodes);
  gauge("espalier_operator_policies", "IPsecPolicies in force.", plan.policies);
  gauge("espalier_operator_tunnels", "Tunnels in force.", plan.tunnels);
  gauge("espalier_operator_refused_objects",
        "Objects that are left out because something is wrong with them.", plan.refused);
  text.add(Build::counter("espalier_operator_plans_total", "Plans made."), plan.plans);
}

void add_pods(Text& text, const reconcile::PodSliceReconciler::Counts& pods) {
  text.add(
      Build::gauge("espalier_operator_pods",
                   "Pods with an address of their own; followed only where a policy selects pods."),
      std::uint64_t{pods.pods});
  text.add(Build::gauge("espalier_operator_pod_slices", "PodSlices of the policies in force."),
           std::uint64_t{pods.slices});
}

void add_transport(Text& text, const kube::PacedTransport::Counts& transport) {
  text.add(Build::counter("rest_client_retries_total", "Requests tried again."), transport.retries);
  text.add(Build::counter("rest_client_throttled_total", "Requests that had to wait."),
           transport.throttled);
}

void add_watches(Text& text, const OperatorMetrics::Sources& sources) {
  auto lists = Build::counter("espalier_watch_lists_total", "Whole sets that the server sent.");
  auto watches = Build::counter("espalier_watches_total", "Watches opened.");
  auto events = Build::counter("espalier_watch_events_total", "Events received.");
  auto expired = Build::counter("espalier_watch_expired_total",
                                "Times the server had forgotten our place (410).");
  auto problems = Build::counter("espalier_watch_problems_total", "Watches and lists that failed.");
  auto objects = Build::gauge("espalier_watch_objects", "Objects known.");
  for (const kube::Informer* informer : sources.informers) {
    const kube::Watcher::Counts counts = informer->counts();
    const std::string& kind = informer->resource().kind;
    lists.add({{"kind", kind}}, counts.lists);
    watches.add({{"kind", kind}}, counts.watches);
    events.add({{"kind", kind}}, counts.events);
    expired.add({{"kind", kind}}, counts.expired);
    problems.add({{"kind", kind}}, counts.problems);
    objects.add({{"kind", kind}}, std::uint64_t{informer->store()->size()});
  }
  for (const Build* build : {&lists, &watches, &events, &expired, &problems, &objects})
    text.add(*build);
}

}  // namespace

struct OperatorMetrics::Parts {
  explicit Parts(Sources s)
      : sources(std::move(s)),
        durations(prometheus::BuildHistogram()
                      .Name("workqueue_work_duration_seconds")
                      .Help("How long working on one key took.")
                      .Register(registry)),
        waits(prometheus::BuildHistogram()
                  .Name("workqueue_queue_duration_seconds")
                  .Help("How long a key had been due when a worker took it.")
                  .Register(registry)),
        results(prometheus::BuildCounter()
                    .Name("espalier_operator_writes_total")
                    .Help("Keys worked on, by how it ended: ok, or the kind of the error.")
                    .Register(registry)),
        requests(prometheus::BuildCounter()
                     .Name("rest_client_requests_total")
                     .Help("Requests but watches, by how they were answered.")
                     .Register(registry)),
        request_durations(prometheus::BuildHistogram()
                              .Name("rest_client_request_duration_seconds")
                              .Help("How long an answer took.")
                              .Register(registry)) {}

  Sources sources;
  prometheus::Registry registry;
  prometheus::Family<prometheus::Histogram>& durations;
  prometheus::Family<prometheus::Histogram>& waits;
  prometheus::Family<prometheus::Counter>& results;
  prometheus::Family<prometheus::Counter>& requests;
  prometheus::Family<prometheus::Histogram>& request_durations;
};

OperatorMetrics::OperatorMetrics(Sources sources)
    : parts_(std::make_unique<Parts>(std::move(sources))) {}
OperatorMetrics::~OperatorMetrics() = default;

void OperatorMetrics::worked(const std::string& queue, const kube::Pace& pace,
                             const kube::Reconciled& result) {
  try {
    const prometheus::Histogram::BucketBoundaries bounds{0.001, 0.01, 0.1, 1, 10};
    parts_->durations.Add({{"name", queue}}, bounds).Observe(seconds(pace.worked));
    parts_->waits.Add({{"name", queue}}, bounds).Observe(seconds(pace.queued));
    const std::string how =
        result ? std::string("ok") : std::string(kube::name_of(result.error().kind));
    parts_->results.Add({{"name", queue}, {"result", how}}).Increment();
  } catch (const std::exception&) {
    // A figure less; nothing depends on it.
  }
}

void OperatorMetrics::asked(kube::Method method, const Result<kube::Response>& answer,
                            Duration took) {
  try {
    const std::string name(kube::name_of(method));
    const std::string code = answer ? std::to_string(answer->status) : "<error>";
    parts_->requests.Add({{"code", code}, {"method", name}}).Increment();
    parts_->request_durations
        .Add({{"verb", name}},
             prometheus::Histogram::BucketBoundaries{0.005, 0.025, 0.1, 0.5, 1, 5, 30})
        .Observe(seconds(took));
  } catch (const std::exception&) {
    // A figure less; nothing depends on it.
  }
}

std::string OperatorMetrics::text() {
  const Sources& sources = parts_->sources;
  try {
    Text text;
    text.add(Build::gauge("espalier_build_info", "The program's version, in a label."), 1.0,
             {{"version", ESPALIER_VERSION}});
    add_process(text);
    text.add(Build::gauge("leader_election_master_status", "1 in the replica that writes."),
             sources.leads(), {{"name", "espalier-operator"}});
    add_queues(text, sources);
    add_plan(text, sources.plan());
    add_pods(text, sources.pods());
    auto ends =
        Build::gauge("espalier_ca_not_after_timestamp_seconds", "When a CA's certificate ends.");
    for (const certificates::Expiry& each : sources.expiries())
      ends.add({{"role", each.role}, {"subject", each.subject}}, each.not_after);
    text.add(ends);
    add_transport(text, sources.transport());
    add_watches(text, sources);
    text.add(parts_->registry.Collect());
    return text.serialize();
  } catch (const std::exception&) {
    return {};
  }
}

}  // namespace espalier::operator_run
