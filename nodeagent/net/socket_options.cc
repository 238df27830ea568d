#include "nodeagent/net/socket_options.h"

#include <cerrno>
#include <cstring>

#include <linux/udp.h>
#include <linux/xfrm.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace espalier::net {
namespace {

template <typename T>
Status set(int fd, int level, int option, const char* name, const T& value) {
  if (setsockopt(fd, level, option, &value, sizeof value) != 0) {
    return fail(Code::kKernel, std::string("setsockopt ") + name, std::strerror(errno));
  }
  return {};
}

}  // namespace

Status set_ipsec_bypass(int fd, IpFamily family) {
  const bool v4 = family == IpFamily::kV4;
  for (const std::uint8_t direction : {XFRM_POLICY_IN, XFRM_POLICY_OUT}) {
    xfrm_userpolicy_info policy{};
    policy.action = XFRM_POLICY_ALLOW;
    policy.dir = direction;
    policy.sel.family = v4 ? AF_INET : AF_INET6;
    auto done = v4 ? set(fd, IPPROTO_IP, IP_XFRM_POLICY, "IP_XFRM_POLICY", policy)
                   : set(fd, IPPROTO_IPV6, IPV6_XFRM_POLICY, "IPV6_XFRM_POLICY", policy);
    if (!done) return done;
  }
  return {};
}

Status set_udp_encapsulation(int fd) {
  return set(fd, IPPROTO_UDP, UDP_ENCAP, "UDP_ENCAP", int{UDP_ENCAP_ESPINUDP});
}

Status set_receive_buffer(int fd, int bytes) {
  if (set(fd, SOL_SOCKET, SO_RCVBUFFORCE, "SO_RCVBUFFORCE", bytes)) return {};
  return set(fd, SOL_SOCKET, SO_RCVBUF, "SO_RCVBUF", bytes);
}

Status set_packet_info(int fd, IpFamily family) {
  return family == IpFamily::kV4
             ? set(fd, IPPROTO_IP, IP_PKTINFO, "IP_PKTINFO", int{1})
             : set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, "IPV6_RECVPKTINFO", int{1});
}

Status set_fragmentation_allowed(int fd, IpFamily family) {
  return family == IpFamily::kV4
             ? set(fd, IPPROTO_IP, IP_MTU_DISCOVER, "IP_MTU_DISCOVER", int{IP_PMTUDISC_DONT})
             : set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, "IPV6_MTU_DISCOVER",
                   int{IPV6_PMTUDISC_DONT});
}

}  // namespace espalier::net
