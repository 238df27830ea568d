#include "nodeagent/net/udp_socket.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <sys/uio.h>
#include <unistd.h>

#include "nodeagent/net/socket_address.h"
#include "nodeagent/net/socket_options.h"

namespace espalier::net {
namespace {

constexpr std::size_t kBatch = ReceiveBuffers::kBatch;

// RFC 3948 section 2.2: four octets of zero where ESP has its SPI.
constexpr std::array<std::uint8_t, 4> kNonEspMarker{};
// RFC 3948 section 2.3.
constexpr std::uint8_t kKeepalive = 0xff;

bool is_keepalive(ByteView payload) {
  return payload.size() == 1 && payload[0] == kKeepalive;
}

// Room for one in_pktinfo or in6_pktinfo.
struct alignas(cmsghdr) Control {
  std::array<std::uint8_t, CMSG_SPACE(sizeof(in6_pktinfo))> bytes{};
};

// Where the datagram was sent to; nullopt for broadcast and multicast.
std::optional<IpAddress> destination_of(msghdr& message) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_PKTINFO) {
      in_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(part), sizeof info);
      // ipi_spec_dst is the local address; for a broadcast it differs from the header's.
      if (info.ipi_addr.s_addr != info.ipi_spec_dst.s_addr) return std::nullopt;
      return to_ip(info.ipi_addr);
    }
    if (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(part), sizeof info);
      if (IN6_IS_ADDR_MULTICAST(&info.ipi6_addr)) return std::nullopt;
      return to_ip(info.ipi6_addr);
    }
  }
  return std::nullopt;
}

// Makes the datagram leave from `source`.
void set_source(msghdr& message, Control& control, const IpAddress& source) {
  if (source.is_unspecified()) return;
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  cmsghdr* part = CMSG_FIRSTHDR(&message);
  if (source.is_v4()) {
    in_pktinfo info{};
    info.ipi_spec_dst = to_in_addr(source);
    part->cmsg_level = IPPROTO_IP;
    part->cmsg_type = IP_PKTINFO;
    part->cmsg_len = CMSG_LEN(sizeof info);
    std::memcpy(CMSG_DATA(part), &info, sizeof info);
    message.msg_controllen = CMSG_SPACE(sizeof info);
  } else {
    in6_pktinfo info{};
    info.ipi6_addr = to_in6_addr(source);
    part->cmsg_level = IPPROTO_IPV6;
    part->cmsg_type = IPV6_PKTINFO;
    part->cmsg_len = CMSG_LEN(sizeof info);
    std::memcpy(CMSG_DATA(part), &info, sizeof info);
    message.msg_controllen = CMSG_SPACE(sizeof info);
  }
}

Status configure(int fd, IpFamily family, const UdpSocket::Options& options) {
  if (family == IpFamily::kV6) {
    const int only = 1;
    if (setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only) != 0) {
      return fail(Code::kKernel, "setsockopt IPV6_V6ONLY", std::strerror(errno));
    }
  }
  if (auto done = set_packet_info(fd, family); !done) return done;
  if (auto done = set_fragmentation_allowed(fd, family); !done) return done;
  if (auto done = set_receive_buffer(fd, options.receive_buffer); !done) return done;
  if (options.ipsec_bypass) {
    if (auto done = set_ipsec_bypass(fd, family); !done) return done;
  }
  if (options.nat_traversal) return set_udp_encapsulation(fd);
  return {};
}

}  // namespace

SocketCounters& SocketCounters::operator+=(const SocketCounters& other) {
  received += other.received;
  sent += other.sent;
  truncated += other.truncated;
  keepalives += other.keepalives;
  not_ike += other.not_ike;
  not_unicast += other.not_unicast;
  send_errors += other.send_errors;
  send_overflow += other.send_overflow;
  return *this;
}

// new[] without () leaves the pages untouched until a datagram is written to them.
ReceiveBuffers::ReceiveBuffers(std::size_t slot_size)
    : slot_size_(slot_size), memory_(new std::uint8_t[kBatch * slot_size]) {}

Result<UdpSocket> UdpSocket::open(const Endpoint& local, const Options& options) {
  const IpFamily family = local.address.family();
  const int fd = ::socket(family == IpFamily::kV4 ? AF_INET : AF_INET6,
                          SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP);
  if (fd < 0) return fail(Code::kIo, "UDP socket", std::strerror(errno));
  UdpSocket made(fd, local, options);
  if (auto done = configure(fd, family, options); !done) return forward(done);
  const SocketAddress address = to_socket_address(local);
  if (bind(fd, address.get(), address.length) != 0) {
    const int error = errno;
    const std::string where = "UDP " + local.to_string();
    if (error == EADDRINUSE) {
      return fail(Code::kExists, where, "the port is taken; does another IKE daemon run here?");
    }
    return fail(Code::kIo, where, std::strerror(error));
  }
  SocketAddress bound;
  bound.length = sizeof bound.storage;
  if (getsockname(fd, bound.get(), &bound.length) == 0) made.bound_ = to_endpoint(bound.storage);
  return made;
}

