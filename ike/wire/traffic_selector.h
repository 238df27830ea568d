// TrafficSelector: one range of addresses, ports and a protocol (RFC 7296 section 3.13.1).
//
// Guarantees of a decoded one: start <= end, one family, and start_port <= end_port unless the pair
// is OPAQUE. For ICMP and ICMPv6 the ports hold type (high octet) and code (low octet).
#pragma once

#include <cstdint>
#include <string>

#include "base/ip.h"

namespace espalier::ike::wire {

struct TrafficSelector {
  std::uint8_t protocol = 0;  // IP protocol number; 0 is any
  std::uint16_t start_port = 0;
  std::uint16_t end_port = 65535;
  IpAddress start;
  IpAddress end;

  // Every address of the prefix, one protocol (0: any) and one port (0: any).
  [[nodiscard]] static TrafficSelector from_prefix(const Prefix& prefix, std::uint8_t protocol = 0,
                                                   std::uint16_t port = 0);

  [[nodiscard]] IpFamily family() const { return start.family(); }
  [[nodiscard]] bool any_port() const { return start_port == 0 && end_port == 65535; }
  // RFC 7296 section 3.13.1: 65535 to 0 means packets whose ports cannot be seen.
  [[nodiscard]] bool opaque_ports() const { return start_port == 65535 && end_port == 0; }

  // "10.0.0.0-10.0.0.255 tcp 80-443"; addresses as a prefix where they are one.
  [[nodiscard]] std::string to_string() const;

  friend auto operator<=>(const TrafficSelector&, const TrafficSelector&) = default;
};

}  // namespace espalier::ike::wire
