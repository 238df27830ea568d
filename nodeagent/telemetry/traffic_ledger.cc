#include "nodeagent/telemetry/traffic_ledger.h"

namespace espalier::telemetry {
namespace {

std::uint64_t growth(std::uint64_t before, std::uint64_t now) {
  return now >= before ? now - before : now;
}

Traffic growth(const Traffic& before, const Traffic& now) {
  return {growth(before.bytes, now.bytes), growth(before.packets, now.packets)};
}

Drops growth(const Drops& before, const Drops& now) {
  return {growth(before.replay, now.replay), growth(before.integrity, now.integrity)};
}

}  // namespace

ChildTotals& TrafficLedger::totals_of(const std::string& child) {
  for (ChildTotals& totals : totals_) {
    if (totals.child == child) return totals;
  }
  totals_.push_back({child, {}, {}, {}});
  return totals_.back();
}

void TrafficLedger::observe(const std::string& child, std::uint64_t key, const Traffic& in,
                            const Traffic& out, const Drops& drops) {
  ChildTotals& totals = totals_of(child);
  Seen& seen = seen_[key];
  totals.in += growth(seen.in, in);
  totals.out += growth(seen.out, out);
  totals.drops += growth(seen.drops, drops);
  seen = {in, out, drops};
}

void TrafficLedger::start_at(std::uint64_t key, const Traffic& in, const Traffic& out,
                             const Drops& drops) {
  seen_[key] = {in, out, drops};
}

void TrafficLedger::retire(std::uint64_t key) {
  seen_.erase(key);
}

}  // namespace espalier::telemetry
