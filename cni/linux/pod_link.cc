#include "cni/linux/pod_link.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/process/fd.h"

namespace espalier::cni {
namespace {

using process::Fd;

tl::unexpected<Error> refused(const std::string& what) {
  return fail(Code::kKernel, what, std::strerror(errno));
}

// A socket for ioctls on interfaces of the namespace; empty path: of the caller's.
Result<Fd> socket_in(const std::string& netns) {
  const auto make = [] { return Fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)); };
  if (netns.empty()) {
    Fd here = make();
    if (!here.valid()) return refused("socket");
    return here;
  }
  const Fd home(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  const Fd there(::open(netns.c_str(), O_RDONLY | O_CLOEXEC));
  if (!home.valid()) return refused("/proc/self/ns/net");
  if (!there.valid()) return refused(netns);
  if (::setns(there.get(), CLONE_NEWNET) != 0) return refused(netns);
  Fd made = make();
  const int why = errno;
  if (::setns(home.get(), CLONE_NEWNET) != 0) return refused("back to the host's network");
  if (made.valid()) return made;
  errno = why;
  return refused("socket");
}

Result<ifreq> request_of(const std::string& ifname) {
  ifreq request{};
  if (ifname.empty() || ifname.size() >= sizeof request.ifr_name) {
    return fail(Code::kInvalid, ifname, "is no name of an interface");
  }
  std::memcpy(request.ifr_name, ifname.data(), ifname.size());
  return request;
}

Result<int> ask(int fd, unsigned long what, const std::string& ifname) {
  auto request = request_of(ifname);
  if (!request) return forward(request);
  if (::ioctl(fd, what, &*request) != 0) return refused(ifname);
  return what == SIOCGIFMTU ? request->ifr_mtu : request->ifr_ifindex;
}

// RTA_DATA() casts const away.
const char* data_of(const rtattr& attribute) {
  return reinterpret_cast<const char*>(&attribute) + RTA_LENGTH(0);
}

// rtnetlink's attributes are a list of (length, type, octets), each aligned to four.
template <typename Each>
void for_attributes(const rtattr* at, std::size_t length, const Each& each) {
  while (length >= sizeof(rtattr) && at->rta_len >= sizeof(rtattr) && at->rta_len <= length) {
    each(*at);
    const std::size_t step = std::min<std::size_t>(RTA_ALIGN(at->rta_len), length);
    at = reinterpret_cast<const rtattr*>(reinterpret_cast<const char*>(at) + step);
    length -= step;
  }
}

// The index of the interface at the other end of a veth pair (in its own namespace); nullopt: the
// host has no such interface, or it is no veth.
std::optional<int> veth_peer(const std::string& ifname) {
  struct {
    nlmsghdr header;
    ifinfomsg link;
    rtattr name;
    std::array<char, IFNAMSIZ> text;
  } request{};
  if (ifname.size() >= IFNAMSIZ) return std::nullopt;
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = RTM_GETLINK;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  request.name.rta_type = IFLA_IFNAME;
  request.name.rta_len = sizeof request.name + IFNAMSIZ;
  std::memcpy(request.text.data(), ifname.data(), ifname.size());

  const Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!fd.valid()) return std::nullopt;
  if (::send(fd.get(), &request, sizeof request, 0) < 0) return std::nullopt;
  alignas(nlmsghdr) std::array<char, 32768> answer{};
  const ssize_t got = ::recv(fd.get(), answer.data(), answer.size(), 0);
  if (got < 0) return std::nullopt;
  nlmsghdr header{};
  const auto size = static_cast<std::size_t>(got);
  if (size < NLMSG_LENGTH(sizeof(ifinfomsg))) return std::nullopt;
  std::memcpy(&header, answer.data(), sizeof header);
  if (header.nlmsg_type != RTM_NEWLINK) return std::nullopt;

  std::optional<int> peer;
  bool is_veth = false;
  const auto* first =
      reinterpret_cast<const rtattr*>(answer.data() + NLMSG_LENGTH(NLMSG_ALIGN(sizeof(ifinfomsg))));
  for_attributes(
      first, size - NLMSG_LENGTH(NLMSG_ALIGN(sizeof(ifinfomsg))), [&](const rtattr& each) {
        if (each.rta_type == IFLA_LINK && RTA_PAYLOAD(&each) >= sizeof(int)) {
          int index = 0;
          std::memcpy(&index, data_of(each), sizeof index);
          peer = index;
        }
        if (each.rta_type != IFLA_LINKINFO) return;
        for_attributes(reinterpret_cast<const rtattr*>(data_of(each)), RTA_PAYLOAD(&each),
                       [&](const rtattr& inner) {
                         if (inner.rta_type == IFLA_INFO_KIND && RTA_PAYLOAD(&inner) >= 4)
                           is_veth = std::memcmp(data_of(inner), "veth", 4) == 0;
                       });
      });
  return is_veth ? peer : std::nullopt;
}

}  // namespace

Result<std::vector<LinkEnd>> PodLink::ends(const std::string& netns, const std::string& ifname,
                                           const std::vector<std::string>& host_ifnames) {
  const auto pod = socket_in(netns);
  if (!pod) return tl::unexpected<Error>(pod.error());
  const auto mtu = ask(pod->get(), SIOCGIFMTU, ifname);
  if (!mtu) return tl::unexpected<Error>(mtu.error());
  const auto index = ask(pod->get(), SIOCGIFINDEX, ifname);
  if (!index) return tl::unexpected<Error>(index.error());
  std::vector<LinkEnd> ends{{ifname, true, static_cast<std::uint32_t>(*mtu)}};
  const auto host = socket_in("");
  if (!host) return tl::unexpected<Error>(host.error());
  for (const std::string& name : host_ifnames) {
    if (veth_peer(name) != *index) continue;
    const auto its_mtu = ask(host->get(), SIOCGIFMTU, name);
    if (!its_mtu) return tl::unexpected<Error>(its_mtu.error());
    ends.push_back({name, false, static_cast<std::uint32_t>(*its_mtu)});
    break;
  }
  return ends;
}

Status PodLink::set_mtu(const std::string& netns, const LinkEnd& end, std::uint32_t mtu) {
  const auto fd = socket_in(end.in_pod ? netns : "");
  if (!fd) return tl::unexpected<Error>(fd.error());
  auto request = request_of(end.ifname);
  if (!request) return forward(request);
  request->ifr_mtu = static_cast<int>(mtu);
  if (::ioctl(fd->get(), SIOCSIFMTU, &*request) != 0) {
    return refused(end.ifname + ": MTU " + std::to_string(mtu));
  }
  return {};
}

}  // namespace espalier::cni
