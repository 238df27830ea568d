// Over the loopback of a network namespace of its own, so that ports 500 and 4500 are free.

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nodeagent/net/ike_sockets.h"
#include "nodeagent/net/interface_mtu.h"
#include "nodeagent/net/socket_address.h"
#include "nodeagent/net/socket_options.h"

namespace espalier::net {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Endpoint at(const char* address, std::uint16_t port) {
  return {*IpAddress::parse(address), port};
}

// IPv6 leaves a new address tentative for a moment; loopback addresses are never.
class NetTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (unshare(CLONE_NEWNET) != 0) {
      namespace_error_ = std::strerror(errno);
      return;
    }
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ifreq request{};
    std::strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    ASSERT_EQ(ioctl(fd, SIOCSIFFLAGS, &request), 0) << std::strerror(errno);
    close(fd);
  }
  void SetUp() override {
    if (!namespace_error_.empty()) GTEST_SKIP() << "no network namespace: " << namespace_error_;
  }

  static IkeSockets open(std::vector<IpAddress> addresses = {}) {
    IkeSockets::Options options;
    options.addresses = std::move(addresses);
    auto sockets = IkeSockets::open(options);
    EXPECT_TRUE(sockets.has_value()) << sockets.error().to_string();
    return std::move(*sockets);
  }
  static UdpSocket raw(const Endpoint& local) {
    UdpSocket::Options options;
    options.ipsec_bypass = false;
    auto socket = UdpSocket::open(local, options);
    EXPECT_TRUE(socket.has_value()) << socket.error().to_string();
    return std::move(*socket);
  }
  static void send(UdpSocket& from, const Endpoint& to, const Bytes& data) {
    std::vector<SendFailure> failures;
    from.queue({from.bound(), to, false, data});
    ASSERT_TRUE(from.flush(failures));
    ASSERT_THAT(failures, IsEmpty());
  }
  // Loopback delivers within sendmmsg, so everything sent is there to be read.
  static std::vector<Datagram> receive_all(IkeSockets& sockets) {
    std::vector<Datagram> out;
    for (UdpSocket& socket : sockets.sockets()) {
      while (sockets.receive(socket, out)) {
      }
    }
    return out;
  }
  static void flush(IkeSockets& sockets) {
    std::vector<SendFailure> failures;
    for (UdpSocket& socket : sockets.sockets()) ASSERT_TRUE(socket.flush(failures));
    ASSERT_THAT(failures, IsEmpty());
  }

  static inline std::string namespace_error_;
};

TEST_F(NetTest, SaysWhatInterfacesCarry) {
  const auto mtus = interface_mtus();
  ASSERT_TRUE(mtus) << mtus.error().to_string();
  EXPECT_EQ(mtus->at(*IpAddress::parse("127.0.0.1")), 65536U);
  EXPECT_EQ(mtus->at(*IpAddress::parse("::1")), 65536U);
}

TEST_F(NetTest, OpensBothPortsOfBothFamilies) {
  IkeSockets sockets = open();
  std::vector<std::string> bound;
  for (UdpSocket& socket : sockets.sockets()) bound.push_back(socket.bound().to_string());
  EXPECT_THAT(bound, ElementsAre("0.0.0.0:500", "0.0.0.0:4500", "[::]:500", "[::]:4500"));
}

TEST_F(NetTest, SaysThatAnotherDaemonHoldsThePort) {
  UdpSocket other = raw(at("0.0.0.0", 500));
  auto sockets = IkeSockets::open({});
  ASSERT_FALSE(sockets.has_value());
  EXPECT_EQ(sockets.error().code, Code::kExists);
  EXPECT_EQ(sockets.error().where, "UDP 0.0.0.0:500");
}

TEST_F(NetTest, AnswersFromTheAddressThatWasAsked) {
  IkeSockets sockets = open();
  UdpSocket v4 = raw(at("127.0.0.1", 0));
  UdpSocket v6 = raw(at("::1", 0));
  send(v4, at("127.0.0.77", 500), {1, 2, 3});
  send(v6, at("::1", 500), {4});
  const auto got = receive_all(sockets);
  EXPECT_THAT(got, ElementsAre(Datagram{at("127.0.0.77", 500), v4.bound(), false, {1, 2, 3}},
                               Datagram{at("::1", 500), v6.bound(), false, {4}}));

  for (const Datagram& request : got) {
    ASSERT_TRUE(sockets.queue({request.local, request.remote, false, {9}}));
  }
  flush(sockets);
  ReceiveBuffers buffers;
  std::vector<Datagram> answers;
  v4.receive(buffers, answers);
  v6.receive(buffers, answers);
  ASSERT_THAT(answers, SizeIs(2));
  EXPECT_EQ(answers[0].remote, at("127.0.0.77", 500));
  EXPECT_EQ(answers[1].remote, at("::1", 500));
}

