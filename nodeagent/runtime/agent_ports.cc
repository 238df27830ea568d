#include "nodeagent/runtime/agent_ports.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/process/fd.h"
#include "nodeagent/dataplane/xfrm/socket_policy.h"
#include "nodeagent/net/socket_address.h"

namespace espalier::runtime {

SocketNetwork::SocketNetwork(Loop& loop, net::IkeSockets sockets, BusyTime& busy,
                             std::function<void(const ike::Datagram&)> receive)
    : loop_(loop),
      busy_(busy),
      sockets_(std::move(sockets)),
      receive_(std::move(receive)),
      waiting_(sockets_.sockets().size(), false) {}

SocketNetwork::~SocketNetwork() {
  for (net::UdpSocket& socket : sockets_.sockets()) loop_.remove(socket.fd());
}

Status SocketNetwork::start() {
  for (std::size_t i = 0; i < sockets_.sockets().size(); ++i) {
    auto added = loop_.add(sockets_.sockets()[i].fd(), EPOLLIN,
                           [this, i](std::uint32_t events) { on_ready(i, events); });
    if (!added) return added;
  }
  return {};
}

void SocketNetwork::on_ready(std::size_t index, std::uint32_t events) {
  if ((events & EPOLLOUT) != 0) flush_one(index);
  batch_.clear();
  {
    const BusyTime::Measure measure(busy_, Work::kSockets);
    sockets_.receive(sockets_.sockets()[index], batch_);  // more, if any, in the next round
  }
  for (net::Datagram& datagram : batch_) {
    receive_({datagram.local, datagram.remote, datagram.encapsulated, std::move(datagram.data)});
  }
}

void SocketNetwork::send(std::span<const ike::Datagram> datagrams) {
  for (const ike::Datagram& one : datagrams) {
    // What no socket is bound for is lost, as the network may lose it: IKE sends it again.
    (void)sockets_.queue({one.local, one.remote, one.encapsulated, one.data});
  }
}

void SocketNetwork::flush() {
  for (std::size_t i = 0; i < waiting_.size(); ++i) {
    if (sockets_.sockets()[i].has_queued() && !waiting_[i]) flush_one(i);
  }
}

void SocketNetwork::flush_one(std::size_t index) {
  const BusyTime::Measure measure(busy_, Work::kSockets);
  net::UdpSocket& socket = sockets_.sockets()[index];
  std::vector<net::SendFailure> failures;  // counted by the socket; retransmission is the cure
  const bool empty = socket.flush(failures);
  if (waiting_[index] == !empty) return;
  waiting_[index] = !empty;
  (void)loop_.change(socket.fd(),
                     empty ? std::uint32_t{EPOLLIN} : std::uint32_t{EPOLLIN} | EPOLLOUT);
}

std::optional<IpAddress> SocketNetwork::source_towards(const IpAddress& remote) {
  // Connecting a UDP socket sends nothing and makes the kernel choose a route and a source.
  const int family = remote.is_v4() ? AF_INET : AF_INET6;
  const process::Fd probe(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!probe.valid() || !dataplane::xfrm::set_socket_bypass(probe.get(), remote.family()))
    return std::nullopt;
  const auto to = net::to_socket_address({remote, 500});
  if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&to.storage), to.length) != 0)
    return std::nullopt;
  sockaddr_storage own{};
  socklen_t size = sizeof own;
  if (::getsockname(probe.get(), reinterpret_cast<sockaddr*>(&own), &size) != 0)
    return std::nullopt;
  return net::to_endpoint(own).address;
}

namespace {

class CryptoItem final : public WorkItem {
 public:
  CryptoItem(ike::crypto::Provider& provider, BusyTime& busy, ike::RunCrypto job,
             const PoolCrypto::Done& done)
      : provider_(provider), busy_(busy), job_(std::move(job)), done_(done) {}
  void run() override {
    const BusyTime::Measure measure(busy_, Work::kPublicKey);
    outcome_ = provider_.run(job_.job);
  }
  void finish() override { done_(job_.ticket, std::move(outcome_)); }

 private:
  ike::crypto::Provider& provider_;
  BusyTime& busy_;
  ike::RunCrypto job_;
  const PoolCrypto::Done& done_;
  ike::crypto::Outcome outcome_ = Error{};
};

}  // namespace

void PoolCrypto::run(ike::RunCrypto job) {
  const ike::Ticket ticket = job.ticket;
  if (pool_.submit(std::make_unique<CryptoItem>(provider_, busy_, std::move(job), done_))) return;
  loop_.post([this, ticket] {
    done_(ticket,
          Error{Code::kUnavailable, "public-key work", "too much of it is waiting already"});
  });
}

}  // namespace espalier::runtime
