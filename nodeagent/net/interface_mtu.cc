#include "nodeagent/net/interface_mtu.h"

#include <cerrno>
#include <cstring>
#include <memory>

#include <ifaddrs.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nodeagent/net/socket_address.h"

namespace espalier::net {
namespace {

std::optional<IpAddress> address_of(const ifaddrs& entry) {
  if (entry.ifa_addr == nullptr || (entry.ifa_flags & IFF_UP) == 0) return std::nullopt;
  const int family = entry.ifa_addr->sa_family;
  if (family != AF_INET && family != AF_INET6) return std::nullopt;
  sockaddr_storage storage{};
  std::memcpy(&storage, entry.ifa_addr,
              family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
  return to_endpoint(storage).address;
}

}  // namespace

Result<std::map<IpAddress, std::uint32_t>> interface_mtus() {
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return fail(Code::kIo, "getifaddrs", std::strerror(errno));
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> all(first, ::freeifaddrs);
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail(Code::kIo, "socket", std::strerror(errno));
  std::map<IpAddress, std::uint32_t> mtus;
  for (const ifaddrs* each = first; each != nullptr; each = each->ifa_next) {
    const auto address = address_of(*each);
    if (!address) continue;
    ifreq request{};
    std::strncpy(request.ifr_name, each->ifa_name, sizeof request.ifr_name - 1);
    if (::ioctl(fd, SIOCGIFMTU, &request) == 0)
      mtus[*address] = static_cast<std::uint32_t>(request.ifr_mtu);
  }
  ::close(fd);
  return mtus;
}

}  // namespace espalier::net
