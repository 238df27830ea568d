#include "tests/e2e/dataplane/two_nodes.h"

#include <array>
#include <cstdio>
#include <cstring>
#include <stdexcept>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

namespace espalier::dataplane::lab {

namespace {

[[noreturn]] void give_up(const std::string& what) {
  throw std::runtime_error(fmt::format("{}: {}", what, std::strerror(errno)));
}

IpAddress address_of(const std::string& text) {
  return IpAddress::parse(text).value();
}

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

SocketAddress socket_address(const Endpoint& endpoint) {
  SocketAddress result;
  if (endpoint.address.is_v4()) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&result.storage);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(endpoint.port);
    std::memcpy(&v4->sin_addr, endpoint.address.bytes().data(), 4);
    result.length = sizeof(sockaddr_in);
  } else {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&result.storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(endpoint.port);
    std::memcpy(&v6->sin6_addr, endpoint.address.bytes().data(), 16);
    result.length = sizeof(sockaddr_in6);
  }
  return result;
}

void open_kernel(Node& node) {
  node.netns.enter();
  auto kernel = xfrm::XfrmIpsec::open();
  if (!kernel) throw std::runtime_error(kernel.error().to_string());
  node.kernel = std::make_unique<xfrm::XfrmIpsec>(std::move(*kernel));
  auto events = xfrm::XfrmEvents::open(node.kernel->port());
  if (!events) throw std::runtime_error(events.error().to_string());
  node.events = std::make_unique<xfrm::XfrmEvents>(std::move(*events));
}

void run_ip(const Namespace& netns, const std::string& lines) {
  netns.run("ip -batch - <<'END'\n" + lines + "\nEND");
}

void lay_out(const Node& node, int number, const Namespace& wire) {
  const int other = 3 - number;
  // A pod's packet has the neighbour asked from the link-local address, which is silent until it is
  // known to be unique.
  node.netns.run("echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad");
  run_ip(wire, fmt::format("link add w{0} type veth peer name eth0 netns {1}\n"
                           "link set w{0} master br0 up",
                           number, node.netns.path()));
  run_ip(node.netns, fmt::format("link set eth0 up\n"
                                 "addr add 10.9.0.{0}/24 dev eth0\n"
                                 "addr add fd09::{0}/64 dev eth0 nodad\n"
                                 "addr add 10.1.{0}.1/32 dev lo\n"
                                 "addr add fd01:{0}::1/128 dev lo nodad\n"
                                 "route add 10.1.{1}.0/24 via 10.9.0.{1} src 10.1.{0}.1\n"
                                 "route add fd01:{1}::/64 via fd09::{1} src fd01:{0}::1",
                                 number, other));
}

}  // namespace

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) close(fd_);
}

bool readable(int fd, int milliseconds) {
  pollfd wait{fd, POLLIN, 0};
  return poll(&wait, 1, milliseconds) == 1;
}

Namespace::Namespace() {
  if (unshare(CLONE_NEWNET) != 0) give_up("unshare");
  fd_ = FileDescriptor(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (fd_.get() < 0) give_up("/proc/thread-self/ns/net");
  run("ip link set lo up");
}

void Namespace::enter() const {
  if (setns(fd_.get(), CLONE_NEWNET) != 0) give_up("setns");
}

std::string Namespace::path() const {
  return fmt::format("/proc/{}/fd/{}", getpid(), fd_.get());
}

std::string Namespace::run(const std::string& command) const {
  enter();
  auto* pipe = popen(fmt::format("set -e\n{}", command).c_str(), "r");
  if (pipe == nullptr) give_up("popen");
  std::string output;
  std::array<char, 4096> buffer{};
  while (const auto count = fread(buffer.data(), 1, buffer.size(), pipe)) {
    output.append(buffer.data(), count);
  }
  if (pclose(pipe) != 0) throw std::runtime_error("failed: " + command);
  return output;
}

Wire::Wire(int ifindex) : fd_(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL))) {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = ifindex;
  if (bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    give_up("packet socket");
  }
}

Crossed Wire::look() {
  Crossed crossed;
  std::array<std::uint8_t, 2048> frame{};
  ssize_t length = 0;
  while ((length = recv(fd_.get(), frame.data(), frame.size(), MSG_DONTWAIT)) > 14) {
    const unsigned type = (frame[12] << 8U) | frame[13];
    if (type != ETH_P_IP && type != ETH_P_IPV6) continue;
    const std::size_t header = type == ETH_P_IP ? (frame[14] & 0xfU) * 4U : 40U;
    const std::uint8_t protocol = type == ETH_P_IP ? frame[14 + 9] : frame[14 + 6];
    const auto* payload = frame.data() + 14 + header;
    const unsigned destination_port = (payload[2] << 8U) | payload[3];
    if (protocol == IPPROTO_ESP) {
      ++crossed.esp;
      last_esp_.assign(frame.begin(), frame.begin() + length);
    } else if (protocol == IPPROTO_UDP && destination_port == 4500 &&
               std::memcmp(payload + 8, "\0\0\0\0", 4) != 0) {
      ++crossed.esp_in_udp;
    } else if (protocol == IPPROTO_UDP || protocol == IPPROTO_TCP || protocol == IPPROTO_ICMP) {
      ++crossed.clear;
    }
  }
  return crossed;
}

void Wire::inject(const std::vector<std::uint8_t>& frame) const {
  if (send(fd_.get(), frame.data(), frame.size(), 0) < 0) give_up("inject");
}

FileDescriptor Node::udp_socket(const IpAddress& address, std::uint16_t port) const {
  netns.enter();
  FileDescriptor result(socket(address.is_v4() ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto local = socket_address({address, port});
  if (bind(result.get(), reinterpret_cast<const sockaddr*>(&local.storage), local.length) != 0) {
    give_up("bind " + address.to_string());
  }
  return result;
}

std::vector<KernelEvent> Node::all_events() {
  auto events_now = std::exchange(waiting_, {});
  while (readable(events->fd(), 0)) {
    if (!events->read(events_now)) break;
  }
  return events_now;
}

TwoNodes::TwoNodes() {
  run_ip(wire_netns, "link add br0 type bridge\nlink set br0 up");
  lay_out(a, 1, wire_netns);
  lay_out(b, 2, wire_netns);
  open_kernel(a);
  open_kernel(b);
  wire_netns.enter();
  wire_ = std::make_unique<Wire>(static_cast<int>(if_nametoindex("w2")));
}

IpAddress TwoNodes::node_address(IpFamily family, int node) {
  return address_of(fmt::format("{}{}", family == IpFamily::kV4 ? "10.9.0." : "fd09::", node));
}

IpAddress TwoNodes::pod_address(IpFamily family, int node) {
  return address_of(family == IpFamily::kV4 ? fmt::format("10.1.{}.1", node)
                                            : fmt::format("fd01:{}::1", node));
}

bool TwoNodes::arrives(const FileDescriptor& from, const FileDescriptor& to,
                       const Endpoint& destination, int milliseconds, std::size_t size) {
  const auto remote = socket_address(destination);
  const std::string sent(size, 'e');
  if (sendto(from.get(), sent.data(), sent.size(), 0,
             reinterpret_cast<const sockaddr*>(&remote.storage), remote.length) < 0) {
    return false;
  }
  if (!readable(to.get(), milliseconds)) return false;
  std::array<char, 8192> received{};
  const auto length = recv(to.get(), received.data(), received.size(), MSG_DONTWAIT);
  return length >= 0 && std::string(received.data(), static_cast<std::size_t>(length)) == sent;
}

}  // namespace espalier::dataplane::lab
