#include "ike/engine.h"

#include "ike/exchange/core.h"
#include "ike/exchange/dispatch.h"

namespace espalier::ike {

struct Engine::Core : exchange::Core {
  using exchange::Core::Core;
};

namespace {

// Bounds one input: sets the time before, buries the dropped after.
class Input {
 public:
  Input(exchange::Core& core, TimePoint now) : core_(core) { core_.now = std::max(core_.now, now); }
  ~Input() { core_.graveyard.clear(); }
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

 private:
  exchange::Core& core_;
};

}  // namespace

Engine::Engine(crypto::Provider& provider, Settings settings, Entropy entropy,
               std::function<WallTime()> wall)
    : core_(std::make_unique<Core>(provider, std::move(settings), std::move(entropy),
                                   std::move(wall))) {}
Engine::~Engine() = default;

void Engine::on_datagram(TimePoint now, const Datagram& datagram) {
  const Input input(*core_, now);
  exchange::dispatch_datagram(*core_, datagram);
}

void Engine::on_deadline(TimePoint now) {
  const Input input(*core_, now);
  // Each IKE SA once: one that wants to be woken again at the same time waits for the next call.
  std::vector<IkeSaId> due;
  while (const auto id = core_->deadlines.pop_due(core_->now)) due.push_back(*id);
  for (const IkeSaId id : due) {
    if (IkeSa* sa = core_->find(id)) exchange::on_time(*core_, *sa);
  }
}

void Engine::on_crypto(TimePoint now, Ticket ticket, crypto::Outcome outcome) {
  const Input input(*core_, now);
  exchange::dispatch_crypto(*core_, ticket, std::move(outcome));
}

void Engine::on_kernel(TimePoint now, KernelEvent event) {
  const Input input(*core_, now);
  exchange::dispatch_kernel(*core_, event);
}

void Engine::command(TimePoint now, Command command) {
  const Input input(*core_, now);
  exchange::dispatch_command(*core_, std::move(command));
}

std::optional<Output> Engine::next_output() {
  if (core_->outputs.empty()) return std::nullopt;
  Output output = std::move(core_->outputs.front());
  core_->outputs.pop_front();
  return output;
}

TimePoint Engine::next_deadline() const {
  return core_->deadlines.next();
}

void Engine::each_ike_sa(const std::function<void(const IkeSaView&)>& visit) const {
  for (const auto& [id, sa] : core_->sas) {
    IkeSaView view;
    view.id = id;
    view.connection = sa->connection_id;
    view.state = sa->state;
    view.initiator = sa->initiator;
    view.spi_i = sa->spi_i;
    view.spi_r = sa->spi_r;
    view.local = sa->local;
    view.remote = sa->remote;
    view.nat_local = sa->nat_local;
    view.nat_remote = sa->nat_remote;
    if (!sa->keys.sk_d.empty()) view.suite = crypto::to_string(sa->suite);
    if (!sa->peer_id.data.empty()) view.peer_id = wire::to_string(sa->peer_id);
    view.ppk_used = sa->ppk_used;
    view.established = sa->established;
    view.rekey_at = sa->rekey_at;
    view.children = sa->children.size();
    view.retransmits = sa->retransmits;
    visit(view);
  }
}

void Engine::each_child_sa(const std::function<void(const ChildSaView&)>& visit) const {
  for (const auto& [id, sa] : core_->sas) {
    for (const auto& child : sa->children) {
      const auto current = core_->current.find({child->info.connection, child->info.child_index});
      visit({child->info, child->inbound_installed, child->outbound_installed,
             current != core_->current.end() && current->second == child->info.id,
             child->established, child->rekey_at});
    }
  }
}

EngineCounters Engine::counters() const {
  EngineCounters counters = core_->counters;
  counters.half_open = core_->half_open.total();
  counters.ike_sas = core_->sas.size();
  counters.child_sas = core_->child_owner.size();
  counters.crypto_in_flight = core_->crypto_in_flight;
  return counters;
}

std::string_view name_of(Reason reason) {
  switch (reason) {
    case Reason::kNone:
      return "None";
    case Reason::kTimeout:
      return "Timeout";
    case Reason::kAuthenticationFailed:
      return "AuthenticationFailed";
    case Reason::kUntrustedIssuer:
      return "UntrustedIssuer";
    case Reason::kCertificateExpired:
      return "CertificateExpired";
    case Reason::kCertificateNotYetValid:
      return "CertificateNotYetValid";
    case Reason::kCertificateRevoked:
      return "CertificateRevoked";
    case Reason::kCertificateUnacceptable:
      return "CertificateUnacceptable";
    case Reason::kIdNotInCertificate:
      return "IdNotInCertificate";
    case Reason::kIdUnexpected:
      return "IdUnexpected";
    case Reason::kBadSignature:
      return "BadSignature";
    case Reason::kBadPsk:
      return "BadPsk";
    case Reason::kPpkMissing:
      return "PpkMissing";
    case Reason::kPpkMismatch:
      return "PpkMismatch";
    case Reason::kNoProposalChosen:
      return "NoProposalChosen";
    case Reason::kSelectorsUnacceptable:
      return "SelectorsUnacceptable";
    case Reason::kModeMismatch:
      return "ModeMismatch";
    case Reason::kNoConnection:
      return "NoConnection";
    case Reason::kKernelRefused:
      return "KernelRefused";
    case Reason::kCryptoFailed:
      return "CryptoFailed";
    case Reason::kPeerDeleted:
      return "PeerDeleted";
    case Reason::kInvalidMessage:
      return "InvalidMessage";
    case Reason::kTemporaryFailure:
      return "TemporaryFailure";
    case Reason::kConfigurationRemoved:
      return "ConfigurationRemoved";
    case Reason::kLocalRequest:
      return "LocalRequest";
  }
  return "Unknown";
}

}  // namespace espalier::ike
