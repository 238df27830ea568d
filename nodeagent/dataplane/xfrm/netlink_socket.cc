#include "nodeagent/dataplane/xfrm/netlink_socket.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "nodeagent/dataplane/xfrm/errno_text.h"
#include "nodeagent/dataplane/xfrm/uapi.h"

namespace espalier::dataplane::xfrm {

namespace {

constexpr int kRoom = 8 * 1024 * 1024;
// An SA with all it can have is below 2 KiB, so a slot holds any answer that is no dump's.
constexpr std::size_t kSlots = 32;
constexpr std::size_t kSlotSize = 4096;

void set_option(int fd, int level, int option, int value) {
  // Where one of these is refused we do without: less room, or no text with an error.
  static_cast<void>(setsockopt(fd, level, option, &value, sizeof(value)));
}

std::size_t get_option(int fd, int option) {
  int value = 0;
  socklen_t length = sizeof(value);
  if (getsockopt(fd, SOL_SOCKET, option, &value, &length) != 0 || value < 0) return 0;
  return static_cast<std::size_t>(value);
}

std::size_t take_all(ByteView datagram, const std::function<void(const RawMessage&)>& each) {
  std::size_t count = 0;
  while (const auto message = take_message(datagram)) {
    each(*message);
    ++count;
  }
  return count;
}

}  // namespace

void NetlinkSocket::Free::operator()(nl_sock* socket) const {
  nl_socket_free(socket);
}

Result<NetlinkSocket> NetlinkSocket::open() {
  NetlinkSocket result;
  result.socket_.reset(nl_socket_alloc());
  if (!result.socket_) return fail(Code::kUnavailable, "netlink", "out of memory");
  if (const int error = nl_connect(result.socket_.get(), NETLINK_XFRM); error != 0) {
    return fail(Code::kKernel, "netlink XFRM", nl_geterror(error));
  }
  result.make_room();
  result.buffer_ = SecretBytes(kSlots * kSlotSize);
  return result;
}

void NetlinkSocket::make_room() {
  const int own = fd();
  // The limits of net.core.*mem_max first, then (CAP_NET_ADMIN) beyond them.
  set_option(own, SOL_SOCKET, SO_RCVBUF, kRoom);
  set_option(own, SOL_SOCKET, SO_SNDBUF, kRoom);
  set_option(own, SOL_SOCKET, SO_RCVBUFFORCE, kRoom);
  set_option(own, SOL_SOCKET, SO_SNDBUFFORCE, kRoom);
  set_option(own, SOL_NETLINK, NETLINK_EXT_ACK, 1);
  set_option(own, SOL_NETLINK, NETLINK_CAP_ACK, 1);  // no request, so no key, comes back
  send_room_ = get_option(own, SO_SNDBUF);
  receive_room_ = get_option(own, SO_RCVBUF);
}

int NetlinkSocket::fd() const {
  return nl_socket_get_fd(socket_.get());
}

std::uint32_t NetlinkSocket::port() const {
  return nl_socket_get_local_port(socket_.get());
}

Status NetlinkSocket::join(int group) {
  if (const int error = nl_socket_add_membership(socket_.get(), group); error != 0) {
    return fail(Code::kKernel, "netlink XFRM group", nl_geterror(error));
  }
  return {};
}

Result<NetlinkSocket::Received> NetlinkSocket::receive(
    const std::function<void(const RawMessage&)>& each) {
  std::array<mmsghdr, kSlots> headers{};
  std::array<iovec, kSlots> pieces{};
  for (std::size_t slot = 0; slot < kSlots; ++slot) {
    pieces.at(slot) = {buffer_.writable().subspan(slot * kSlotSize).data(), kSlotSize};
    headers.at(slot).msg_hdr.msg_iov = &pieces.at(slot);
    headers.at(slot).msg_hdr.msg_iovlen = 1;
  }
  int count = 0;
  do {
    count = recvmmsg(fd(), headers.data(), kSlots, MSG_DONTWAIT, nullptr);
  } while (count < 0 && errno == EINTR);
  Received received;
  if (count < 0) {
    if (errno == EAGAIN) return received;
    if (errno != ENOBUFS) return fail(Code::kKernel, "netlink XFRM", errno_text(errno));
    received.overrun = true;
    return received;
  }
  received.datagrams = static_cast<std::size_t>(count);
  for (std::size_t slot = 0; slot < received.datagrams; ++slot) {
    const auto datagram = buffer_.writable().subspan(slot * kSlotSize, headers.at(slot).msg_len);
    take_all(datagram, each);
    explicit_bzero(datagram.data(), datagram.size());
    if ((headers.at(slot).msg_hdr.msg_flags & MSG_TRUNC) != 0) received.overrun = true;
  }
  return received;
}

Result<NetlinkSocket::Received> NetlinkSocket::receive_large(
    const std::function<void(const RawMessage&)>& each) {
  const auto room = buffer_.writable();
  ssize_t length = 0;
  do {
    length = recv(fd(), room.data(), room.size(), MSG_DONTWAIT);
  } while (length < 0 && errno == EINTR);
  Received received;
  if (length < 0) {
    if (errno == EAGAIN) return received;
    if (errno != ENOBUFS) return fail(Code::kKernel, "netlink XFRM", errno_text(errno));
    received.overrun = true;
    return received;
  }
  received.datagrams = 1;
  const auto datagram = room.first(static_cast<std::size_t>(length));
  take_all(datagram, each);
  explicit_bzero(datagram.data(), datagram.size());
  return received;
}

Status NetlinkSocket::send(std::span<const ByteView> pieces) {
  std::vector<iovec> parts;
  parts.reserve(pieces.size());
  for (const auto piece : pieces) {
    parts.push_back({const_cast<std::uint8_t*>(piece.data()), piece.size()});  // sendmsg only reads
  }
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  msghdr message{};
  message.msg_name = &kernel;
  message.msg_namelen = sizeof(kernel);
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  ssize_t sent = 0;
  do {
    sent = sendmsg(fd(), &message, 0);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) return {};
  const int error = errno;
  return fail(error == ENOBUFS || error == ENOMEM ? Code::kUnavailable : Code::kKernel,
              "netlink XFRM", errno_text(error));
}

}  // namespace espalier::dataplane::xfrm
