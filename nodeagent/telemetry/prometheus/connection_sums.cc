#include <set>
#include <string_view>

#include "nodeagent/telemetry/prometheus/families.h"

namespace espalier::telemetry {
namespace {

// A counter that fell is a connection's that came anew.
std::uint64_t growth(std::uint64_t before, std::uint64_t now) {
  return now >= before ? now - before : now;
}

void grow(Traffic& sum, Traffic& before, const Traffic& now) {
  sum.bytes += growth(before.bytes, now.bytes);
  sum.packets += growth(before.packets, now.packets);
  before = now;
}

void grow(Drops& sum, Drops& before, const Drops& now) {
  sum.replay += growth(before.replay, now.replay);
  sum.integrity += growth(before.integrity, now.integrity);
  before = now;
}

void grow(ConnectionCounters& sum, ConnectionCounters& before, const ConnectionCounters& now) {
  sum.handshakes += growth(before.handshakes, now.handshakes);
  sum.handshake_failures += growth(before.handshake_failures, now.handshake_failures);
  sum.ike_rekeys += growth(before.ike_rekeys, now.ike_rekeys);
  sum.child_rekeys += growth(before.child_rekeys, now.child_rekeys);
  sum.rekey_failures += growth(before.rekey_failures, now.rekey_failures);
  sum.retransmits += growth(before.retransmits, now.retransmits);
  sum.liveness_lost += growth(before.liveness_lost, now.liveness_lost);
  before = now;
}

}  // namespace

const ConnectionSums::Counts& ConnectionSums::take(const Snapshot& snapshot) {
  std::set<std::string_view> present;
  for (const ConnectionStatus& connection : snapshot.connections) {
    present.insert(connection.name);
    Counts& seen = seen_[connection.name];
    grow(sums_.counters, seen.counters, connection.counters);
    for (const ChildTotals& child : connection.totals) {
      grow(sums_.in[child.child], seen.in[child.child], child.in);
      grow(sums_.out[child.child], seen.out[child.child], child.out);
      grow(sums_.drops[child.child], seen.drops[child.child], child.drops);
    }
  }
  std::erase_if(seen_, [&](const auto& entry) { return !present.contains(entry.first); });
  return sums_;
}

}  // namespace espalier::telemetry
