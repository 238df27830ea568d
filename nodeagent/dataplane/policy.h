// IPsec policies as the kernel knows them: which packets need which kind of SA.
//
// Guarantees: plain values, copyable and comparable; nothing secret.
// Caveats: priority is no part of a policy's identity: two policies with the same selector,
// direction and mark cannot coexist, the later replaces the earlier. A lower priority number wins.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ip.h"

namespace espalier::dataplane {

// An SA is kIn or kOut; kForward is for policies on routed packets.
enum class Direction : std::uint8_t { kIn, kOut, kForward };
enum class Mode : std::uint8_t { kTransport, kTunnel };

[[nodiscard]] std::string_view name_of(Direction direction);  // "in", "out", "fwd"
[[nodiscard]] std::string_view name_of(Mode mode);            // "transport", "tunnel"

// Packets by header. Both prefixes have the same family.
struct Selector {
  Prefix source{};
  Prefix destination{};
  std::uint8_t protocol = 0;  // 0 = any
  // Host order, 0 = any. ICMP and ICMPv6: the type in source_port, the code in destination_port.
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;

  [[nodiscard]] IpFamily family() const { return destination.family(); }
  // Whether a packet of exactly these addresses, protocol and ports matches.
  [[nodiscard]] bool matches(const Selector& packet) const;
  // The way back; of ICMP the same type and code.
  [[nodiscard]] Selector reversed() const;
  [[nodiscard]] std::string to_string()
      const;  // "10.0.0.0/24 -> 10.0.1.0/24 proto 17 ports 0 -> 500"

  friend auto operator<=>(const Selector&, const Selector&) = default;
};

// A match on the packet's mark. With mask 0 the kernel erases it: leave it out instead.
struct Mark {
  std::uint32_t value = 0;
  std::uint32_t mask = 0;
  friend auto operator<=>(const Mark&, const Mark&) = default;
};

// What kind of SA a packet must travel by.
struct Template {
  enum class Level : std::uint8_t {
    kRequired,  // without an SA the packet is dropped and an Acquire is raised
    kUse        // without an SA it passes in clear (outbound: transport mode only)
  };
  // The addresses of the SA's ends; unspecified ones are taken from the packet (transport mode).
  IpAddress source{};
  IpAddress destination{};
  Mode mode = Mode::kTransport;
  // Which SAs may serve. 0: outbound those with reqid 0, inbound any.
  std::uint32_t reqid = 0;
  Level level = Level::kRequired;

  friend auto operator<=>(const Template&, const Template&) = default;
};

struct Policy {
  enum class Action : std::uint8_t { kAllow, kBlock };

  Selector selector{};
  Direction direction = Direction::kOut;
  std::uint32_t priority = 0;  // lower wins
  // 0: the kernel chooses. Otherwise wished for, honoured unless taken (see ownership.h); the low
  // three bits are the direction's.
  std::uint32_t index = 0;
  Action action = Action::kAllow;
  std::optional<Template> transform = std::nullopt;  // none with kAllow: the packet passes in clear
  std::optional<Mark> mark = std::nullopt;

  friend auto operator<=>(const Policy&, const Policy&) = default;
};

// What identifies a policy to the kernel (and to `ip xfrm policy delete`).
struct PolicyId {
  Selector selector{};
  Direction direction = Direction::kOut;
  std::optional<Mark> mark = std::nullopt;

  [[nodiscard]] std::string to_string() const;  // "policy out 10.0.0.1/32 -> 10.0.0.2/32"
  friend auto operator<=>(const PolicyId&, const PolicyId&) = default;
};

[[nodiscard]] PolicyId id_of(const Policy& policy);

}  // namespace espalier::dataplane
