#include "ike/exchange/ike_auth.h"

#include "ike/auth/signed_octets.h"
#include "ike/exchange/child.h"
#include "ike/exchange/established.h"
#include "ike/exchange/handshake.h"
#include "ike/exchange/tasks.h"
#include "ike/exchange/window.h"

namespace espalier::ike::exchange {
namespace {

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

void own_auth_made(Core& core, IkeSa& sa, wire::AuthMethod method, Bytes data) {
  sa.initiator ? initiator_auth_made(core, sa, method, std::move(data))
               : responder_auth_made(core, sa, method, std::move(data));
}

void peer_verified(Core& core, IkeSa& sa) {
  sa.initiator ? initiator_verified(core, sa) : responder_verified(core, sa);
}

}  // namespace

Bytes id_body(const wire::Identification& id) {
  wire::Idi payload;
  payload.id = id;
  return payload.body();
}

void add_certreq(Core& core, const Connection& connection, std::vector<wire::Payload>& payloads) {
  if (connection.remote_auth.type != AuthType::kX509) return;
  if (auto hashes = core.provider.certreq_hashes(connection.remote_auth.trust)) {
    payloads.emplace_back(wire::CertReq{wire::CertEncoding::kX509Signature, std::move(*hashes)});
  }
}

void add_certificates(Core& core, const IkeSa& sa, std::vector<wire::Payload>& payloads) {
  if (sa.connection->local_auth.type != AuthType::kX509) return;
  auto chain = core.provider.certificate_chain(sa.connection->local_auth.credential);
  if (!chain) return;  // signing has succeeded with it, so it is there
  for (Bytes& certificate : *chain) {
    payloads.emplace_back(wire::Cert{wire::CertEncoding::kX509Signature, std::move(certificate)});
  }
}

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

void refuse_peer(Core& core, IkeSa& sa, Reason reason, std::string text) {
  if (!sa.initiator) {
    return refuse_auth_request(core, sa, sa.handshake->auth_message_id,
                               notify(wire::NotifyType::kAuthenticationFailed), reason,
                               std::move(text));
  }
  core.report_failure(sa, std::nullopt, Side::kLocal, reason, std::move(text));
  // The responder believes the IKE SA to stand: tell it, and let it go.
  sa.handshake.reset();
  sa.outstanding.reset();
  sa.state = IkeSaState::kDeleting;
  sa.failed = true;
  std::vector<wire::Payload> payloads;
  payloads.emplace_back(notify(wire::NotifyType::kAuthenticationFailed));
  payloads.emplace_back(wire::Delete{});
  if (!send_request(core, sa, wire::ExchangeType::kInformational, payloads)) core.drop(sa);
}

void refuse_auth_request(Core& core, IkeSa& sa, std::uint32_t message_id, wire::Notify answer,
                         Reason reason, std::string text) {
  core.report_failure(sa, std::nullopt, Side::kLocal, reason, std::move(text));
  respond_notify(core, sa, wire::ExchangeType::kIkeAuth, message_id, std::move(answer));
  sa.handshake.reset();
  sa.state = IkeSaState::kDeleting;
  sa.failed = true;
  sa.remove_at = core.now + core.settings.half_open_life;
}

void refuse_auth_response(Core& core, IkeSa& sa, std::string text) {
  refuse_peer(core, sa, Reason::kInvalidMessage, std::move(text));
}

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

void on_handshake_installed(Core& core, IkeSa& sa, const Status& status) {
  Handshake& handshake = *sa.handshake;
  handshake.ticket = 0;
  ChildSa* child = sa.find_child(handshake.child.id);
  if (child == nullptr) return;
  if (!status) {
    core.report_failure(sa, handshake.child.child_index, Side::kLocal, Reason::kKernelRefused,
                        status.error().to_string());
    remove_child(core, sa, handshake.child.id, Reason::kKernelRefused);
    return sa.initiator ? finish_initiator(core, sa)
                        : respond_without_child(core, sa, wire::NotifyType::kNoAdditionalSas);
  }
  sa.initiator ? initiator_installed(core, sa, *child) : responder_installed(core, sa, *child);
}

}  // namespace espalier::ike::exchange
