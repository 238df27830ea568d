#include "ike/sa/selectors.h"

#include <algorithm>

namespace espalier::ike {
namespace {

// Whether a packet of protocol and ports that `inner` names is one that `outer` names.
bool protocol_within(const wire::TrafficSelector& inner, const wire::TrafficSelector& outer) {
  return outer.protocol == 0 || outer.protocol == inner.protocol;
}

bool inside(const wire::TrafficSelector& inner, const wire::TrafficSelector& outer) {
  if (inner.family() != outer.family() || !protocol_within(inner, outer)) return false;
  if (inner.start < outer.start || outer.end < inner.end) return false;
  if (outer.any_port()) return true;
  if (inner.opaque_ports() || outer.opaque_ports())
    return inner.opaque_ports() && outer.opaque_ports();
  return outer.start_port <= inner.start_port && inner.end_port <= outer.end_port;
}

}  // namespace

std::optional<wire::TrafficSelector> intersect(const wire::TrafficSelector& a,
                                               const wire::TrafficSelector& b) {
  if (a.family() != b.family()) return std::nullopt;
  if (a.protocol != 0 && b.protocol != 0 && a.protocol != b.protocol) return std::nullopt;
  wire::TrafficSelector both;
  both.protocol = a.protocol != 0 ? a.protocol : b.protocol;
  both.start = std::max(a.start, b.start);
  both.end = std::min(a.end, b.end);
  if (both.end < both.start) return std::nullopt;
  if (a.opaque_ports() || b.opaque_ports()) {
    // OPAQUE is inside ANY, and meets nothing else (section 3.13.1).
    const bool meet = (a.opaque_ports() && b.opaque_ports()) || a.any_port() || b.any_port();
    if (!meet) return std::nullopt;
    both.start_port = 65535;
    both.end_port = 0;
    return both;
  }
  both.start_port = std::max(a.start_port, b.start_port);
  both.end_port = std::min(a.end_port, b.end_port);
  if (both.end_port < both.start_port) return std::nullopt;
  return both;
}

std::vector<wire::TrafficSelector> narrow(const std::vector<wire::TrafficSelector>& asked,
                                          const std::vector<wire::TrafficSelector>& allowed) {
  std::vector<wire::TrafficSelector> result;
  for (const auto& one : asked) {
    for (const auto& bound : allowed) {
      const auto both = intersect(one, bound);
      if (both && std::find(result.begin(), result.end(), *both) == result.end())
        result.push_back(*both);
    }
  }
  return result;
}

bool covers(const std::vector<wire::TrafficSelector>& outer,
            const std::vector<wire::TrafficSelector>& inner) {
  return std::all_of(inner.begin(), inner.end(), [&](const wire::TrafficSelector& one) {
    return std::any_of(outer.begin(), outer.end(), [&](const wire::TrafficSelector& candidate) {
      return inside(one, candidate);
    });
  });
}

}  // namespace espalier::ike
