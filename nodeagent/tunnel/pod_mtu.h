// Which packets of pods leave in ESP in one piece.
//
// Guarantees: pure. largest_packet() is exact: one octet more does not fit (RFC 4303 section 2:
// header 8, IV, payload with 2 octets of trailer padded to the cipher's block and at least to 4,
// ICV; around it the tunnel's IP header without options or extensions, and 8 octets of UDP by RFC
// 3948). Of what a plan leaves open (several proposals) the largest share of ESP counts.
// Caveat: what a path between the nodes carries is told by nobody: a link that is narrower than the
// nodes' own is found by path MTU discovery only.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/ip.h"
#include "ike/crypto/suite.h"
#include "operator/plan/node_plan.h"

namespace espalier::tunnel {

// How one packet is wrapped.
struct Wrapping {
  plan::Mode mode = plan::Mode::kTunnel;
  // Of the packet on the wire. In transport mode that is the packet itself.
  IpFamily family = IpFamily::kV4;
  bool udp = false;
  ike::crypto::EspSuite suite;

  friend bool operator==(const Wrapping&, const Wrapping&) = default;
};

// In octets, the packet's own IP header included; 0 when nothing fits.
[[nodiscard]] std::uint32_t largest_packet(std::uint32_t wire_mtu, const Wrapping& wrapping);

// One way by which a plan sends pods' packets.
struct PodPath {
  Wrapping wrapping;
  std::optional<IpAddress> local;  // this end; nullopt: nothing says which
  bool udp_if_translated = false;  // UDP once a translator is found on the way

  friend bool operator==(const PodPath&, const PodPath&) = default;
};

// Each once. Tunnel mode where it covers pods of this node; transport mode always: pods' packets
// travel as the node's own where an overlay wraps them, or a masquerade takes their address.
[[nodiscard]] std::vector<PodPath> pod_paths(const plan::NodePlan& plan);

struct Underlay {
  std::map<IpAddress, std::uint32_t> mtus;  // of the interfaces with these addresses
  bool translated = false;                  // some IKE SA has found a translator
};

struct PodMtu {
  std::uint32_t most = 0;     // no packet of a pod may be longer
  std::uint32_t reserve = 0;  // to be taken off a link that leaves room for its overlay only

  friend bool operator==(const PodMtu&, const PodMtu&) = default;
};

// nullopt: ESP takes nothing from pods, or no interface is known.
[[nodiscard]] std::optional<PodMtu> pod_mtu(const std::vector<PodPath>& paths,
                                            const Underlay& underlay);

}  // namespace espalier::tunnel
