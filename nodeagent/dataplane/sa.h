// IPsec SAs (security associations) as the kernel knows them, without their keys.
//
// Guarantees: plain values, copyable and comparable; keys travel apart, in EspKeys, towards the
// kernel only.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>

#include "base/ip.h"
#include "base/time.h"
#include "nodeagent/dataplane/esp_algorithm.h"
#include "nodeagent/dataplane/policy.h"

namespace espalier::dataplane {

// What identifies an ESP SA: the address it runs to and its SPI there. Never reserved values
// (SPI 0 to 255).
struct SaId {
  IpAddress destination{};
  std::uint32_t spi = 0;  // host order

  [[nodiscard]] std::string to_string() const;  // "SA 0xc0ffee01 to 10.0.0.2"
  friend auto operator<=>(const SaId&, const SaId&) = default;
};

// 0 everywhere means: no limit.
struct Limit {
  std::uint64_t bytes = 0;
  std::uint64_t packets = 0;
  std::uint64_t seconds_since_add = 0;
  std::uint64_t seconds_since_use = 0;
  friend auto operator<=>(const Limit&, const Limit&) = default;
};

// Soft limits raise an Expire, once, and nothing else; with the packet that reaches the soft
// `packets`: a limit of 1 tells of the first use. (The kernel compares before it counts and would
// call that 0; xfrm/ translates, so that 0 can mean no limit.) At a hard limit the kernel deletes
// the SA: `packets` pass and the next does not. Bytes are looked at before a packet is counted.
struct Lifetimes {
  Limit soft{};
  Limit hard{};
  friend auto operator<=>(const Lifetimes&, const Lifetimes&) = default;
};

// ESP inside UDP (RFC 3948) or TCP (RFC 9329). Ports in host order, as the packets of this SA carry
// them.
struct Encapsulation {
  enum class Kind : std::uint8_t { kUdp, kTcp };
  Kind kind = Kind::kUdp;
  std::uint16_t source_port = 4500;
  std::uint16_t destination_port = 4500;
  friend auto operator<=>(const Encapsulation&, const Encapsulation&) = default;
};

struct Offload {
  enum class Kind : std::uint8_t { kCrypto, kPacket };
  std::uint32_t ifindex = 0;
  Kind kind = Kind::kCrypto;
  friend auto operator<=>(const Offload&, const Offload&) = default;
};

struct SaFlags {
  bool any_inner_family = false;  // tunnel mode: IPv4 and IPv6 inside (XFRM_STATE_AF_UNSPEC)
  bool no_ecn = false;            // tunnel mode: do not copy the congestion bits
  bool copy_dscp_in = false;      // tunnel mode, inbound: the outer DSCP replaces the inner
  bool no_dscp_out = false;  // tunnel mode, outbound: the inner DSCP is not copied to the outer
  bool no_pmtu_discovery = false;  // outbound: the outer packet may be fragmented
  friend auto operator<=>(const SaFlags&, const SaFlags&) = default;
};

struct Sa {
  IpAddress source{};
  IpAddress destination{};
  std::uint32_t spi = 0;    // host order, at least 256
  std::uint32_t reqid = 0;  // ties the SA to the templates that may use it
  Mode mode = Mode::kTransport;
  Direction direction = Direction::kOut;  // kIn or kOut
  EspAlgorithm algorithm{};
  bool esn = true;
  // Packets; inbound only, 0 to 4096 (kReplayWindowMax); 0 without ESN means no replay protection.
  std::uint32_t replay_window = 0;
  std::optional<Encapsulation> encapsulation = std::nullopt;
  Lifetimes lifetimes{};
  // Transport mode: what the kernel lets through this SA. Without it, any packet between its ends.
  std::optional<Selector> selector = std::nullopt;
  std::optional<Offload> offload = std::nullopt;
  // Inbound: what the packets that it brings carry in these bits of their mark from then on.
  std::optional<Mark> mark_written = std::nullopt;
  SaFlags flags{};

  friend auto operator<=>(const Sa&, const Sa&) = default;
};

[[nodiscard]] SaId id_of(const Sa& sa);

inline constexpr std::uint32_t kReplayWindowMax = 4096;

struct Usage {
  std::uint64_t bytes = 0;
  std::uint64_t packets = 0;
  WallTime added{};
  std::optional<WallTime> first_used = std::nullopt;  // none: never used
  friend auto operator<=>(const Usage&, const Usage&) = default;
};

// An SA as it stands in the kernel now.
struct SaState {
  // Offload as the driver took it: none where it fell back to software. Kernels before 6.10 keep no
  // direction: there an SA with a replay window of more than one packet counts as inbound.
  Sa sa{};
  Usage usage{};
  bool larval = false;            // an SPI that is reserved, or an Acquire's placeholder (SPI 0)
  std::string other_algorithm{};  // the kernel's names where it is none of EspAlgorithm's; not ours
  std::uint64_t in_sequence = 0;  // highest number received
  std::uint64_t out_sequence = 0;      // last number sent
  std::uint32_t replayed = 0;          // packets dropped: seen before
  std::uint32_t outside_window = 0;    // packets dropped: too old
  std::uint32_t failed_integrity = 0;  // packets dropped: wrong ICV
};

}  // namespace espalier::dataplane
