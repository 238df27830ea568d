// IkeSockets: all of a node's UDP sockets for IKE, ports 500 and 4500, IPv4 and IPv6 apart.
//
// A datagram goes out by the socket whose port and address are its `local`: of those the most
// specific one. Separate sockets per family because a socket's bypass policy matches its family
// only.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "nodeagent/net/udp_socket.h"

namespace espalier::net {

class IkeSockets {
 public:
  struct Options {
    std::vector<IpAddress> addresses;  // empty: every address of both families
    std::uint16_t ike_port = 500;      // RFC 7296 section 2
    std::uint16_t nat_port = 4500;     // RFC 3948
    bool ipsec_bypass = true;          // off only where no policies stand (tests)
    int receive_buffer = 4 << 20;
  };

  // All or none. With no addresses given, a machine without IPv6 gets IPv4 alone.
  [[nodiscard]] static Result<IkeSockets> open(const Options& options);

  // For the loop: each descriptor with its socket.
  [[nodiscard]] std::vector<UdpSocket>& sockets() { return sockets_; }

  // One batch from one socket; true when more may wait.
  bool receive(UdpSocket& socket, std::vector<Datagram>& out) {
    return socket.receive(buffers_, out);
  }

  // Queues for flush(). Fails with kNotFound when no socket is bound to `datagram.local`.
  [[nodiscard]] Status queue(Datagram datagram);

  [[nodiscard]] SocketCounters counters() const;

 private:
  IkeSockets() = default;

  std::vector<UdpSocket> sockets_;
  ReceiveBuffers buffers_;
};

}  // namespace espalier::net