TEST_F(NetTest, StripsAndAddsTheNonEspMarker) {
  IkeSockets sockets = open();
  UdpSocket peer = raw(at("127.0.0.1", 0));
  send(peer, at("127.0.0.2", 4500), {0, 0, 0, 0, 7, 8});
  const auto got = receive_all(sockets);
  ASSERT_THAT(got, ElementsAre(Datagram{at("127.0.0.2", 4500), peer.bound(), true, {7, 8}}));

  ASSERT_TRUE(sockets.queue({got[0].local, got[0].remote, true, {5}}));
  flush(sockets);
  ReceiveBuffers buffers;
  std::vector<Datagram> answers;
  peer.receive(buffers, answers);
  ASSERT_THAT(answers, SizeIs(1));
  EXPECT_EQ(answers[0].data, (Bytes{0, 0, 0, 0, 5}));
}

TEST_F(NetTest, SendsKeepalivesWithoutTheMarker) {
  IkeSockets sockets = open();
  UdpSocket peer = raw(at("127.0.0.1", 0));
  ASSERT_TRUE(sockets.queue({at("127.0.0.1", 4500), peer.bound(), true, {0xff}}));
  flush(sockets);
  ReceiveBuffers buffers;
  std::vector<Datagram> got;
  peer.receive(buffers, got);
  ASSERT_THAT(got, SizeIs(1));
  EXPECT_EQ(got[0].data, (Bytes{0xff}));
}

TEST_F(NetTest, KeepalivesEspAndShortThingsDoNotGetThrough) {
  IkeSockets sockets = open();
  UdpSocket peer = raw(at("127.0.0.1", 0));
  send(peer, at("127.0.0.1", 4500), {0xff});
  send(peer, at("127.0.0.1", 4500), {0, 0, 0});
  send(peer, at("127.0.0.1", 4500), {0, 0, 1, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8});
  send(peer, at("127.0.0.1", 4500), {});
  EXPECT_THAT(receive_all(sockets), IsEmpty());
  EXPECT_EQ(sockets.counters().received, 0U);
}

TEST_F(NetTest, CountsTruncatedDatagrams) {
  UdpSocket socket = raw(at("127.0.0.1", 0));
  UdpSocket peer = raw(at("127.0.0.1", 0));
  ReceiveBuffers small(8);
  send(peer, socket.bound(), Bytes(9));
  send(peer, socket.bound(), Bytes(8));
  std::vector<Datagram> out;
  socket.receive(small, out);
  EXPECT_THAT(out, SizeIs(1));
  EXPECT_EQ(socket.counters().truncated, 1U);
}

TEST_F(NetTest, TakesTheLargestDatagram) {
  IkeSockets sockets = open();
  UdpSocket peer = raw(at("127.0.0.1", 0));
  const Bytes large(65507, 0x5a);
  send(peer, at("127.0.0.1", 500), large);
  const auto got = receive_all(sockets);
  ASSERT_THAT(got, SizeIs(1));
  EXPECT_EQ(got[0].data, large);
}

TEST_F(NetTest, BatchesMoreThanOneSystemCallHolds) {
  IkeSockets sockets = open();
  UdpSocket peer = raw(at("127.0.0.1", 0));
  constexpr std::uint8_t kCount = 100;
  for (std::uint8_t i = 0; i < kCount; ++i)
    peer.queue({peer.bound(), at("127.0.0.1", 500), false, {i}});
  std::vector<SendFailure> failures;
  ASSERT_TRUE(peer.flush(failures));
  const auto got = receive_all(sockets);
  ASSERT_THAT(got, SizeIs(kCount));
  for (std::uint8_t i = 0; i < kCount; ++i) EXPECT_EQ(got[i].data, Bytes{i});
}

TEST_F(NetTest, OneRefusedDatagramDoesNotStopTheOthers) {
  IkeSockets sockets = open();
  UdpSocket peer = raw(at("127.0.0.1", 0));
  ASSERT_TRUE(sockets.queue({at("127.0.0.1", 500), peer.bound(), false, {1}}));
  // No such address here, and no route there.
  ASSERT_TRUE(sockets.queue({at("192.0.2.1", 500), peer.bound(), false, {2}}));
  ASSERT_TRUE(sockets.queue({at("0.0.0.0", 500), at("198.51.100.1", 500), false, {3}}));
  ASSERT_TRUE(sockets.queue({at("127.0.0.1", 500), peer.bound(), false, {4}}));
  std::vector<SendFailure> failures;
  for (UdpSocket& socket : sockets.sockets()) EXPECT_TRUE(socket.flush(failures));
  ASSERT_THAT(failures, SizeIs(2));
  EXPECT_EQ(failures[0].local, at("192.0.2.1", 500));
  EXPECT_EQ(failures[1].error, ENETUNREACH);
  EXPECT_EQ(sockets.counters().send_errors, 2U);
  ReceiveBuffers buffers;
  std::vector<Datagram> arrived;
  peer.receive(buffers, arrived);
  ASSERT_THAT(arrived, SizeIs(2));
  EXPECT_EQ(arrived[0].data, Bytes{1});
  EXPECT_EQ(arrived[1].data, Bytes{4});
}

