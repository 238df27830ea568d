// Core: what the exchanges share while the engine handles one input: the tables, the outputs, the
// time.
//
// Guarantees: an IKE SA that is dropped during an input stays valid until the input is done
// (`graveyard`). Internal to ike/; the public face is ike/engine.h.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>
#include <vector>

#include "ike/engine.h"
#include "ike/sa/deadlines.h"
#include "ike/sa/half_open.h"
#include "ike/sa/ike_sa.h"

namespace espalier::ike::exchange {

// At least half the key of any PRF that we speak (RFC 7296 section 2.10).
inline constexpr std::size_t kNonceSize = 32;

struct Core {
  Core(crypto::Provider& p, Settings s, Entropy e, std::function<WallTime()> w)
      : provider(p), settings(std::move(s)), entropy(std::move(e)), wall(std::move(w)) {}

  crypto::Provider& provider;
  const Settings settings;
  const Entropy entropy;
  const std::function<WallTime()> wall;

  TimePoint now{};
  std::map<ConnectionId, std::shared_ptr<const Connection>> connections;
  std::unordered_map<IkeSaId, std::unique_ptr<IkeSa>> sas;
  std::unordered_map<std::uint64_t, IkeSaId> by_own_spi;
  std::map<std::pair<Endpoint, std::uint64_t>, IkeSaId> half_open_by_peer;  // (remote, SPIi)
  std::multimap<ConnectionId, IkeSaId> by_connection;
  std::unordered_map<ChildSaId, IkeSaId> child_owner;
  std::unordered_map<std::uint32_t, ChildSaId> child_by_spi_in;
  std::unordered_multimap<std::uint32_t, ChildSaId> child_by_spi_out;
  std::unordered_multimap<IpAddress, ConnectionId> by_remote;  // each of Connection::remotes
  std::set<ConnectionId> any_peer;                             // connections without remotes
  std::map<std::pair<ConnectionId, std::size_t>, ChildSaId>
      current;                                           // carries our outbound traffic
  std::unordered_map<Ticket, ChildSaId> outbound_asked;  // outside an exchange
  std::vector<std::unique_ptr<IkeSa>> graveyard;
  Deadlines deadlines;
  HalfOpen half_open;
  std::deque<Output> outputs;
  EngineCounters counters;
  IkeSaId last_sa_id = 0;
  ChildSaId last_child_id = 0;
  std::uint32_t last_ticket = 0;
  std::size_t crypto_in_flight = 0;
  TimePoint next_unprotected{}, next_refusal_report{};

  [[nodiscard]] std::uint64_t random_u64();
  [[nodiscard]] Bytes random_bytes(std::size_t size);
  // `duration` less up to `percent` of it, by our entropy, so that a thousand SAs do not rekey at
  // once.
  [[nodiscard]] Duration spread(Duration duration, unsigned percent);

  IkeSa& create_sa(bool initiator, const Endpoint& local, const Endpoint& remote);
  void register_spi(IkeSa& sa);
  void settle(IkeSa& sa, ConnectionId id, std::shared_ptr<const Connection> connection);
  // Takes an IKE SA out of every table. Its Childs must be gone or moved. Whose heir it was has its
  // successor for that.
  void drop(IkeSa& sa);
  [[nodiscard]] IkeSa* find(IkeSaId id);
  [[nodiscard]] IkeSa* find_by_spi(std::uint64_t own_spi);
  [[nodiscard]] std::shared_ptr<const Connection> connection(ConnectionId id) const;
  [[nodiscard]] std::vector<IkeSa*> of_connection(ConnectionId id);
  void set_connection(ConnectionId id, Connection connection);
  void remove_connection(ConnectionId id);
  // Connections that a peer at `remote` may mean when it asks `local`: those that name it first,
  // then any-peer ones.
  [[nodiscard]] std::vector<ConnectionId> candidates(const IpAddress& local,
                                                     const IpAddress& remote) const;
  [[nodiscard]] ChildSa* find_child(ChildSaId id, IkeSa** owner = nullptr);

  Ticket new_ticket(const IkeSa& sa) { return static_cast<Ticket>(sa.id) << 32 | ++last_ticket; }
  [[nodiscard]] Ticket run_crypto(const IkeSa& sa, crypto::Job job);
  // An exchange that we began is over: "ok", "timeout", or the name of the peer's error.
  void count_end(wire::ExchangeType exchange, std::string_view how) {
    ++counters.exchanges[{wire::name_of(exchange), how}];
  }
  void report(Event event) { outputs.emplace_back(Report{std::move(event)}); }
  void report_failure(const IkeSa& sa, std::optional<std::size_t> child_index, Side side,
                      Reason reason, std::string text);
  void schedule(IkeSa& sa);

 private:
  void pass_on_inheritance(const IkeSa& sa);
};

}  // namespace espalier::ike::exchange
