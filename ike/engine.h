// Engine: IKEv2 (RFC 7296) as a pure state machine for many peers. Sans-I/O: datagrams, deadlines
// and answers in, outputs out.
//
// Guarantees:
// - No input, from the network or from the caller, crashes it or makes it wait; what matches no row
// of the
//   admission table is refused before code runs.
// - Deterministic: the same inputs, times and entropy give the same outputs, in the same order.
// - At most one request of ours is outstanding per IKE SA (window 1, section 2.3); a retransmitted
// request is
//   recognised by its hash before anything is decrypted and answered with the same bytes.
// Assumptions: time never runs backwards; one thread; outputs are taken after each input until none
// is left. Caveat: symmetric cryptography is done inline through the Provider; public-key work
// comes out as RunCrypto.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ike/config.h"
#include "ike/output.h"

namespace espalier::ike {

// What an IKE SA is doing, for status.
enum class IkeSaState : std::uint8_t { kConnecting, kHalfOpen, kEstablished, kRekeyed, kDeleting };

struct IkeSaView {
  IkeSaId id = 0;
  ConnectionId connection = 0;
  IkeSaState state = IkeSaState::kConnecting;
  bool initiator = false;
  std::uint64_t spi_i = 0, spi_r = 0;
  Endpoint local, remote;
  bool nat_local = false, nat_remote = false;  // a NAT stands in front of us, of the peer
  std::string suite;
  std::string peer_id;
  bool ppk_used = false;
  TimePoint established{};
  TimePoint rekey_at = kNever;
  std::size_t children = 0;
  std::uint32_t retransmits = 0;
};

struct ChildSaView {
  ChildSaInfo info;
  bool inbound_installed = false;
  bool outbound_installed = false;
  bool current = false;  // carries our outbound traffic
  TimePoint established{};
  TimePoint rekey_at = kNever;
};

struct EngineCounters {
  std::uint64_t datagrams_in = 0, datagrams_out = 0, retransmits = 0, duplicates = 0;
  std::uint64_t invalid_messages = 0, unknown_spi = 0, cookies_sent = 0;
  std::uint64_t ike_sas_established = 0, ike_sas_rekeyed = 0, ike_sas_failed = 0;
  std::uint64_t child_sas_established = 0, child_sas_rekeyed = 0, child_sas_failed = 0;
  std::uint64_t peers_lost = 0;
  // Of the exchanges that we began, by (exchange, how it ended): "ok", "timeout", or the error that
  // the peer answered with: ("IKE_AUTH", "AUTHENTICATION_FAILED").
  std::map<std::pair<std::string_view, std::string_view>, std::uint64_t> exchanges;
  std::size_t half_open = 0, ike_sas = 0, child_sas = 0, crypto_in_flight = 0;  // gauges
};

// Deterministic bytes in tests, the system's generator in the agent. Fills all of `out`.
using Entropy = std::function<void(std::span<std::uint8_t> out)>;

class Engine {
 public:
  // `provider` outlives the engine. `wall` is asked for the date when a certificate is checked.
  Engine(crypto::Provider& provider, Settings settings, Entropy entropy,
         std::function<WallTime()> wall);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  void on_datagram(TimePoint now, const Datagram& datagram);
  void on_deadline(TimePoint now);
  void on_crypto(TimePoint now, Ticket ticket, crypto::Outcome outcome);
  void on_kernel(TimePoint now, KernelEvent event);
  void command(TimePoint now, Command command);

  // The next thing to do, in order; nullopt: nothing until the next input.
  [[nodiscard]] std::optional<Output> next_output();
  // When on_deadline is to be called at the latest; kNever: not at all.
  [[nodiscard]] TimePoint next_deadline() const;

  // For status. Views hold no secrets.
  void each_ike_sa(const std::function<void(const IkeSaView&)>& visit) const;
  void each_child_sa(const std::function<void(const ChildSaView&)>& visit) const;
  [[nodiscard]] EngineCounters counters() const;

 private:
  struct Core;
  std::unique_ptr<Core> core_;
};

}  // namespace espalier::ike
