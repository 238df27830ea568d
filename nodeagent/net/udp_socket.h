// UdpSocket: one bound UDP socket for IKE; batches in, batches out.
//
// Guarantees: never blocks; datagrams come with the address the peer wrote to, and an answer leaves
// from it; on the NAT-T port the non-ESP marker is stripped and added here and keepalives end here
// (RFC 3948 sections 2.2, 2.3); what is no IKE, truncated, or sent to a broadcast or multicast
// address is dropped and counted; ICMP errors, which anybody can forge, change nothing.
// Assumptions: one thread. Caveat: link-local IPv6 peers are not supported (an Endpoint has no
// zone).
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "base/result.h"
#include "nodeagent/net/datagram.h"

namespace espalier::net {

struct SocketCounters {
  std::uint64_t received = 0;
  std::uint64_t sent = 0;
  std::uint64_t truncated = 0;
  std::uint64_t keepalives = 0;     // that the kernel left to us
  std::uint64_t not_ike = 0;        // on the NAT-T port, without the marker
  std::uint64_t not_unicast = 0;    // sent to a broadcast or multicast address
  std::uint64_t send_errors = 0;    // refused by the kernel: no route, a firewall, a size
  std::uint64_t send_overflow = 0;  // the queue was full; the peer's or our retransmission helps

  SocketCounters& operator+=(const SocketCounters& other);
};

struct SendFailure {
  Endpoint local;
  Endpoint remote;
  int error = 0;  // errno: ENETUNREACH, EPERM, EMSGSIZE, EINVAL (the local address is gone)
};

// The memory of one batch of reads, shared by all sockets; pages are touched only as datagrams
// fill them.
class ReceiveBuffers {
 public:
  static constexpr std::size_t kBatch = 32;
  // Octets per datagram; the default takes the largest UDP payload.
  explicit ReceiveBuffers(std::size_t slot_size = 65536);

  [[nodiscard]] std::uint8_t* slot(std::size_t i) { return memory_.get() + i * slot_size_; }
  [[nodiscard]] std::size_t slot_size() const { return slot_size_; }

 private:
  std::size_t slot_size_;
  std::unique_ptr<std::uint8_t[]> memory_;
};

class UdpSocket {
 public:
  struct Options {
    bool nat_traversal = false;          // speaks RFC 3948: marker, keepalives, ESP in UDP
    bool ipsec_bypass = true;            // see set_ipsec_bypass
    int receive_buffer = 4 << 20;        // octets; a restarted node hears from every peer at once
    std::size_t queue_capacity = 16384;  // datagrams that wait for the kernel
  };

  // Binds to `local`; the unspecified address means every address of its family. Port 0 lets the
  // kernel choose. Fails with kExists when the port is taken (by another IKE daemon, most likely),
  // kKernel when an option is refused, kIo otherwise.
  [[nodiscard]] static Result<UdpSocket> open(const Endpoint& local, const Options& options);
  UdpSocket(const UdpSocket&) = delete;
  UdpSocket& operator=(const UdpSocket&) = delete;
  UdpSocket(UdpSocket&& other) noexcept;
  UdpSocket& operator=(UdpSocket&&) = delete;
  ~UdpSocket();

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] const Endpoint& bound() const { return bound_; }  // with the port that was chosen
  [[nodiscard]] bool nat_traversal() const { return options_.nat_traversal; }

  // Appends what one batch brought; at most ReceiveBuffers::kBatch datagrams. True when more may
  // wait. Call when the descriptor is readable or in error.
  bool receive(ReceiveBuffers& buffers, std::vector<Datagram>& out);

  // Queues; nothing is sent before flush().
  void queue(Datagram datagram);
  [[nodiscard]] bool has_queued() const { return !queue_.empty(); }
  // Sends what is queued in one system call per batch. True when the queue is empty; false: wait
  // until the descriptor is writable and call again. What the kernel refused is dropped and told.
  bool flush(std::vector<SendFailure>& failures);

  [[nodiscard]] const SocketCounters& counters() const { return counters_; }

 private:
  UdpSocket(int fd, Endpoint bound, const Options& options)
      : fd_(fd), bound_(std::move(bound)), options_(options) {}
  void accept(ByteView payload, const Endpoint& local, const Endpoint& remote,
              std::vector<Datagram>& out);

  int fd_ = -1;
  Endpoint bound_;
  Options options_;
  std::deque<Datagram> queue_;
  SocketCounters counters_;
};

}  // namespace espalier::net