TEST_F(NetTest, SurvivesIcmpErrors) {
  IkeSockets sockets = open();
  std::uint16_t closed_port = 0;
  { closed_port = raw(at("127.0.0.1", 0)).bound().port; }
  UdpSocket peer = raw(at("127.0.0.1", 0));
  ASSERT_TRUE(sockets.queue({at("127.0.0.1", 500), at("127.0.0.1", closed_port), false, {1}}));
  flush(sockets);  // an ICMP port unreachable comes back
  send(peer, at("127.0.0.1", 500), {2});
  ASSERT_TRUE(sockets.queue({at("127.0.0.1", 500), peer.bound(), false, {3}}));
  flush(sockets);
  EXPECT_THAT(receive_all(sockets), SizeIs(1));
}

TEST_F(NetTest, ChoosesTheSocketBySourceAndRefusesForeignOnes) {
  IkeSockets sockets = open({*IpAddress::parse("127.0.0.1"), *IpAddress::parse("127.0.0.2")});
  UdpSocket peer = raw(at("127.0.0.9", 0));
  ASSERT_TRUE(sockets.queue({at("127.0.0.2", 500), peer.bound(), false, {1}}));
  EXPECT_EQ(sockets.queue({at("127.0.0.3", 500), peer.bound(), false, {1}}).error().code,
            Code::kNotFound);
  EXPECT_EQ(sockets.queue({at("127.0.0.1", 501), peer.bound(), false, {1}}).error().code,
            Code::kNotFound);
  flush(sockets);
  ReceiveBuffers buffers;
  std::vector<Datagram> arrived;
  peer.receive(buffers, arrived);
  ASSERT_THAT(arrived, SizeIs(1));
  EXPECT_EQ(arrived[0].remote, at("127.0.0.2", 500));
}

TEST_F(NetTest, DropsBroadcasts) {
  IkeSockets sockets = open();
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  ASSERT_EQ(setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &yes, sizeof yes), 0);
  const SocketAddress to = to_socket_address(at("127.255.255.255", 500));
  ASSERT_EQ(sendto(fd, "x", 1, 0, to.get(), to.length), 1) << std::strerror(errno);
  close(fd);
  EXPECT_THAT(receive_all(sockets), IsEmpty());
  EXPECT_EQ(sockets.counters().not_unicast, 1U);
}

// IPv4's loopback is exempt from policies, IPv6's is not.
TEST_F(NetTest, GetsThroughWherePoliciesBlockEverything) {
  IkeSockets sockets = open();
  UdpSocket::Options exempt;
  auto peer = UdpSocket::open(at("::1", 0), exempt);
  ASSERT_TRUE(peer.has_value()) << peer.error().to_string();
  UdpSocket outsider = raw(at("::1", 0));
  const auto ip = [](const std::string& arguments) {
    ASSERT_EQ(std::system(("ip -6 xfrm policy " + arguments).c_str()), 0);
  };
  for (const std::string direction : {"in", "out"}) {
    ip("add src ::/0 dst ::/0 dir " + direction + " action block");
  }
  std::vector<SendFailure> failures;
  outsider.queue({outsider.bound(), at("::1", 500), false, {1}});
  outsider.flush(failures);
  EXPECT_THAT(failures, SizeIs(1)) << "the policy is there and blocks";
  failures.clear();
  peer->queue({peer->bound(), at("::1", 500), false, {2}});
  peer->flush(failures);
  EXPECT_THAT(failures, IsEmpty());
  const auto got = receive_all(sockets);
  for (const std::string direction : {"in", "out"}) ip("delete src ::/0 dst ::/0 dir " + direction);
  ASSERT_THAT(got, SizeIs(1));
  EXPECT_EQ(got[0].data, Bytes{2});
}

TEST_F(NetTest, AFullQueueDropsAndCounts) {
  UdpSocket::Options options;
  options.ipsec_bypass = false;
  options.queue_capacity = 2;
  auto socket = UdpSocket::open(at("127.0.0.1", 0), options);
  ASSERT_TRUE(socket.has_value());
  for (int i = 0; i < 3; ++i) socket->queue({socket->bound(), socket->bound(), false, {1}});
  EXPECT_EQ(socket->counters().send_overflow, 1U);
}

}  // namespace
}  // namespace espalier::net
