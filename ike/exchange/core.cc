#include "ike/exchange/core.h"

#include <algorithm>

namespace espalier::ike::exchange {

std::uint64_t Core::random_u64() {
  std::array<std::uint8_t, 8> bytes{};
  entropy(bytes);
  std::uint64_t value = 0;
  for (const std::uint8_t byte : bytes) value = value << 8 | byte;
  return value;
}

Bytes Core::random_bytes(std::size_t size) {
  Bytes bytes(size);
  entropy(bytes);
  return bytes;
}

Duration Core::spread(Duration duration, unsigned percent) {
  if (duration <= Duration::zero() || percent == 0) return duration;
  const auto range = static_cast<std::uint64_t>(duration.count()) / 100 * percent;
  return range == 0 ? duration
                    : duration - Duration(static_cast<Duration::rep>(random_u64() % range));
}

IkeSa& Core::create_sa(bool initiator, const Endpoint& local, const Endpoint& remote) {
  auto sa = std::make_unique<IkeSa>();
  sa->id = ++last_sa_id;
  sa->initiator = initiator;
  sa->local = local;
  sa->remote = remote;
  sa->created = now;
  sa->last_heard = now;
  IkeSa& reference = *sa;
  sas.emplace(reference.id, std::move(sa));
  return reference;
}

void Core::register_spi(IkeSa& sa) {
  std::uint64_t spi = 0;
  while (spi == 0 || by_own_spi.contains(spi))
    spi = random_u64();  // zero is reserved (section 3.1)
  (sa.initiator ? sa.spi_i : sa.spi_r) = spi;
  by_own_spi.emplace(spi, sa.id);
}

void Core::settle(IkeSa& sa, ConnectionId id, std::shared_ptr<const Connection> found) {
  sa.connection_id = id;
  sa.connection = std::move(found);
  by_connection.emplace(id, sa.id);
}

// An earlier IKE SA whose Childs wait for their crossing to be settled may have `sa` for its heir.
void Core::pass_on_inheritance(const IkeSa& sa) {
  if (sa.replaced_by == 0) return;
  for (IkeSa* other : of_connection(sa.connection_id)) {
    if (other->replaced_by == sa.id) other->replaced_by = sa.replaced_by;
    if (other->crossing && other->crossing->peer_ike_sa == sa.id)
      other->crossing->peer_ike_sa = sa.replaced_by;
  }
}

void Core::drop(IkeSa& sa) {
  const auto found = sas.find(sa.id);
  if (found == sas.end()) return;
  pass_on_inheritance(sa);
  by_own_spi.erase(sa.own_spi());
  if (sa.counted_half_open) {
    half_open.remove(sa.half_open_key.first.address);
    sa.counted_half_open = false;
  }
  const auto half = half_open_by_peer.find(sa.half_open_key);
  if (half != half_open_by_peer.end() && half->second == sa.id) half_open_by_peer.erase(half);
  for (auto [it, end] = by_connection.equal_range(sa.connection_id); it != end; ++it) {
    if (it->second == sa.id) {
      by_connection.erase(it);
      break;
    }
  }
  deadlines.set(sa.id, kNever);
  graveyard.push_back(std::move(found->second));
  sas.erase(found);
}

IkeSa* Core::find(IkeSaId id) {
  const auto found = sas.find(id);
  return found == sas.end() ? nullptr : found->second.get();
}

IkeSa* Core::find_by_spi(std::uint64_t own_spi) {
  const auto found = by_own_spi.find(own_spi);
  return found == by_own_spi.end() ? nullptr : find(found->second);
}

std::shared_ptr<const Connection> Core::connection(ConnectionId id) const {
  const auto found = connections.find(id);
  return found == connections.end() ? nullptr : found->second;
}

std::vector<IkeSa*> Core::of_connection(ConnectionId id) {
  std::vector<IkeSa*> list;
  for (auto [it, end] = by_connection.equal_range(id); it != end; ++it) {
    if (IkeSa* sa = find(it->second)) list.push_back(sa);
  }
  return list;
}

void Core::remove_connection(ConnectionId id) {
  const auto found = connections.find(id);
  if (found == connections.end()) return;
  for (const IpAddress& remote : found->second->remotes) {
    for (auto [it, end] = by_remote.equal_range(remote); it != end; ++it) {
      if (it->second == id) {
        by_remote.erase(it);
        break;
      }
    }
  }
  any_peer.erase(id);
  connections.erase(found);
}

void Core::set_connection(ConnectionId id, Connection connection) {
  remove_connection(id);
  for (const IpAddress& remote : connection.remotes) by_remote.emplace(remote, id);
  if (connection.remotes.empty()) any_peer.insert(id);
  auto shared = std::make_shared<const Connection>(std::move(connection));
  connections.emplace(id, shared);
  // A handshake ends as it began; exchanges of IKE SAs that stand follow the new one.
  for (IkeSa* sa : of_connection(id)) {
    if (sa->handshake || !sa->connection) continue;
    if (sa->connection->children.size() <= shared->children.size()) sa->connection = shared;
  }
}

std::vector<ConnectionId> Core::candidates(const IpAddress& local, const IpAddress& remote) const {
  std::vector<ConnectionId> found;
  const auto fits = [&](ConnectionId id) { return connections.at(id)->local == local; };
  for (auto [it, end] = by_remote.equal_range(remote); it != end; ++it) {
    if (fits(it->second)) found.push_back(it->second);
  }
  std::sort(found.begin(), found.end());
  for (const ConnectionId id : any_peer) {
    if (fits(id)) found.push_back(id);
  }
  return found;
}

ChildSa* Core::find_child(ChildSaId id, IkeSa** owner) {
  const auto found = child_owner.find(id);
  if (found == child_owner.end()) return nullptr;
  IkeSa* sa = find(found->second);
  if (sa == nullptr) return nullptr;
  if (owner != nullptr) *owner = sa;
  return sa->find_child(id);
}

Ticket Core::run_crypto(const IkeSa& sa, crypto::Job job) {
  const Ticket ticket = new_ticket(sa);
  ++crypto_in_flight;
  outputs.emplace_back(RunCrypto{ticket, std::move(job)});
  return ticket;
}

void Core::report_failure(const IkeSa& sa, std::optional<std::size_t> child_index, Side side,
                          Reason reason, std::string text) {
  ++(child_index ? counters.child_sas_failed : counters.ike_sas_failed);
  report(Failure{sa.connection_id, child_index, sa.remote, side, reason, std::move(text),
                 sa.initiator});
}

void Core::schedule(IkeSa& sa) {
  if (!sas.contains(sa.id)) return;
  TimePoint at = sa.remove_at;
  if (sa.alive()) at = std::min({at, sa.rekey_at, sa.liveness_at, sa.keepalive_at});
  if (sa.outstanding) at = std::min(at, sa.outstanding->resend_at);
  if (sa.handshake) at = std::min(at, sa.handshake->expires);
  for (const auto& child : sa.children) {
    at = std::min({at, child->rekey_at, child->remove_at, child->release_at});
  }
  const bool replacing = sa.peer && sa.peer->is_ike_rekey;
  if (!sa.outstanding && !sa.own && !replacing && sa.alive()) {
    for (const Task& task : sa.tasks) at = std::min(at, std::max(task.not_before, now));
  }
  deadlines.set(sa.id, at);
}

}  // namespace espalier::ike::exchange
