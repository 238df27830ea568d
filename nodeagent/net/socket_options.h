// The socket options that make a UDP socket an IKE socket.
//
// Errors name the option and the errno; Code::kKernel. All of them take effect for the socket only
// and end with it.
#pragma once

#include "base/ip.h"
#include "base/result.h"

namespace espalier::net {

// Exempts the socket's own packets from every IPsec policy, both directions: IKE must get through
// while a Required policy blocks everything else. Needs CAP_NET_ADMIN.
[[nodiscard]] Status set_ipsec_bypass(int fd, IpFamily family);

// The kernel takes ESP out of UDP on this socket (RFC 3948 section 2.2) and hands up what carries
// the non-ESP marker. NAT keepalives end in the kernel.
[[nodiscard]] Status set_udp_encapsulation(int fd);

// A receive buffer of `bytes`, also above net.core.rmem_max where the process may.
[[nodiscard]] Status set_receive_buffer(int fd, int bytes);

// Each datagram comes with the address it was sent to.
[[nodiscard]] Status set_packet_info(int fd, IpFamily family);

// IKE messages are fragmented by IKE (RFC 7383) or, when they must, by IP: never refused for
// their size.
[[nodiscard]] Status set_fragmentation_allowed(int fd, IpFamily family);

}  // namespace espalier::net
