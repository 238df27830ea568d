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

// Responder: the connection whose identities and kind of authentication the request fits.
bool settle_connection(Core& core, IkeSa& sa, const wire::Idi& idi, const wire::Idr* idr,
                       bool by_psk) {
  Handshake& handshake = *sa.handshake;
  for (const bool same_kind : {true, false}) {
    for (const ConnectionId id : handshake.candidates) {
      auto connection = core.connection(id);
      if (!connection) continue;
      if (idr != nullptr && !auth::same_identity(idr->id, connection->local_id)) continue;
      if (connection->remote_id && !auth::same_identity(idi.id, *connection->remote_id)) continue;
      if (same_kind && (connection->remote_auth.type == AuthType::kPsk) != by_psk) continue;
      core.settle(sa, id, std::move(connection));
      return true;
    }
  }
  return false;
}

void send_auth_response(Core& core, IkeSa& sa) {
  Handshake& handshake = *sa.handshake;
  std::vector<wire::Payload> payloads;
  wire::Idr idr;
  idr.id = sa.connection->local_id;
  payloads.emplace_back(std::move(idr));
  add_certificates(core, sa, payloads);
  payloads.emplace_back(wire::Auth{handshake.own_auth_method, handshake.own_auth});
  if (handshake.ppk_index) payloads.emplace_back(notify(wire::NotifyType::kPpkIdentity));
  if (handshake.want_child) {
    handshake.child.nr.clear();
    add_child_response(sa, handshake.child, payloads);
  } else {
    payloads.emplace_back(notify(handshake.child_error));
  }
  (void)send_response(core, sa, wire::ExchangeType::kIkeAuth, handshake.auth_message_id, payloads);
}

}  // namespace

void on_auth_request(Core& core, IkeSa& sa, std::uint32_t message_id,
                     std::vector<wire::Payload> payloads) {
  Handshake& handshake = *sa.handshake;
  handshake.auth_message_id = message_id;
  handshake.auth_message = std::make_unique<wire::Message>();
  handshake.auth_message->payloads = std::move(payloads);
  const auto& request = handshake.auth_message->payloads;
  const auto& idi = *wire::find<wire::Idi>(request);
  const auto& auth = *wire::find<wire::Auth>(request);
  handshake.id_i_body = idi.body();
  handshake.initial_contact =
      wire::find_notify(request, wire::NotifyType::kInitialContact) != nullptr;
  const auto* idr = wire::find<wire::Idr>(request);
  if (!settle_connection(core, sa, idi, idr, auth.method == wire::AuthMethod::kSharedKeyMic)) {
    sa.connection_id = handshake.candidates.front();
    std::string text = "the peer says that it is " + wire::to_string(idi.id);
    if (idr != nullptr) text += " and asks for " + wire::to_string(idr->id);
    return refuse_peer(core, sa, Reason::kIdUnexpected,
                       text + ": no connection is configured for that");
  }
  const Connection& connection = *sa.connection;
  Bytes auth_data = auth.data;
  const auto* identity = wire::find_notify(request, wire::NotifyType::kPpkIdentity);
  const auto* no_ppk = wire::find_notify(request, wire::NotifyType::kNoPpkAuth);
  const auto offered = identity != nullptr ? wire::ppk_identity(*identity) : std::nullopt;
  const bool may = connection.ppk != PpkMode::kNever && handshake.peer_uses_ppk;
  if (const auto known = may && offered ? find_ppk(connection, offered->id) : std::nullopt) {
    if (auto mixed = use_ppk(core, sa, *known); !mixed) {
      return fail_handshake(core, sa, Side::kLocal, Reason::kCryptoFailed,
                            mixed.error().to_string());
    }
  } else if (connection.ppk == PpkMode::kInsist) {
    return refuse_peer(
        core, sa, Reason::kPpkMissing,
        offered ? "the peer offers PPK " + to_text(offered->id) + ", which we do not have"
                : "we insist on a PPK and the peer offers none");
  } else if (offered) {
    if (no_ppk == nullptr) {
      return refuse_peer(
          core, sa, Reason::kPpkMissing,
          "the peer insists on PPK " + to_text(offered->id) + ", which we do not have");
    }
    auth_data = no_ppk->data;  // RFC 8784 section 3: as if no PPK had been offered
  }
  verify(core, sa, idi.id, auth.method, std::move(auth_data));
}

void responder_verified(Core& core, IkeSa& sa) {
  Handshake& handshake = *sa.handshake;
  if (auto accepted = accept_child_request(sa, handshake.auth_message->payloads, std::nullopt, true,
                                           handshake.child);
      !accepted) {
    handshake.want_child = false;
    handshake.child_error = accepted.error().notify;
    report_refusal(core, sa, handshake.child.child_index, Side::kLocal, accepted.error());
  }
  handshake.id_r_body = id_body(sa.connection->local_id);
  prove(core, sa, Handshake::Step::kSign, sa.keys.sk_pr.view());
}

void responder_auth_made(Core& core, IkeSa& sa, wire::AuthMethod method, Bytes data) {
  Handshake& handshake = *sa.handshake;
  handshake.own_auth_method = method;
  handshake.own_auth = std::move(data);
  if (!handshake.want_child) {
    send_auth_response(core, sa);
    return established(core, sa, handshake.initial_contact);
  }
  handshake.step = Handshake::Step::kChildSpi;
  handshake.ticket = core.new_ticket(sa);
  core.outputs.emplace_back(AllocateSpi{handshake.ticket, sa.connection_id,
                                        handshake.child.child_index, sa.local.address,
                                        sa.remote.address});
}

void on_auth_spi(Core& core, IkeSa& sa, const KernelSpi& answer) {
  Handshake& handshake = *sa.handshake;
  handshake.ticket = 0;
  if (answer.spi) {
    handshake.child.spi_in = *answer.spi;
    handshake.child.carried = answer.carried;
    handshake.child.ni = handshake.ni;
    handshake.child.nr = handshake.nr;
    auto ticket = install_inbound(core, sa, handshake.child, false,
                                  carries_already(core, sa, handshake.child));
    if (!ticket)
      return fail_handshake(core, sa, Side::kLocal, Reason::kCryptoFailed,
                            ticket.error().to_string());
    handshake.step = Handshake::Step::kInbound;
    handshake.ticket = *ticket;
    return;
  }
  core.report_failure(sa, handshake.child.child_index, Side::kLocal, Reason::kKernelRefused,
                      answer.spi.error().to_string());
  respond_without_child(core, sa, wire::NotifyType::kNoAdditionalSas);
}

void respond_without_child(Core& core, IkeSa& sa, wire::NotifyType error) {
  Handshake& handshake = *sa.handshake;
  handshake.want_child = false;
  handshake.child_error = error;
  send_auth_response(core, sa);
  established(core, sa, handshake.initial_contact);
}

void responder_installed(Core& core, IkeSa& sa, ChildSa& child) {
  child.inbound_installed = true;
  send_auth_response(core, sa);
  const ChildNegotiation negotiated = std::move(sa.handshake->child);
  established(core, sa, sa.handshake->initial_contact);
  child_up(core, sa, child);
  take_over(core, sa, child, negotiated);
}

}  // namespace espalier::ike::exchange