UdpSocket::UdpSocket(UdpSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      bound_(other.bound_),
      options_(other.options_),
      queue_(std::move(other.queue_)),
      counters_(other.counters_) {}

UdpSocket::~UdpSocket() {
  if (fd_ >= 0) ::close(fd_);
}

bool UdpSocket::receive(ReceiveBuffers& buffers, std::vector<Datagram>& out) {
  std::array<mmsghdr, kBatch> messages{};
  std::array<iovec, kBatch> vectors{};
  std::array<sockaddr_storage, kBatch> senders{};
  std::array<Control, kBatch> controls{};
  for (std::size_t i = 0; i < kBatch; ++i) {
    vectors[i] = {buffers.slot(i), buffers.slot_size()};
    msghdr& header = messages[i].msg_hdr;
    header.msg_name = &senders[i];
    header.msg_namelen = sizeof senders[i];
    header.msg_iov = &vectors[i];
    header.msg_iovlen = 1;
    header.msg_control = controls[i].bytes.data();
    header.msg_controllen = controls[i].bytes.size();
  }
  const int count = recvmmsg(fd_, messages.data(), kBatch, MSG_DONTWAIT, nullptr);
  if (count < 0) {
    // Errors that ICMP left behind are read away with SO_ERROR and mean nothing; the next round of
    // the loop tries again.
    int pending = 0;
    socklen_t length = sizeof pending;
    getsockopt(fd_, SOL_SOCKET, SO_ERROR, &pending, &length);
    return false;
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    msghdr& header = messages[i].msg_hdr;
    if ((header.msg_flags & MSG_TRUNC) != 0) {
      ++counters_.truncated;
      continue;
    }
    const auto destination = destination_of(header);
    if (!destination) {
      ++counters_.not_unicast;
      continue;
    }
    accept({buffers.slot(i), messages[i].msg_len}, {*destination, bound_.port},
           to_endpoint(senders[i]), out);
  }
  return static_cast<std::size_t>(count) == kBatch;
}

void UdpSocket::accept(ByteView payload, const Endpoint& local, const Endpoint& remote,
                       std::vector<Datagram>& out) {
  if (options_.nat_traversal) {
    if (is_keepalive(payload)) {
      ++counters_.keepalives;
      return;
    }
    if (payload.size() < kNonEspMarker.size() ||
        !equal(payload.first(kNonEspMarker.size()), kNonEspMarker)) {
      ++counters_.not_ike;
      return;
    }
    payload = payload.subspan(kNonEspMarker.size());
  }
  ++counters_.received;
  out.push_back({local, remote, options_.nat_traversal, to_bytes(payload)});
}

void UdpSocket::queue(Datagram datagram) {
  if (queue_.size() >= options_.queue_capacity) {
    ++counters_.send_overflow;
    return;
  }
  queue_.push_back(std::move(datagram));
}

bool UdpSocket::flush(std::vector<SendFailure>& failures) {
  std::array<mmsghdr, kBatch> messages{};
  std::array<std::array<iovec, 2>, kBatch> vectors{};
  std::array<SocketAddress, kBatch> receivers{};
  std::array<Control, kBatch> controls{};
  while (!queue_.empty()) {
    const std::size_t batch = std::min(queue_.size(), kBatch);
    for (std::size_t i = 0; i < batch; ++i) {
      Datagram& datagram = queue_[i];
      receivers[i] = to_socket_address(datagram.remote);
      // sendmmsg writes to neither buffer; iovec serves both directions and so lacks the const.
      const bool marked = options_.nat_traversal && !is_keepalive(datagram.data);
      vectors[i][0] = {const_cast<std::uint8_t*>(kNonEspMarker.data()),
                       marked ? kNonEspMarker.size() : 0};
      vectors[i][1] = {datagram.data.data(), datagram.data.size()};
      messages[i] = {};
      msghdr& header = messages[i].msg_hdr;
      header.msg_name = receivers[i].get();
      header.msg_namelen = receivers[i].length;
      header.msg_iov = vectors[i].data();
      header.msg_iovlen = vectors[i].size();
      set_source(header, controls[i], datagram.local.address);
    }
    const int sent = sendmmsg(fd_, messages.data(), static_cast<unsigned>(batch), MSG_DONTWAIT);
    if (sent < 0) {
      const int error = errno;
      if (error == EINTR) continue;
      if (error == EAGAIN || error == ENOBUFS) return false;
      // The error is the first datagram's own: the kernel reports it only when none was sent.
      ++counters_.send_errors;
      failures.push_back({queue_.front().local, queue_.front().remote, error});
      queue_.pop_front();
      continue;
    }
    counters_.sent += static_cast<std::uint64_t>(sent);
    queue_.erase(queue_.begin(), queue_.begin() + sent);
  }
  return true;
}

}  // namespace espalier::net
