#include "nodeagent/dataplane/xfrm/convert.h"

#include <algorithm>
#include <cstring>

#include <arpa/inet.h>
#include <sys/socket.h>

namespace espalier::dataplane::xfrm {

namespace {

// Up to the end of the year 9999: more would overflow the arithmetic on it.
WallTime seconds_since_1970(std::uint64_t seconds) {
  constexpr std::uint64_t kLast = 253402300799;
  return WallTime(std::chrono::seconds(static_cast<std::int64_t>(std::min(seconds, kLast))));
}

std::uint64_t limit_to_kernel(std::uint64_t limit) {
  return limit == 0 ? kNoLimit : limit;
}
std::uint64_t limit_from_kernel(std::uint64_t limit) {
  return limit == kNoLimit ? 0 : limit;
}

// The kernel looks at limits before it counts a packet, so its Expire would come one packet later.
std::uint64_t soft_packets_to_kernel(std::uint64_t limit) {
  return limit == 0 ? kNoLimit : limit - 1;
}
std::uint64_t soft_packets_from_kernel(std::uint64_t limit) {
  return limit == kNoLimit ? 0 : limit + 1;
}

std::uint16_t whole_port_mask(std::uint16_t port) {
  return port == 0 ? 0 : 0xffff;
}

}  // namespace

std::uint16_t family_number(IpFamily family) {
  return family == IpFamily::kV4 ? AF_INET : AF_INET6;
}

std::optional<IpFamily> family_of(std::uint16_t number) {
  if (number == AF_INET) return IpFamily::kV4;
  if (number == AF_INET6) return IpFamily::kV6;
  return std::nullopt;
}

xfrm_address_t to_kernel(const IpAddress& address) {
  xfrm_address_t raw{};
  std::memcpy(&raw, address.bytes().data(), address.size());
  return raw;
}

IpAddress from_kernel(const xfrm_address_t& address, IpFamily family) {
  const std::size_t size = family == IpFamily::kV4 ? 4 : 16;
  const ByteView bytes(reinterpret_cast<const std::uint8_t*>(&address), size);
  return IpAddress::from_bytes(bytes).value_or(IpAddress::any(family));
}

xfrm_selector to_kernel(const Selector& selector) {
  xfrm_selector raw{};
  raw.family = family_number(selector.family());
  raw.saddr = to_kernel(selector.source.address());
  raw.daddr = to_kernel(selector.destination.address());
  raw.prefixlen_s = static_cast<std::uint8_t>(selector.source.length());
  raw.prefixlen_d = static_cast<std::uint8_t>(selector.destination.length());
  raw.proto = selector.protocol;
  raw.sport = htons(selector.source_port);
  raw.sport_mask = whole_port_mask(selector.source_port);
  raw.dport = htons(selector.destination_port);
  raw.dport_mask = whole_port_mask(selector.destination_port);
  return raw;
}

std::optional<Selector> from_kernel(const xfrm_selector& selector) {
  const auto family = family_of(selector.family);
  if (!family) return std::nullopt;
  const int bits = *family == IpFamily::kV4 ? 32 : 128;
  if (selector.prefixlen_s > bits || selector.prefixlen_d > bits) return std::nullopt;
  Selector result;
  result.source = Prefix(from_kernel(selector.saddr, *family), selector.prefixlen_s);
  result.destination = Prefix(from_kernel(selector.daddr, *family), selector.prefixlen_d);
  result.protocol = selector.proto;
  result.source_port = selector.sport_mask == 0 ? std::uint16_t{0} : ntohs(selector.sport);
  result.destination_port = selector.dport_mask == 0 ? std::uint16_t{0} : ntohs(selector.dport);
  return result;
}

bool matches_all(const Selector& selector) {
  return selector.source.length() == 0 && selector.destination.length() == 0 &&
         selector.protocol == 0 && selector.source_port == 0 && selector.destination_port == 0;
}

xfrm_lifetime_cfg to_kernel(const Lifetimes& lifetimes) {
  xfrm_lifetime_cfg raw{};
  raw.soft_byte_limit = limit_to_kernel(lifetimes.soft.bytes);
  raw.hard_byte_limit = limit_to_kernel(lifetimes.hard.bytes);
  raw.soft_packet_limit = soft_packets_to_kernel(lifetimes.soft.packets);
  raw.hard_packet_limit = limit_to_kernel(lifetimes.hard.packets);
  raw.soft_add_expires_seconds = lifetimes.soft.seconds_since_add;
  raw.hard_add_expires_seconds = lifetimes.hard.seconds_since_add;
  raw.soft_use_expires_seconds = lifetimes.soft.seconds_since_use;
  raw.hard_use_expires_seconds = lifetimes.hard.seconds_since_use;
  return raw;
}

Lifetimes from_kernel(const xfrm_lifetime_cfg& lifetimes) {
  Lifetimes result;
  result.soft.bytes = limit_from_kernel(lifetimes.soft_byte_limit);
  result.hard.bytes = limit_from_kernel(lifetimes.hard_byte_limit);
  result.soft.packets = soft_packets_from_kernel(lifetimes.soft_packet_limit);
  result.hard.packets = limit_from_kernel(lifetimes.hard_packet_limit);
  result.soft.seconds_since_add = lifetimes.soft_add_expires_seconds;
  result.hard.seconds_since_add = lifetimes.hard_add_expires_seconds;
  result.soft.seconds_since_use = lifetimes.soft_use_expires_seconds;
  result.hard.seconds_since_use = lifetimes.hard_use_expires_seconds;
  return result;
}

Usage from_kernel(const xfrm_lifetime_cur& usage) {
  Usage result;
  result.bytes = usage.bytes;
  result.packets = usage.packets;
  result.added = seconds_since_1970(usage.add_time);
  if (usage.use_time != 0) result.first_used = seconds_since_1970(usage.use_time);
  return result;
}

std::uint8_t to_kernel(Mode mode) {
  return mode == Mode::kTunnel ? XFRM_MODE_TUNNEL : XFRM_MODE_TRANSPORT;
}

std::optional<Mode> mode_of(std::uint8_t number) {
  if (number == XFRM_MODE_TRANSPORT) return Mode::kTransport;
  if (number == XFRM_MODE_TUNNEL) return Mode::kTunnel;
  return std::nullopt;
}

std::uint8_t to_kernel(Direction direction) {
  switch (direction) {
    case Direction::kIn:
      return XFRM_POLICY_IN;
    case Direction::kOut:
      return XFRM_POLICY_OUT;
    case Direction::kForward:
      return XFRM_POLICY_FWD;
  }
  return XFRM_POLICY_OUT;
}

std::optional<Direction> direction_of(std::uint8_t number) {
  if (number == XFRM_POLICY_IN) return Direction::kIn;
  if (number == XFRM_POLICY_OUT) return Direction::kOut;
  if (number == XFRM_POLICY_FWD) return Direction::kForward;
  return std::nullopt;
}

}  // namespace espalier::dataplane::xfrm
