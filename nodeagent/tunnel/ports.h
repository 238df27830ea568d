// What the tunnel controller asks of the world, beside the kernel's IPsec
// (nodeagent/dataplane/kernel_ipsec.h).
//
// Assumptions: calls return at once and never call back into the controller; answers come later
// through Controller's on_… functions, on the same thread.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "base/ip.h"
#include "base/result.h"
#include "ike/output.h"

namespace espalier::dataplane {
class KernelIpsec;
class ClearTrafficGuard;
}  // namespace espalier::dataplane

namespace espalier::telemetry {
class EventSink;
}

namespace espalier::tunnel {

class Network {
 public:
  virtual ~Network() = default;
  // In this order; what cannot be sent is lost, as a datagram may be.
  virtual void send(std::span<const ike::Datagram> datagrams) = 0;
  // The address that this node would use towards `remote`; nullopt: there is no route.
  [[nodiscard]] virtual std::optional<IpAddress> source_towards(const IpAddress& remote) = 0;
};

class CryptoRunner {
 public:
  virtual ~CryptoRunner() = default;
  // The outcome comes by Controller::on_crypto with the same ticket. A job that cannot be taken is
  // answered with an Error of Code::kUnavailable.
  virtual void run(ike::RunCrypto job) = 0;
};

class JournalStore {
 public:
  virtual ~JournalStore() = default;
  // Replaces what is kept, whole or not at all; `text` holds no secret. It must stand on the disk
  // when this returns: the controller writes it before the kernel is touched.
  [[nodiscard]] virtual Status save(std::string_view text) = 0;
};

struct Ports {
  dataplane::KernelIpsec* kernel = nullptr;
  Network* network = nullptr;
  CryptoRunner* crypto = nullptr;
  JournalStore* journal = nullptr;
  dataplane::ClearTrafficGuard* guard = nullptr;  // nullptr: this kernel cannot (said in status)
  telemetry::EventSink* events = nullptr;         // nullptr: nobody listens
};

}  // namespace espalier::tunnel
