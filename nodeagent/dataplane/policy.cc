#include "nodeagent/dataplane/policy.h"

#include <fmt/format.h>

namespace espalier::dataplane {

std::string_view name_of(Direction direction) {
  switch (direction) {
    case Direction::kIn:
      return "in";
    case Direction::kOut:
      return "out";
    case Direction::kForward:
      return "fwd";
  }
  return "unknown";
}

std::string_view name_of(Mode mode) {
  return mode == Mode::kTunnel ? "tunnel" : "transport";
}

bool Selector::matches(const Selector& packet) const {
  return source.contains(packet.source) && destination.contains(packet.destination) &&
         (protocol == 0 || protocol == packet.protocol) &&
         (source_port == 0 || source_port == packet.source_port) &&
         (destination_port == 0 || destination_port == packet.destination_port);
}

Selector Selector::reversed() const {
  constexpr std::uint8_t kIcmp = 1;
  constexpr std::uint8_t kIcmpV6 = 58;
  if (protocol == kIcmp || protocol == kIcmpV6) {
    return {destination, source, protocol, source_port, destination_port};
  }
  return {destination, source, protocol, destination_port, source_port};
}

std::string Selector::to_string() const {
  auto text = fmt::format("{} -> {}", source.to_string(), destination.to_string());
  if (protocol != 0) text += fmt::format(" proto {}", protocol);
  if (source_port != 0 || destination_port != 0) {
    text += fmt::format(" ports {} -> {}", source_port, destination_port);
  }
  return text;
}

std::string PolicyId::to_string() const {
  auto text = fmt::format("policy {} {}", name_of(direction), selector.to_string());
  if (mark) text += fmt::format(" mark {:#x}/{:#x}", mark->value, mark->mask);
  return text;
}

PolicyId id_of(const Policy& policy) {
  return {policy.selector, policy.direction, policy.mark};
}

}  // namespace espalier::dataplane
