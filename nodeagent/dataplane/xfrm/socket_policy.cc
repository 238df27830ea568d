#include "nodeagent/dataplane/xfrm/socket_policy.h"

#include <cerrno>

#include <netinet/in.h>
#include <sys/socket.h>

#include "nodeagent/dataplane/xfrm/convert.h"
#include "nodeagent/dataplane/xfrm/errno_text.h"
#include "nodeagent/dataplane/xfrm/uapi.h"

namespace espalier::dataplane::xfrm {

namespace {

constexpr int kUdpEncap = 100;  // UDP_ENCAP, <linux/udp.h>, which does not go with <netinet/udp.h>

Status set(int fd, int level, int option, const void* value, socklen_t size, const char* what) {
  if (setsockopt(fd, level, option, value, size) == 0) return {};
  return fail(code_of(errno), what, errno_text(errno));
}

}  // namespace

Status set_socket_bypass(int fd, IpFamily family) {
  const bool v4 = family == IpFamily::kV4;
  for (const auto direction : {Direction::kIn, Direction::kOut}) {
    xfrm_userpolicy_info policy{};
    policy.action = XFRM_POLICY_ALLOW;
    policy.sel.family = family_number(family);
    policy.lft = to_kernel(Lifetimes{});
    policy.dir = to_kernel(direction);
    auto status = set(fd, v4 ? static_cast<int>(IPPROTO_IP) : static_cast<int>(IPPROTO_IPV6),
                      v4 ? IP_XFRM_POLICY : IPV6_XFRM_POLICY, &policy, sizeof(policy),
                      "socket bypass policy");
    if (!status) return status;
  }
  return {};
}

Status set_udp_encap(int fd) {
  const int kind = kEncapUdp;
  return set(fd, IPPROTO_UDP, kUdpEncap, &kind, sizeof(kind), "ESP in UDP");
}

}  // namespace espalier::dataplane::xfrm
