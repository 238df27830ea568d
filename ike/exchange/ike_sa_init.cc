#include <algorithm>

#include "ike/exchange/admission.h"
#include "ike/exchange/child.h"
#include "ike/exchange/handshake.h"
#include "ike/exchange/nat_detection.h"
#include "ike/exchange/tasks.h"
#include "ike/exchange/window.h"
#include "ike/sa/proposal_choice.h"
#include "ike/wire/encode.h"
#include "ike/wire/notify_data.h"

namespace espalier::ike::exchange {
namespace {

constexpr std::size_t kNonceSize = 32;  // at least half the PRF's key, at most 256 (section 2.10)
constexpr unsigned kMaxInitTries =
    4;  // cookie and INVALID_KE_PAYLOAD rounds together (section 2.6.1)
constexpr std::size_t kCryptoBacklog =
    64;  // jobs in flight before strangers are asked for a cookie

std::vector<wire::HashAlgorithm> own_hashes() {
  return {wire::HashAlgorithm::kSha256, wire::HashAlgorithm::kSha384, wire::HashAlgorithm::kSha512};
}

// An answer for which nothing is kept: COOKIE, INVALID_KE_PAYLOAD, NO_PROPOSAL_CHOSEN.
void answer_stateless(Core& core, const Datagram& datagram, const wire::Header& request,
                      wire::Notify notify) {
  wire::Message message;
  message.header = request;
  message.header.initiator = false;
  message.header.response = true;
  message.payloads.emplace_back(std::move(notify));
  auto bytes = wire::encode_clear(message);
  if (!bytes) return;
  ++core.counters.datagrams_out;
  core.outputs.emplace_back(
      Send{datagram.local, datagram.remote, datagram.encapsulated, std::move(*bytes)});
}

void add_common_notifies(Core& core, const IkeSa& sa, bool fragmentation, UdpEncapsulation udp,
                         std::vector<wire::Payload>& payloads) {
  if (udp != UdpEncapsulation::kNever) {
    add_nat_detection(core, sa.spi_i, sa.spi_r, sa.local, sa.remote,
                      udp == UdpEncapsulation::kAlways, payloads);
  }
  if (fragmentation) payloads.emplace_back(notify(wire::NotifyType::kIkev2FragmentationSupported));
  payloads.emplace_back(wire::make_signature_hash_algorithms(own_hashes()));
}

void add_certreq(Core& core, const Connection& connection, std::vector<wire::Payload>& payloads) {
  if (connection.remote_auth.type != AuthType::kX509) return;
  if (auto hashes = core.provider.certreq_hashes(connection.remote_auth.trust)) {
    payloads.emplace_back(wire::CertReq{wire::CertEncoding::kX509Signature, std::move(*hashes)});
  }
}

void send_init_request(Core& core, IkeSa& sa) {
  Handshake& handshake = *sa.handshake;
  const Connection& connection = *sa.connection;
  wire::Message message;
  message.header.spi_i = sa.spi_i;
  message.header.exchange = wire::ExchangeType::kIkeSaInit;
  message.header.initiator = true;
  auto& payloads = message.payloads;
  // A returned cookie is the first payload (section 2.6).
  if (!handshake.cookie.empty())
    payloads.emplace_back(notify(wire::NotifyType::kCookie, handshake.cookie));
  payloads.emplace_back(ike_offer(connection.proposals, {}));
  payloads.emplace_back(
      wire::Ke{static_cast<std::uint16_t>(handshake.group), handshake.key_pair->public_value()});
  payloads.emplace_back(wire::Nonce{handshake.ni});
  add_common_notifies(core, sa, connection.fragmentation, connection.udp, payloads);
  if (connection.ppk != PpkMode::kNever && !connection.ppks.empty()) {
    payloads.emplace_back(notify(wire::NotifyType::kUsePpk));
  }
  if (!core.settings.vendor_id.empty()) {
    payloads.emplace_back(wire::VendorId{to_bytes(as_bytes(core.settings.vendor_id))});
  }
  auto bytes = wire::encode_clear(message);
  if (!bytes) {
    fail_handshake(core, sa, Side::kLocal, Reason::kInvalidMessage, bytes.error().to_string());
    return;
  }
  handshake.init_request = *bytes;
  handshake.step = Handshake::Step::kInitSent;
  sa.next_request_id = 0;  // a retried IKE_SA_INIT keeps message id 0 (section 2.2)
  send_ready_request(core, sa, wire::ExchangeType::kIkeSaInit, {std::move(*bytes)});
}

void retry_init(Core& core, IkeSa& sa) {
  sa.outstanding.reset();
  if (++sa.handshake->init_tries > kMaxInitTries) {
    fail_handshake(core, sa, Side::kRemote, Reason::kInvalidMessage,
                   "the peer keeps asking for another IKE_SA_INIT");
    return;
  }
  if (sa.handshake->key_pair && sa.handshake->key_pair->group() == sa.handshake->group) {
    send_init_request(core, sa);
    return;
  }
  sa.handshake->step = Handshake::Step::kKeyPair;
  sa.handshake->ticket = core.run_crypto(sa, crypto::GenerateKeyPair{sa.handshake->group});
}

std::vector<crypto::HashId> peer_hashes(const wire::Message& message) {
  std::vector<crypto::HashId> hashes;
  const auto* payload = message.find_notify(wire::NotifyType::kSignatureHashAlgorithms);
  if (payload == nullptr) return hashes;
  const auto list = wire::signature_hash_algorithms(*payload);
  if (!list) return hashes;
  for (const wire::HashAlgorithm hash : *list) {
    if (const auto known = crypto::find_hash(static_cast<std::uint16_t>(hash)))
      hashes.push_back(*known);
  }
  return hashes;
}

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

}  // namespace

void begin(Core& core, const Initiate& wanted) {
  const auto connection = core.connection(wanted.id);
  if (!connection || wanted.child_index >= connection->children.size()) return;
  for (IkeSa* sa : core.of_connection(wanted.id)) {
    if (sa->handshake && sa->initiator) {
      const auto same = [&](const Initiate& other) {
        return other.child_index == wanted.child_index;
      };
      auto& waiting = sa->handshake->waiting;
      if (sa->handshake->child.child_index != wanted.child_index &&
          std::none_of(waiting.begin(), waiting.end(), same)) {
        waiting.push_back(wanted);
      }
      return;
    }
    if (sa->alive()) {
      queue_create_child(core, *sa, wanted);
      return;
    }
  }
  if (connection->remotes.empty()) {
    core.report(Failure{wanted.id,
                        std::nullopt,
                        {},
                        Side::kLocal,
                        Reason::kNoConnection,
                        "the peer's address is not known: only the peer can begin",
                        true});
    return;
  }
  const bool encapsulated = connection->remote_port != 500;
  IkeSa& sa = core.create_sa(
      true, {connection->local, static_cast<std::uint16_t>(encapsulated ? 4500 : 500)},
      {connection->remotes.front(), connection->remote_port});
  sa.encapsulated = encapsulated;
  core.register_spi(sa);
  core.settle(sa, wanted.id, connection);
  sa.handshake = std::make_unique<Handshake>();
  Handshake& handshake = *sa.handshake;
  handshake.ni = core.random_bytes(kNonceSize);
  handshake.group = connection->proposals.front().dh.front();
  handshake.child.child_index = wanted.child_index;
  handshake.packet = wanted;
  handshake.expires = core.now + core.settings.give_up * 4;
  handshake.ticket = core.new_ticket(sa);
  core.outputs.emplace_back(AllocateSpi{handshake.ticket, wanted.id, wanted.child_index,
                                        sa.local.address, sa.remote.address});
  core.schedule(sa);
}

void on_handshake_spi(Core& core, IkeSa& sa, const KernelSpi& answer) {
  Handshake& handshake = *sa.handshake;
  if (handshake.step != Handshake::Step::kSpi) {  // a responder's, in IKE_AUTH
    on_auth_spi(core, sa, answer);
    return;
  }
  if (!answer.spi) {
    fail_handshake(core, sa, Side::kLocal, Reason::kKernelRefused, answer.spi.error().to_string());
    return;
  }
  handshake.child.spi_in = *answer.spi;
  handshake.step = Handshake::Step::kKeyPair;
  handshake.ticket = core.run_crypto(sa, crypto::GenerateKeyPair{handshake.group});
}

void on_key_pair(Core& core, IkeSa& sa, std::shared_ptr<const crypto::KeyPair> pair) {
  sa.handshake->key_pair = std::move(pair);
  if (sa.initiator) {
    send_init_request(core, sa);
  } else {
    send_init_response(core, sa);
  }
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
  if (message.header.spi_i == 0 || message.header.message_id != 0 ||
      !admit(wire::ExchangeType::kIkeSaInit, false, Phase::kInit, message.payloads)) {
    ++core.counters.invalid_messages;
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

void on_init_response(Core& core, IkeSa& sa, const Datagram& datagram,
                      const wire::Message& message) {
  Handshake& handshake = *sa.handshake;
  if (handshake.step != Handshake::Step::kInitSent || message.header.message_id != 0 ||
      !sa.outstanding ||
      !admit(wire::ExchangeType::kIkeSaInit, true, Phase::kInit, message.payloads)) {
    ++core.counters.invalid_messages;
    return;
  }
  const Connection& connection = *sa.connection;
  if (message.find<wire::Sa>() == nullptr) {
    if (const auto* cookie = message.find_notify(wire::NotifyType::kCookie)) {
      if (!wire::cookie_of(*cookie)) return;
      handshake.cookie = cookie->data;
      retry_init(core, sa);
      return;
    }
    const auto* error = wire::find_error(message.payloads);
    if (error == nullptr) return;
    if (const auto wanted = wire::invalid_ke_group(*error)) {
      // Only a group that we offered (section 2.7): a forged answer cannot talk us into another.
      const auto group = crypto::find_dh(*wanted);
      for (const auto& proposal : connection.proposals) {
        if (group && *group != handshake.group &&
            std::find(proposal.dh.begin(), proposal.dh.end(), *group) != proposal.dh.end()) {
          handshake.group = *group;
          retry_init(core, sa);
          return;
        }
      }
      return;
    }
    const bool no_proposal = error->type == wire::NotifyType::kNoProposalChosen;
    fail_handshake(core, sa, Side::kRemote,
                   no_proposal ? Reason::kNoProposalChosen : Reason::kInvalidMessage,
                   "the peer refused IKE_SA_INIT: " + wire::describe(error->type));
    return;
  }
  const auto choice = check_ike(*message.find<wire::Sa>(), connection.proposals);
  const auto& ke = *message.find<wire::Ke>();
  if (!choice || message.header.spi_r == 0 || choice->suite.dh != handshake.group ||
      ke.group != static_cast<std::uint16_t>(handshake.group)) {
    ++core.counters.invalid_messages;
    return;
  }
  sa.outstanding.reset();
  sa.spi_r = message.header.spi_r;
  sa.suite = choice->suite;
  sa.last_heard = core.now;
  handshake.init_response = datagram.data;
  handshake.nr = message.find<wire::Nonce>()->data;
  handshake.peer_hashes = peer_hashes(message);
  handshake.peer_uses_ppk = message.find_notify(wire::NotifyType::kUsePpk) != nullptr;
  sa.peer_fragments =
      connection.fragmentation &&
      message.find_notify(wire::NotifyType::kIkev2FragmentationSupported) != nullptr;
  if (connection.udp != UdpEncapsulation::kNever) {
    const NatFound nat =
        detect_nat(core, sa.spi_i, sa.spi_r, sa.local, sa.remote, message.payloads);
    sa.nat_local = nat.local || connection.udp == UdpEncapsulation::kAlways;
    sa.nat_remote = nat.remote;
    if ((sa.nat_local || sa.nat_remote) && !sa.encapsulated) {
      sa.encapsulated = true;  // section 2.23: from here on, both on port 4500
      sa.local.port = 4500;
      sa.remote.port = 4500;
    }
  }
  handshake.step = Handshake::Step::kDerive;
  handshake.ticket = core.run_crypto(sa, crypto::DeriveShared{handshake.key_pair, ke.data});
}

}  // namespace espalier::ike::exchange
