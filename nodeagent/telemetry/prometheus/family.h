// FamilyBuilder: one metric family, sample by sample.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include <prometheus/metric_family.h>

#include "base/time.h"
#include "nodeagent/telemetry/histogram.h"

namespace espalier::telemetry {

// The Content-Type of what prometheus::TextSerializer writes.
inline constexpr const char* kExpositionType = "text/plain; version=0.0.4; charset=utf-8";

class FamilyBuilder {
 public:
  using Labels = std::initializer_list<std::pair<const char*, std::string_view>>;

  [[nodiscard]] static FamilyBuilder counter(const char* name, const char* help) {
    return FamilyBuilder(name, help, prometheus::MetricType::Counter);
  }
  [[nodiscard]] static FamilyBuilder gauge(const char* name, const char* help) {
    return FamilyBuilder(name, help, prometheus::MetricType::Gauge);
  }
  [[nodiscard]] static FamilyBuilder histogram(const char* name, const char* help) {
    return FamilyBuilder(name, help, prometheus::MetricType::Histogram);
  }

  void add(Labels labels, double value) {
    prometheus::ClientMetric metric = labelled(labels);
    if (family_.type == prometheus::MetricType::Counter) {
      metric.counter.value = value;
    } else {
      metric.gauge.value = value;
    }
    family_.metric.push_back(std::move(metric));
  }
  // Exact up to 2^53, like every number in Prometheus.
  void add(Labels labels, std::uint64_t value) { add(labels, static_cast<double>(value)); }
  void add(Labels labels, bool value) { add(labels, value ? 1.0 : 0.0); }
  void add(Labels labels, WallTime value) {
    add(labels, static_cast<double>(value.time_since_epoch().count()));
  }
  void add(Labels labels, const DurationHistogram& histogram) {
    prometheus::ClientMetric metric = labelled(labels);
    std::uint64_t cumulative = 0;
    for (std::size_t i = 0; i < DurationHistogram::kBounds.size(); ++i) {
      cumulative += histogram.counts()[i];
      metric.histogram.bucket.push_back({cumulative, DurationHistogram::kBounds[i]});
    }
    metric.histogram.sample_count = histogram.count();
    metric.histogram.sample_sum = histogram.sum_seconds();
    family_.metric.push_back(std::move(metric));
  }

  [[nodiscard]] const prometheus::MetricFamily& family() const { return family_; }

 private:
  FamilyBuilder(const char* name, const char* help, prometheus::MetricType type) {
    family_.name = name;
    family_.help = help;
    family_.type = type;
  }
  [[nodiscard]] static prometheus::ClientMetric labelled(Labels labels) {
    prometheus::ClientMetric metric;
    metric.label.reserve(labels.size());
    for (const auto& [name, value] : labels) metric.label.push_back({name, std::string(value)});
    return metric;
  }

  prometheus::MetricFamily family_;
};

}  // namespace espalier::telemetry
