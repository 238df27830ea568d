#include "ike/auth/identity_match.h"
#include "ike/exchange/child.h"
#include "ike/exchange/established.h"
#include "ike/exchange/handshake.h"
#include "ike/exchange/ike_auth.h"
#include "ike/exchange/ppk.h"
#include "ike/exchange/window.h"
#include "ike/wire/notify_data.h"

namespace espalier::ike::exchange {
namespace {

void send_auth_request(Core& core, IkeSa& sa, Bytes no_ppk_auth) {
  Handshake& handshake = *sa.handshake;
  const Connection& connection = *sa.connection;
  std::vector<wire::Payload> payloads;
  wire::Idi idi;
  idi.id = connection.local_id;
  payloads.emplace_back(std::move(idi));
  add_certificates(core, sa, payloads);
  add_certreq(core, connection, payloads);
  if (connection.remote_id) {
    wire::Idr idr;
    idr.id = *connection.remote_id;
    payloads.emplace_back(std::move(idr));
  }
  payloads.emplace_back(wire::Auth{handshake.own_auth_method, handshake.own_auth});
  handshake.initial_contact = connection.initial_contact && !others_alive(core, sa);
  if (handshake.initial_contact) {
    payloads.emplace_back(notify(wire::NotifyType::kInitialContact));
  }
  if (handshake.ppk_index) {
    const std::string& id = connection.ppks[*handshake.ppk_index].id;
    payloads.emplace_back(
        wire::make_ppk_identity({wire::PpkIdType::kFixed, to_bytes(as_bytes(id))}));
    if (!no_ppk_auth.empty()) {
      payloads.emplace_back(notify(wire::NotifyType::kNoPpkAuth, std::move(no_ppk_auth)));
    }
  }
  Task task;
  task.packet_local = handshake.packet.packet_local;
  task.packet_remote = handshake.packet.packet_remote;
  ChildNegotiation& child = handshake.child;
  child.ni.clear();  // in IKE_AUTH the Child uses the IKE SA's nonces (section 2.17)
  add_child_request(sa, child, {}, &task, payloads);
  handshake.step = Handshake::Step::kAuthSent;
  if (auto sent = send_request(core, sa, wire::ExchangeType::kIkeAuth, payloads); !sent) {
    fail_handshake(core, sa, Side::kLocal, Reason::kCryptoFailed, sent.error().to_string());
  }
}

}  // namespace

void on_keys_ready(Core& core, IkeSa& sa) {
  Handshake& handshake = *sa.handshake;
  const Connection& connection = *sa.connection;
  if (connection.ppk != PpkMode::kNever && !connection.ppks.empty()) {
    if (handshake.peer_uses_ppk) {
      if (auto mixed = use_ppk(core, sa, 0); !mixed) {
        return fail_handshake(core, sa, Side::kLocal, Reason::kCryptoFailed,
                              mixed.error().to_string());
      }
    } else if (connection.ppk == PpkMode::kInsist) {
      return fail_handshake(core, sa, Side::kLocal, Reason::kPpkMissing,
                            "we insist on a PPK and the peer does not offer to use one");
    }
  }
  handshake.id_i_body = id_body(connection.local_id);
  prove(core, sa, Handshake::Step::kSign, sa.keys.sk_pi.view());
}

void initiator_auth_made(Core& core, IkeSa& sa, wire::AuthMethod method, Bytes data) {
  Handshake& handshake = *sa.handshake;
  if (handshake.step == Handshake::Step::kSignUnmixed)
    return send_auth_request(core, sa, std::move(data));
  handshake.own_auth_method = method;
  handshake.own_auth = std::move(data);
  if (handshake.ppk_index && sa.connection->ppk == PpkMode::kPrefer) {
    return prove(core, sa, Handshake::Step::kSignUnmixed, handshake.unmixed_sk_pi.view());
  }
  send_auth_request(core, sa, {});
}

void on_auth_response(Core& core, IkeSa& sa, std::vector<wire::Payload> payloads) {
  Handshake& handshake = *sa.handshake;
  handshake.auth_message = std::make_unique<wire::Message>();
  handshake.auth_message->payloads = std::move(payloads);
  const auto& response = handshake.auth_message->payloads;
  const auto* idr = wire::find<wire::Idr>(response);
  const auto* auth = wire::find<wire::Auth>(response);
  if (idr == nullptr || auth == nullptr) {
    const auto* error = wire::find_error(response);
    const bool denied = error != nullptr && error->type == wire::NotifyType::kAuthenticationFailed;
    const std::string what = error != nullptr ? wire::describe(error->type) : "an empty answer";
    return fail_handshake(
        core, sa, Side::kRemote, denied ? Reason::kAuthenticationFailed : Reason::kInvalidMessage,
        "the peer refused us: " + what + (denied ? "; its own log or status says why" : ""));
  }
  handshake.id_r_body = idr->body();
  const Connection& connection = *sa.connection;
  if (handshake.ppk_index &&
      wire::find_notify(response, wire::NotifyType::kPpkIdentity) == nullptr) {
    if (connection.ppk == PpkMode::kInsist) {
      return refuse_peer(core, sa, Reason::kPpkMissing,
                         "we insist on a PPK and the peer went on without");
    }
    forget_ppk(sa);
  }
  if (connection.remote_id && !auth::same_identity(idr->id, *connection.remote_id)) {
    return refuse_peer(core, sa, Reason::kIdUnexpected,
                       "the peer says that it is " + wire::to_string(idr->id) + ", we expect " +
                           wire::to_string(*connection.remote_id));
  }
  verify(core, sa, idr->id, auth->method, auth->data);
}

void initiator_verified(Core& core, IkeSa& sa) {
  Handshake& handshake = *sa.handshake;
  const auto& payloads = handshake.auth_message->payloads;
  auto accepted = accept_child_response(sa, payloads, true, handshake.child);
  if (!accepted) {
    const bool theirs = wire::find<wire::Sa>(payloads) == nullptr;
    report_refusal(core, sa, handshake.child.child_index, theirs ? Side::kRemote : Side::kLocal,
                   accepted.error());
    return finish_initiator(core, sa);
  }
  handshake.child.ni = handshake.ni;
  handshake.child.nr = handshake.nr;
  auto ticket = install_inbound(core, sa, handshake.child, true, false);
  if (!ticket)
    return fail_handshake(core, sa, Side::kLocal, Reason::kCryptoFailed,
                          ticket.error().to_string());
  handshake.step = Handshake::Step::kInbound;
  handshake.ticket = *ticket;
}

void initiator_installed(Core& core, IkeSa& sa, ChildSa& child) {
  Handshake& handshake = *sa.handshake;
  if (handshake.step == Handshake::Step::kInbound) {
    child.inbound_installed = true;
    handshake.step = Handshake::Step::kOutbound;
    handshake.ticket = install_outbound(core, sa, child, false);
    return;
  }
  const IkeSaId id = sa.id;
  const bool awaited = !handshake.initial_contact || carries_already(core, sa, handshake.child);
  outbound_stands(core, sa, child);
  child_up(core, sa, child);
  finish_initiator(core, sa);
  if (awaited) confirm(core, id);
}

}  // namespace espalier::ike::exchange
