#include "ike/wire/traffic_selector.h"

#include <fmt/format.h>

namespace espalier::ike::wire {

namespace {

std::string protocol_name(std::uint8_t protocol) {
  switch (protocol) {
    case 1:
      return "icmp";
    case 6:
      return "tcp";
    case 17:
      return "udp";
    case 58:
      return "ipv6-icmp";
    default:
      return std::to_string(protocol);
  }
}

}  // namespace

TrafficSelector TrafficSelector::from_prefix(const Prefix& prefix, std::uint8_t protocol,
                                             std::uint16_t port) {
  TrafficSelector selector;
  selector.protocol = protocol;
  if (port != 0) selector.start_port = selector.end_port = port;
  selector.start = prefix.first();
  selector.end = prefix.last();
  return selector;
}

std::string TrafficSelector::to_string() const {
  std::string text = start.to_string() + "-" + end.to_string();
  for (int length = 0; length <= start.bits(); ++length) {
    const Prefix prefix(start, length);
    if (prefix.first() == start && prefix.last() == end) text = prefix.to_string();
  }
  if (protocol != 0) text += " " + protocol_name(protocol);
  if (opaque_ports()) return text + " opaque";
  if (any_port()) return text;
  return text + (start_port == end_port ? fmt::format(" {}", start_port)
                                        : fmt::format(" {}-{}", start_port, end_port));
}

}  // namespace espalier::ike::wire
