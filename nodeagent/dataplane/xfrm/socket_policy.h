// What the sockets of IKE need from XFRM.
#pragma once

#include "base/ip.h"
#include "base/result.h"

namespace espalier::dataplane::xfrm {

// Lets a socket's packets, both ways, pass in clear whatever the policies say. A socket policy
// matches its own family only: bind separate sockets for IPv4 and IPv6. Needs CAP_NET_ADMIN.
[[nodiscard]] Status set_socket_bypass(int fd, IpFamily family);

// Makes a UDP socket hand ESP-in-UDP packets (RFC 3948) to XFRM and keep the rest.
[[nodiscard]] Status set_udp_encap(int fd);

}  // namespace espalier::dataplane::xfrm
