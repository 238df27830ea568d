#include "nodeagent/net/ike_sockets.h"

#include <utility>

namespace espalier::net {

Result<IkeSockets> IkeSockets::open(const Options& options) {
  IkeSockets made;
  const bool every = options.addresses.empty();
  const std::vector<IpAddress> addresses =
      every ? std::vector{IpAddress::any(IpFamily::kV4), IpAddress::any(IpFamily::kV6)}
            : options.addresses;
  for (const IpAddress& address : addresses) {
    for (const bool nat : {false, true}) {
      UdpSocket::Options socket_options;
      socket_options.nat_traversal = nat;
      socket_options.ipsec_bypass = options.ipsec_bypass;
      socket_options.receive_buffer = options.receive_buffer;
      auto socket =
          UdpSocket::open({address, nat ? options.nat_port : options.ike_port}, socket_options);
      if (!socket) {
        const bool no_ipv6 = every && !address.is_v4() && socket.error().code == Code::kIo;
        if (no_ipv6) break;
        return forward(socket);
      }
      made.sockets_.push_back(std::move(*socket));
    }
  }
  return made;
}

Status IkeSockets::queue(Datagram datagram) {
  UdpSocket* best = nullptr;
  for (UdpSocket& socket : sockets_) {
    const Endpoint& bound = socket.bound();
    if (bound.port != datagram.local.port ||
        bound.address.family() != datagram.remote.address.family()) {
      continue;
    }
    if (bound.address == datagram.local.address) {
      best = &socket;
      break;
    }
    if (bound.address.is_unspecified()) best = &socket;
  }
  if (best == nullptr) {
    return fail(Code::kNotFound, datagram.local.to_string(), "no socket is bound to this address");
  }
  best->queue(std::move(datagram));
  return {};
}

SocketCounters IkeSockets::counters() const {
  SocketCounters sum;
  for (const UdpSocket& socket : sockets_) sum += socket.counters();
  return sum;
}

}  // namespace espalier::net
