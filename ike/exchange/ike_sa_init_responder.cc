#include "ike/exchange/admission.h"
#include "ike/exchange/handshake.h"
#include "ike/exchange/ike_auth.h"
#include "ike/exchange/ike_sa_init.h"
#include "ike/exchange/nat_detection.h"
#include "ike/exchange/tasks.h"
#include "ike/exchange/window.h"
#include "ike/sa/proposal_choice.h"
#include "ike/wire/encode.h"
#include "ike/wire/notify_data.h"

namespace espalier::ike::exchange {
namespace {

constexpr std::size_t kCryptoBacklog =
    64;  // jobs in flight before strangers are asked for a cookie

}  // namespace

void send_init_response(Core& core, IkeSa& sa) {
  Handshake& handshake = *sa.handshake;
  const auto first = core.connection(handshake.candidates.front());
  if (!first) {
    fail_handshake(core, sa, Side::kLocal, Reason::kConfigurationRemoved,
                   "the connection was removed");
    return;
  }
  wire::Message message;
  message.header.spi_i = sa.spi_i;
  message.header.spi_r = sa.spi_r;
  message.header.exchange = wire::ExchangeType::kIkeSaInit;
  message.header.response = true;
  auto& payloads = message.payloads;
  payloads.emplace_back(ike_answer(handshake.child.proposal_number, sa.suite, {}));
  payloads.emplace_back(
      wire::Ke{static_cast<std::uint16_t>(handshake.group), handshake.key_pair->public_value()});
  payloads.emplace_back(wire::Nonce{handshake.nr});
  add_common_notifies(core, sa, sa.peer_fragments, first->udp, payloads);
  if (handshake.peer_uses_ppk) payloads.emplace_back(notify(wire::NotifyType::kUsePpk));
  add_certreq(core, *first, payloads);
  auto bytes = wire::encode_clear(message);
  if (!bytes) {
    fail_handshake(core, sa, Side::kLocal, Reason::kInvalidMessage, bytes.error().to_string());
    return;
  }
  handshake.init_response = *bytes;
  handshake.step = Handshake::Step::kInitAnswered;
  send_ready_response(core, sa, 0, {std::move(*bytes)});
}

void on_init_request(Core& core, const Datagram& datagram, const wire::Message& message) {
  const auto key = std::make_pair(datagram.remote, message.header.spi_i);
  if (const auto known = core.half_open_by_peer.find(key); known != core.half_open_by_peer.end()) {
    IkeSa* sa = core.find(known->second);
    ++core.counters.duplicates;
    if (sa != nullptr && sa->handshake && sa->last_request_hash == hash_of(datagram.data)) {
      send_datagrams(core, *sa, sa->last_response);
    }
    return;
  }
  if (message.header.spi_i == 0 || message.header.message_id != 0) {
    ++core.counters.invalid_messages;
    return;
  }
  if (!admit(wire::ExchangeType::kIkeSaInit, false, Phase::kInit, message.payloads)) {
    ++core.counters.invalid_messages;
    answer_stateless(core, datagram, message.header, notify(wire::NotifyType::kInvalidSyntax));
    return;
  }
  const auto& ke = *message.find<wire::Ke>();
  const auto& ni = message.find<wire::Nonce>()->data;

  const std::vector<ConnectionId> candidates =
      core.candidates(datagram.local.address, datagram.remote.address);
  const auto refuse = [&](Reason reason, ConnectionId id, std::string text) {
    answer_stateless(core, datagram, message.header, notify(wire::NotifyType::kNoProposalChosen));
    if (core.now < core.next_refusal_report) return;  // strangers must not fill our reports
    core.next_refusal_report = core.now + std::chrono::seconds(1);
    ++core.counters.ike_sas_failed;
    core.report(
        Failure{id, std::nullopt, datagram.remote, Side::kLocal, reason, std::move(text), false});
  };
  if (candidates.empty()) {
    refuse(Reason::kNoConnection, 0,
           "no connection is configured for " + datagram.remote.address.to_string());
    return;
  }
  const bool busy = core.crypto_in_flight > kCryptoBacklog;
  if (core.half_open.wants_cookie(datagram.remote.address, core.settings, busy)) {
    const auto* cookie = message.find_notify(wire::NotifyType::kCookie);
    if (cookie == nullptr || !core.half_open.valid(core.provider, cookie->data, datagram.remote,
                                                   message.header.spi_i, ni)) {
      auto fresh = core.half_open.cookie(core.provider, core.now, datagram.remote,
                                         message.header.spi_i, ni, core.entropy);
      if (!fresh) return;
      ++core.counters.cookies_sent;
      answer_stateless(core, datagram, message.header,
                       notify(wire::NotifyType::kCookie, std::move(*fresh)));
      return;
    }
  }
  // Only addresses are known: the first candidate whose proposals fit decides, and those that would
  // decide the same stay candidates until the identities settle it.
  std::optional<IkeChoice> choice;
  std::vector<ConnectionId> fitting;
  bool ppk = false;
  bool fragmentation = false;
  for (const ConnectionId id : candidates) {
    const auto connection = core.connection(id);
    const auto one = choose_ike(*message.find<wire::Sa>(), connection->proposals, ke.group);
    if (!one || (choice && !(one->suite == choice->suite))) continue;
    choice = one;
    fitting.push_back(id);
    ppk = ppk || (connection->ppk != PpkMode::kNever && !connection->ppks.empty());
    fragmentation = fragmentation || connection->fragmentation;
  }
  if (!choice) {
    refuse(Reason::kNoProposalChosen, candidates.front(),
           "the peer's IKE proposals have nothing in common with ours (" +
               crypto::to_string(core.connection(candidates.front())->proposals.front()) +
               ", ...)");
    return;
  }
  if (ke.group != static_cast<std::uint16_t>(choice->suite.dh)) {
    answer_stateless(core, datagram, message.header,
                     wire::make_invalid_ke_payload(static_cast<std::uint16_t>(choice->suite.dh)));
    return;
  }

  IkeSa& sa = core.create_sa(false, datagram.local, datagram.remote);
  sa.state = IkeSaState::kHalfOpen;
  sa.encapsulated = datagram.encapsulated;
  sa.spi_i = message.header.spi_i;
  core.register_spi(sa);
  core.half_open_by_peer.emplace(key, sa.id);
  sa.half_open_key = key;
  core.half_open.add(datagram.remote.address);
  sa.counted_half_open = true;
  sa.suite = choice->suite;
  sa.last_request_hash = hash_of(datagram.data);
  sa.peer_fragments =
      fragmentation &&
      message.find_notify(wire::NotifyType::kIkev2FragmentationSupported) != nullptr;
  const auto first = core.connection(fitting.front());
  if (first->udp != UdpEncapsulation::kNever) {
    const NatFound nat = detect_nat(core, sa.spi_i, 0, sa.local, sa.remote, message.payloads);
    sa.nat_local = nat.local || first->udp == UdpEncapsulation::kAlways;
    sa.nat_remote = nat.remote;
  }
  sa.handshake = std::make_unique<Handshake>();
  Handshake& handshake = *sa.handshake;
  handshake.candidates = std::move(fitting);
  handshake.init_request = datagram.data;
  handshake.ni = ni;
  handshake.nr = core.random_bytes(kNonceSize);
  handshake.group = sa.suite.dh;
  handshake.peer_public = ke.data;
  handshake.peer_hashes = peer_hashes(message);
  handshake.peer_uses_ppk = ppk && message.find_notify(wire::NotifyType::kUsePpk) != nullptr;
  handshake.child.proposal_number = choice->number;
  handshake.expires = core.now + core.settings.half_open_life;
  handshake.step = Handshake::Step::kKeyPair;
  handshake.ticket = core.run_crypto(sa, crypto::GenerateKeyPair{handshake.group});
  core.schedule(sa);
}

}  // namespace espalier::ike::exchange
