#include <algorithm>

#include "ike/exchange/admission.h"
#include "ike/exchange/handshake.h"
#include "ike/exchange/ike_sa_init.h"
#include "ike/exchange/nat_detection.h"
#include "ike/exchange/tasks.h"
#include "ike/exchange/window.h"
#include "ike/sa/proposal_choice.h"
#include "ike/wire/encode.h"
#include "ike/wire/notify_data.h"

namespace espalier::ike::exchange {
namespace {

constexpr unsigned kMaxInitTries =
    4;  // cookie and INVALID_KE_PAYLOAD rounds together (section 2.6.1)

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

}  // namespace

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
  handshake.child.carried = answer.carried;
  handshake.step = Handshake::Step::kKeyPair;
  handshake.ticket = core.run_crypto(sa, crypto::GenerateKeyPair{handshake.group});
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
      core.count_end(wire::ExchangeType::kIkeSaInit, wire::name_of(cookie->type));
      handshake.cookie = cookie->data;
      retry_init(core, sa);
      return;
    }
    const auto* error = wire::find_error(message.payloads);
    if (error == nullptr) return;
    core.count_end(wire::ExchangeType::kIkeSaInit, wire::name_of(error->type));
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
  core.count_end(wire::ExchangeType::kIkeSaInit, "ok");
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
