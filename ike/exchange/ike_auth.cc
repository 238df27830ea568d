#include <algorithm>
#include <array>

#include "ike/auth/identity_match.h"
#include "ike/auth/signed_octets.h"
#include "ike/exchange/child.h"
#include "ike/exchange/established.h"
#include "ike/exchange/handshake.h"
#include "ike/exchange/ppk.h"
#include "ike/exchange/tasks.h"
#include "ike/exchange/window.h"
#include "ike/wire/notify_data.h"

namespace espalier::ike::exchange {
namespace {

Bytes id_body(const wire::Identification& id) {
  wire::Idi payload;
  payload.id = id;
  return payload.body();
}

// What our AUTH covers. `sk_p` is given apart because Prefer signs twice.
Result<Bytes> own_octets(Core& core, const IkeSa& sa, ByteView sk_p) {
  const Handshake& handshake = *sa.handshake;
  return sa.initiator ? auth::signed_octets(core.provider, sa.suite.prf, handshake.init_request,
                                            handshake.nr, sk_p, handshake.id_i_body)
                      : auth::signed_octets(core.provider, sa.suite.prf, handshake.init_response,
                                            handshake.ni, sk_p, handshake.id_r_body);
}

Result<Bytes> peer_octets(Core& core, const IkeSa& sa) {
  const Handshake& handshake = *sa.handshake;
  return sa.initiator
             ? auth::signed_octets(core.provider, sa.suite.prf, handshake.init_response,
                                   handshake.ni, sa.keys.sk_pr.view(), handshake.id_r_body)
             : auth::signed_octets(core.provider, sa.suite.prf, handshake.init_request,
                                   handshake.nr, sa.keys.sk_pi.view(), handshake.id_i_body);
}

void own_auth_made(Core& core, IkeSa& sa, wire::AuthMethod method, Bytes data);

// Proves us: inline with a shared key, by a job with a certificate.
void prove(Core& core, IkeSa& sa, Handshake::Step step, ByteView sk_p) {
  Handshake& handshake = *sa.handshake;
  const AuthSide& side = sa.connection->local_auth;
  handshake.step = step;
  auto octets = own_octets(core, sa, sk_p);
  if (!octets)
    return fail_handshake(core, sa, Side::kLocal, Reason::kCryptoFailed,
                          octets.error().to_string());
  if (side.type == AuthType::kPsk) {
    auto mac = auth::psk_auth(core.provider, sa.suite.prf, side.psk->view(), *octets);
    if (!mac)
      return fail_handshake(core, sa, Side::kLocal, Reason::kCryptoFailed, mac.error().to_string());
    return own_auth_made(core, sa, wire::AuthMethod::kSharedKeyMic, std::move(*mac));
  }
  handshake.ticket =
      core.run_crypto(sa, crypto::Sign{side.credential, handshake.peer_hashes, std::move(*octets)});
}

void add_certificates(Core& core, const IkeSa& sa, std::vector<wire::Payload>& payloads) {
  if (sa.connection->local_auth.type != AuthType::kX509) return;
  auto chain = core.provider.certificate_chain(sa.connection->local_auth.credential);
  if (!chain) return;  // signing has succeeded with it, so it is there
  for (Bytes& certificate : *chain) {
    payloads.emplace_back(wire::Cert{wire::CertEncoding::kX509Signature, std::move(certificate)});
  }
}

void send_auth_request(Core& core, IkeSa& sa, Bytes no_ppk_auth) {
  Handshake& handshake = *sa.handshake;
  const Connection& connection = *sa.connection;
  std::vector<wire::Payload> payloads;
  wire::Idi idi;
  idi.id = connection.local_id;
  payloads.emplace_back(std::move(idi));
  add_certificates(core, sa, payloads);
  if (connection.remote_auth.type == AuthType::kX509) {
    if (auto hashes = core.provider.certreq_hashes(connection.remote_auth.trust)) {
      payloads.emplace_back(wire::CertReq{wire::CertEncoding::kX509Signature, std::move(*hashes)});
    }
  }
  if (connection.remote_id) {
    wire::Idr idr;
    idr.id = *connection.remote_id;
    payloads.emplace_back(std::move(idr));
  }
  payloads.emplace_back(wire::Auth{handshake.own_auth_method, handshake.own_auth});
  if (connection.initial_contact && !others_alive(core, sa)) {
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

// A peer that is not who it says, or whom we refuse: it learns no more than AUTHENTICATION_FAILED
// (section 2.21.2). The IKE SA stays a moment to repeat that answer.
void refuse_peer(Core& core, IkeSa& sa, Reason reason, std::string text) {
  core.report_failure(sa, std::nullopt, Side::kLocal, reason, std::move(text));
  if (sa.initiator) {
    // The responder believes the IKE SA to stand: tell it, and let it go.
    sa.handshake.reset();
    sa.outstanding.reset();
    sa.state = IkeSaState::kDeleting;
    sa.failed = true;
    std::vector<wire::Payload> payloads;
    payloads.emplace_back(notify(wire::NotifyType::kAuthenticationFailed));
    payloads.emplace_back(wire::Delete{});
    if (!send_request(core, sa, wire::ExchangeType::kInformational, payloads)) core.drop(sa);
    return;
  }
  respond_notify(core, sa, wire::ExchangeType::kIkeAuth, sa.handshake->auth_message_id,
                 notify(wire::NotifyType::kAuthenticationFailed));
  sa.handshake.reset();
  sa.state = IkeSaState::kDeleting;
  sa.failed = true;
  sa.remove_at = core.now + core.settings.half_open_life;
}

void peer_verified(Core& core, IkeSa& sa);

// Checks the AUTH payload: inline with a shared key, by a job with a certificate.
void verify(Core& core, IkeSa& sa, const wire::Identification& claimed, wire::AuthMethod method,
            Bytes auth_data) {
  Handshake& handshake = *sa.handshake;
  const AuthSide& side = sa.connection->remote_auth;
  auto octets = peer_octets(core, sa);
  if (!octets)
    return fail_handshake(core, sa, Side::kLocal, Reason::kCryptoFailed,
                          octets.error().to_string());
  sa.peer_id = claimed;
  if (side.type == AuthType::kPsk) {
    if (method != wire::AuthMethod::kSharedKeyMic) {
      return refuse_peer(core, sa, Reason::kBadPsk,
                         "the peer proves itself by a certificate, we expect a shared key");
    }
    const auto mac = auth::psk_auth(core.provider, sa.suite.prf, side.psk->view(), *octets);
    if (!mac || !ct_equal(*mac, auth_data)) {
      return refuse_peer(core, sa, handshake.ppk_index ? Reason::kPpkMismatch : Reason::kBadPsk,
                         "the peer's AUTH does not verify: the shared keys differ");
    }
    return peer_verified(core, sa);
  }
  if (method == wire::AuthMethod::kSharedKeyMic) {
    return refuse_peer(core, sa, Reason::kBadSignature,
                       "the peer proves itself by a shared key, we expect a certificate");
  }
  crypto::VerifyPeer job;
  for (const auto* certificate : wire::all<wire::Cert>(handshake.auth_message->payloads)) {
    if (certificate->encoding == wire::CertEncoding::kX509Signature)
      job.chain.push_back(certificate->data);
  }
  if (job.chain.empty()) {
    return refuse_peer(core, sa, Reason::kUntrustedIssuer, "the peer sent no certificate");
  }
  job.trust = side.trust;
  job.expected = sa.connection->remote_id;
  job.claimed = claimed;
  job.method = method;
  job.auth_data = std::move(auth_data);
  job.octets = std::move(*octets);
  job.now = core.wall();
  handshake.step = Handshake::Step::kVerify;
  handshake.ticket = core.run_crypto(sa, std::move(job));
}

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

}  // namespace

Reason reason_of(crypto::RefusalReason refusal) {
  switch (refusal) {
    case crypto::RefusalReason::kUntrustedIssuer:
      return Reason::kUntrustedIssuer;
    case crypto::RefusalReason::kExpired:
      return Reason::kCertificateExpired;
    case crypto::RefusalReason::kNotYetValid:
      return Reason::kCertificateNotYetValid;
    case crypto::RefusalReason::kRevoked:
    case crypto::RefusalReason::kRevocationUnknown:
      return Reason::kCertificateRevoked;
    case crypto::RefusalReason::kIdUnexpected:
      return Reason::kIdUnexpected;
    case crypto::RefusalReason::kIdNotInCertificate:
      return Reason::kIdNotInCertificate;
    case crypto::RefusalReason::kBadSignature:
      return Reason::kBadSignature;
    case crypto::RefusalReason::kMalformed:
      return Reason::kInvalidMessage;
    case crypto::RefusalReason::kBadKeyUsage:
    case crypto::RefusalReason::kNotPermitted:
    case crypto::RefusalReason::kWeakKey:
    case crypto::RefusalReason::kUnsupportedAlgorithm:
      return Reason::kCertificateUnacceptable;
  }
  return Reason::kAuthenticationFailed;
}

void fail_handshake(Core& core, IkeSa& sa, Side side, Reason reason, std::string text) {
  core.report_failure(sa, std::nullopt, side, reason, std::move(text));
  remove_all_children(core, sa, reason);
  core.drop(sa);
}

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

namespace {

void own_auth_made(Core& core, IkeSa& sa, wire::AuthMethod method, Bytes data) {
  Handshake& handshake = *sa.handshake;
  if (handshake.step == Handshake::Step::kSignUnmixed)
    return send_auth_request(core, sa, std::move(data));
  handshake.own_auth_method = method;
  handshake.own_auth = std::move(data);
  if (sa.initiator) {
    if (handshake.ppk_index && sa.connection->ppk == PpkMode::kPrefer) {
      return prove(core, sa, Handshake::Step::kSignUnmixed, handshake.unmixed_sk_pi.view());
    }
    return send_auth_request(core, sa, {});
  }
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

void peer_verified(Core& core, IkeSa& sa) {
  Handshake& handshake = *sa.handshake;
  const auto& payloads = handshake.auth_message->payloads;
  if (!sa.initiator) {
    if (auto accepted = accept_child_request(sa, payloads, std::nullopt, true, handshake.child);
        !accepted) {
      handshake.want_child = false;
      handshake.child_error = accepted.error().notify;
      report_refusal(core, sa, handshake.child.child_index, Side::kLocal, accepted.error());
    }
    handshake.id_r_body = id_body(sa.connection->local_id);
    return prove(core, sa, Handshake::Step::kSign, sa.keys.sk_pr.view());
  }
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

}  // namespace

void on_handshake_crypto(Core& core, IkeSa& sa, crypto::Outcome outcome) {
  Handshake& handshake = *sa.handshake;
  handshake.ticket = 0;
  if (auto* error = std::get_if<Error>(&outcome)) {
    const bool peers_value =
        handshake.step == Handshake::Step::kDerive && error->code == Code::kInvalid;
    return fail_handshake(core, sa, Side::kLocal,
                          peers_value ? Reason::kInvalidMessage : Reason::kCryptoFailed,
                          error->to_string());
  }
  switch (handshake.step) {
    case Handshake::Step::kKeyPair:
      if (auto* made = std::get_if<crypto::KeyPairMade>(&outcome))
        on_key_pair(core, sa, std::move(made->pair));
      return;
    case Handshake::Step::kDerive: {
      auto* made = std::get_if<crypto::SharedMade>(&outcome);
      if (made == nullptr) return;
      const crypto::IkeKeyInput input{handshake.ni, handshake.nr, sa.spi_i, sa.spi_r};
      auto keys = crypto::derive_ike_keys(core.provider, sa.suite, input, made->shared.view());
      if (!keys)
        return fail_handshake(core, sa, Side::kLocal, Reason::kCryptoFailed,
                              keys.error().to_string());
      sa.keys = std::move(*keys);
      handshake.key_pair.reset();
      if (sa.initiator) return on_keys_ready(core, sa);
      handshake.step = Handshake::Step::kInitAnswered;
      handshake.keys_ready = true;
      replay_stash(core, sa);
      return;
    }
    case Handshake::Step::kSign:
    case Handshake::Step::kSignUnmixed:
      if (auto* made = std::get_if<crypto::Signature>(&outcome)) {
        own_auth_made(core, sa, made->method, std::move(made->auth_data));
      }
      return;
    case Handshake::Step::kVerify:
      if (auto* refusal = std::get_if<crypto::Refusal>(&outcome)) {
        const bool ppk =
            refusal->reason == crypto::RefusalReason::kBadSignature && handshake.ppk_index;
        return refuse_peer(core, sa, ppk ? Reason::kPpkMismatch : reason_of(refusal->reason),
                           ppk ? "the peer's AUTH does not verify with PPK " +
                                     sa.connection->ppks[*handshake.ppk_index].id +
                                     ": the two PPKs differ"
                               : refusal->sentence);
      }
      if (std::holds_alternative<crypto::PeerVerified>(outcome)) peer_verified(core, sa);
      return;
    default:
      return;
  }
}

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

void on_auth_spi(Core& core, IkeSa& sa, const KernelSpi& answer) {
  Handshake& handshake = *sa.handshake;
  handshake.ticket = 0;
  if (answer.spi) {
    handshake.child.spi_in = *answer.spi;
    handshake.child.ni = handshake.ni;
    handshake.child.nr = handshake.nr;
    auto ticket = install_inbound(core, sa, handshake.child, false,
                                  carries_already(core, sa, handshake.child.child_index));
    if (!ticket)
      return fail_handshake(core, sa, Side::kLocal, Reason::kCryptoFailed,
                            ticket.error().to_string());
    handshake.step = Handshake::Step::kInbound;
    handshake.ticket = *ticket;
    return;
  }
  handshake.want_child = false;
  handshake.child_error = wire::NotifyType::kNoAdditionalSas;
  core.report_failure(sa, handshake.child.child_index, Side::kLocal, Reason::kKernelRefused,
                      answer.spi.error().to_string());
  send_auth_response(core, sa);
  established(core, sa, handshake.initial_contact);
}

void on_handshake_installed(Core& core, IkeSa& sa, const Status& status) {
  Handshake& handshake = *sa.handshake;
  handshake.ticket = 0;
  ChildSa* child = sa.find_child(handshake.child.id);
  if (child == nullptr) return;
  if (!status) {
    core.report_failure(sa, handshake.child.child_index, Side::kLocal, Reason::kKernelRefused,
                        status.error().to_string());
    remove_child(core, sa, handshake.child.id, Reason::kKernelRefused);
    if (sa.initiator) return finish_initiator(core, sa);
    handshake.want_child = false;
    handshake.child_error = wire::NotifyType::kNoAdditionalSas;
    send_auth_response(core, sa);
    return established(core, sa, handshake.initial_contact);
  }
  if (handshake.step == Handshake::Step::kInbound) {
    child->inbound_installed = true;
    if (sa.initiator) {
      handshake.step = Handshake::Step::kOutbound;
      handshake.ticket = install_outbound(core, sa, *child, false);
      return;
    }
    send_auth_response(core, sa);
    established(core, sa, handshake.initial_contact);
    child_up(core, sa, *child);
    if (carries_already(core, sa, child->info.child_index)) {
      // Another Child carries the traffic, perhaps one that the peer's kernel kept over a restart.
      // The new one takes over when the peer is seen to use it; before that the peer may not have
      // heard of it.
      child->release_at = core.now + kTakeOver;
    } else {
      install_outbound(core, sa, *child, true, false);
    }
    return;
  }
  outbound_stands(core, sa, *child);
  child_up(core, sa, *child);
  finish_initiator(core, sa);
}

}  // namespace espalier::ike::exchange
