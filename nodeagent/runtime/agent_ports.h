// The controller's ports on the real world: sockets and the worker pool.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "ike/crypto/provider.h"
#include "nodeagent/net/ike_sockets.h"
#include "nodeagent/runtime/busy_time.h"
#include "nodeagent/runtime/loop.h"
#include "nodeagent/runtime/worker_pool.h"
#include "nodeagent/tunnel/ports.h"

namespace espalier::runtime {

// IKE's sockets on the loop. Datagrams that come in go to `receive`; what is sent is queued and
// leaves at flush(), once per round of the loop.
class SocketNetwork final : public tunnel::Network {
 public:
  SocketNetwork(Loop& loop, net::IkeSockets sockets, BusyTime& busy,
                std::function<void(const ike::Datagram&)> receive);
  ~SocketNetwork() override;

  [[nodiscard]] Status start();
  void send(std::span<const ike::Datagram> datagrams) override;
  [[nodiscard]] std::optional<IpAddress> source_towards(const IpAddress& remote) override;
  void flush();
  [[nodiscard]] net::SocketCounters counters() const { return sockets_.counters(); }

 private:
  void on_ready(std::size_t index, std::uint32_t events);
  void flush_one(std::size_t index);

  Loop& loop_;
  BusyTime& busy_;
  net::IkeSockets sockets_;
  std::function<void(const ike::Datagram&)> receive_;
  std::vector<bool> waiting_;  // which sockets wait for the kernel to take more
  std::vector<net::Datagram> batch_;
};

// Public-key work on the pool; the outcome comes back on the loop.
class PoolCrypto final : public tunnel::CryptoRunner {
 public:
  using Done = std::function<void(ike::Ticket, ike::crypto::Outcome)>;
  PoolCrypto(WorkerPool& pool, ike::crypto::Provider& provider, Loop& loop, BusyTime& busy,
             Done done)
      : pool_(pool), provider_(provider), loop_(loop), busy_(busy), done_(std::move(done)) {}
  void run(ike::RunCrypto job) override;

 private:
  WorkerPool& pool_;
  ike::crypto::Provider& provider_;
  Loop& loop_;
  BusyTime& busy_;
  Done done_;
};

}  // namespace espalier::runtime
