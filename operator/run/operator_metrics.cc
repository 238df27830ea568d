#include "operator/run/operator_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/metric_family.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "base/process/process.h"

namespace espalier::operator_run {
namespace {

double seconds(Duration time) {
  return std::chrono::duration<double>(time).count();
}
class Text {
 public:
  using Labels = std::vector<std::pair<std::string, std::string>>;

  void gauge(const char* name, const char* help, double value, const Labels& labels = {}) {
    add(prometheus::MetricType::Gauge, name, help, value, labels);
  }
  void counter(const char* name, const char* help, double value, const Labels& labels = {}) {
    add(prometheus::MetricType::Counter, name, help, value, labels);
  }
  [[nodiscard]] std::vector<prometheus::MetricFamily> take() { return std::move(families_); }

 private:
  void add(prometheus::MetricType type, const char* name, const char* help, double value,
           const Labels& labels) {
    if (families_.empty() || families_.back().name != name) {
      families_.emplace_back();
      families_.back().name = name;
      families_.back().help = help;
      families_.back().type = type;
    }
    prometheus::ClientMetric metric;
    for (const auto& [key, text] : labels) metric.label.push_back({key, text});
    (type == prometheus::MetricType::Gauge ? metric.gauge.value : metric.counter.value) = value;
    families_.back().metric.push_back(std::move(metric));
  }
  std::vector<prometheus::MetricFamily> families_;
};

void add_process(Text& text) {
  const process::Resources used = process::resources_used();
  text.counter("process_cpu_seconds_total", "User and system processor time.", used.cpu_seconds);
  text.gauge("process_resident_memory_bytes", "Resident memory.",
             static_cast<double>(used.resident_bytes));
}

}  // namespace

struct OperatorMetrics::Parts {
  explicit Parts(Sources s)
      : sources(std::move(s)),
        durations(prometheus::BuildHistogram()
                      .Name("workqueue_work_duration_seconds")
                      .Help("How long working on one key took.")
                      .Register(registry)),
        results(prometheus::BuildCounter()
                    .Name("espalier_operator_writes_total")
                    .Help("Keys worked on, by how it ended: ok, or the kind of the error.")
                    .Register(registry)) {}

  Sources sources;
  prometheus::Registry registry;
  prometheus::Family<prometheus::Histogram>& durations;
  prometheus::Family<prometheus::Counter>& results;
};

OperatorMetrics::OperatorMetrics(Sources sources)
    : parts_(std::make_unique<Parts>(std::move(sources))) {}
OperatorMetrics::~OperatorMetrics() = default;

void OperatorMetrics::worked(const std::string& queue, Duration took,
                             const kube::Reconciled& result) {
  try {
    parts_->durations
        .Add({{"name", queue}}, prometheus::Histogram::BucketBoundaries{0.001, 0.01, 0.1, 1, 10})
        .Observe(seconds(took));
    const std::string how =
        result ? std::string("ok") : std::string(kube::name_of(result.error().kind));
    parts_->results.Add({{"name", queue}, {"result", how}}).Increment();
  } catch (const std::exception&) {
    // A figure less; nothing depends on it.
  }
}

std::string OperatorMetrics::text() {
  const Sources& sources = parts_->sources;
  Text text;
  text.gauge("espalier_build_info", "The program's version, in a label.", 1,
             {{"version", ESPALIER_VERSION}});
  add_process(text);
  text.gauge("leader_election_master_status", "1 in the replica that writes.",
             sources.leads() ? 1 : 0, {{"name", "espalier-operator"}});

  const auto queues = [&](const char* metric, const char* help, bool counter, auto member) {
    for (const auto& [name, counts] : sources.queues) {
      const auto value = static_cast<double>(counts().*member);
      if (counter) {
        text.counter(metric, help, value, {{"name", name}});
      } else {
        text.gauge(metric, help, value, {{"name", name}});
      }
    }
  };
  queues("workqueue_depth", "Keys that wait.", false, &kube::QueueCounts::depth);
  queues("workqueue_adds_total", "Keys added.", true, &kube::QueueCounts::adds);
  queues("workqueue_retries_total", "Keys tried again.", true, &kube::QueueCounts::retries);

  const auto plan = sources.plan();
  text.gauge("espalier_operator_nodes", "Nodes that take part.", static_cast<double>(plan.nodes));
  text.gauge("espalier_operator_policies", "IPsecPolicies in force.",
             static_cast<double>(plan.policies));
  text.gauge("espalier_operator_tunnels", "Tunnels in force.", static_cast<double>(plan.tunnels));
  text.gauge("espalier_operator_refused_objects",
             "Objects that are left out because something is wrong with them.",
             static_cast<double>(plan.refused));
  text.counter("espalier_operator_plans_total", "Plans made.", static_cast<double>(plan.plans));

  for (const certificates::Expiry& each : sources.expiries()) {
    text.gauge("espalier_ca_not_after_timestamp_seconds", "When a CA's certificate ends.",
               static_cast<double>(each.not_after.time_since_epoch().count()),
               {{"role", each.role}, {"subject", each.subject}});
  }

  const auto transport = sources.transport();
  text.counter("rest_client_requests_total", "Requests but watches.",
               static_cast<double>(transport.calls));
  text.counter("rest_client_retries_total", "Requests tried again.",
               static_cast<double>(transport.retries));
  text.counter("rest_client_throttled_total", "Requests that had to wait.",
               static_cast<double>(transport.throttled));

  const auto watches = [&](const char* metric, const char* help, auto member) {
    for (const kube::Informer* informer : sources.informers) {
      text.counter(metric, help, static_cast<double>(informer->counts().*member),
                   {{"kind", informer->resource().kind}});
    }
  };
  using Counts = kube::Watcher::Counts;
  watches("espalier_watch_lists_total", "Whole sets asked for.", &Counts::lists);
  watches("espalier_watches_total", "Watches opened.", &Counts::watches);
  watches("espalier_watch_events_total", "Events received.", &Counts::events);
  watches("espalier_watch_expired_total", "Times the server had forgotten our place (410).",
          &Counts::expired);
  watches("espalier_watch_problems_total", "Watches and lists that failed.", &Counts::problems);

  try {
    auto families = text.take();
    for (auto& family : parts_->registry.Collect()) families.push_back(std::move(family));
    return prometheus::TextSerializer().Serialize(families);
  } catch (const std::exception&) {
    return {};
  }
}

}  // namespace espalier::operator_run
