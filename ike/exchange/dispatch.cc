#include "ike/exchange/dispatch.h"

#include "ike/exchange/admission.h"
#include "ike/exchange/child.h"
#include "ike/exchange/established.h"
#include "ike/exchange/handshake.h"
#include "ike/exchange/protect.h"
#include "ike/exchange/tasks.h"
#include "ike/exchange/window.h"
#include "ike/wire/decode.h"
#include "ike/wire/notify_data.h"

namespace espalier::ike::exchange {
namespace {

constexpr std::size_t kMaxStash = wire::kMaxFragments;

Phase phase_of(const IkeSa& sa) {
  if (!sa.handshake) return Phase::kEstablished;
  return Phase::kAuth;
}

// An answer outside any IKE SA, ten a second at most: anybody can ask for it.
void send_unprotected(Core& core, const Datagram& datagram, const wire::Header& request,
                      wire::Notify notify) {
  if (core.now < core.next_unprotected) return;
  core.next_unprotected = core.now + std::chrono::milliseconds(100);
  answer_stateless(core, datagram, request, std::move(notify));
}

// A request on an IKE SA that we do not have (section 2.21.4).
void on_unknown_spi(Core& core, const Datagram& datagram, const wire::Header& header) {
  ++core.counters.unknown_spi;
  if (header.response) return;
  send_unprotected(core, datagram, header, notify(wire::NotifyType::kInvalidIkeSpi));
}

// The peer says that it does not know our IKE SA. Anybody can say so: it only makes us ask
// (section 2.4).
void on_unprotected_hint(Core& core, IkeSa& sa, const wire::Message& message) {
  if (message.find_notify(wire::NotifyType::kInvalidIkeSpi) == nullptr || !sa.alive() || sa.own)
    return;
  if (core.now - sa.last_heard < std::chrono::seconds(1)) return;
  queue_probe(core, sa);
}

void stash(Core& core, IkeSa& sa, const Datagram& datagram) {
  Handshake& handshake = *sa.handshake;
  std::size_t octets = datagram.data.size();
  for (const Datagram& one : handshake.stash) octets += one.data.size();
  if (handshake.stash.size() >= kMaxStash || octets > wire::kMaxMessage) return;
  handshake.stash.push_back(datagram);
  if (handshake.step != Handshake::Step::kInitAnswered || handshake.ticket != 0) return;
  // Only now, with IKE_AUTH here, is the shared secret worth its price.
  handshake.step = Handshake::Step::kDerive;
  handshake.ticket =
      core.run_crypto(sa, crypto::DeriveShared{handshake.key_pair, handshake.peer_public});
}

// Of an authentic request alone: its answer goes where it came from (section 2.11), and where a NAT
// may have moved the peer, all that follows does (section 2.23).
void follow_peer(Core& core, IkeSa& sa, const Datagram& datagram) {
  sa.reply_path.reset();
  if (sa.remote == datagram.remote && sa.local == datagram.local &&
      sa.encapsulated == datagram.encapsulated)
    return;
  const bool handshake = sa.handshake && !sa.initiator;
  if (!handshake && !sa.nat_remote) {
    sa.reply_path = std::make_unique<Datagram>(
        Datagram{datagram.local, datagram.remote, datagram.encapsulated, {}});
    return;
  }
  const IpAddress old_remote = sa.remote.address;
  sa.remote = datagram.remote;
  sa.local = datagram.local;
  sa.encapsulated = datagram.encapsulated;
  if (handshake) return;
  for (const auto& child : sa.children) {
    child->info.remote = sa.remote.address;
    if (child->info.encapsulation) child->info.encapsulation->remote = sa.remote.port;
    core.outputs.emplace_back(UpdateChild{child->info, old_remote});
  }
}

void refuse_request(Core& core, IkeSa& sa, const wire::Header& header, wire::Notify answer,
                    const Error& error) {
  if (sa.handshake) {
    return refuse_auth_request(core, sa, header.message_id, std::move(answer),
                               Reason::kInvalidMessage, error.to_string());
  }
  if (answer.type == wire::NotifyType::kInvalidSyntax) {
    return refuse_malformed(core, sa, header.exchange, header.message_id, error.to_string());
  }
  respond_notify(core, sa, header.exchange, header.message_id, std::move(answer));
}

void on_request(Core& core, IkeSa& sa, const wire::Header& header,
                std::vector<wire::Payload> payloads) {
  if (auto admitted = admit(header.exchange, false, phase_of(sa), payloads); !admitted) {
    ++core.counters.invalid_messages;
    return refuse_request(core, sa, header, notify(wire::NotifyType::kInvalidSyntax),
                          admitted.error());
  }
  switch (header.exchange) {
    case wire::ExchangeType::kIkeAuth:
      return on_auth_request(core, sa, header.message_id, std::move(payloads));
    case wire::ExchangeType::kCreateChildSa:
      has_gone_on(core, sa);
      return on_create_child_request(core, sa, header.message_id, payloads);
    case wire::ExchangeType::kInformational:
      return on_informational_request(core, sa, header.message_id, payloads);
    default:
      return;
  }
}

void on_response(Core& core, IkeSa& sa, const wire::Header& header,
                 std::vector<wire::Payload> payloads) {
  if (auto admitted = admit(header.exchange, true, phase_of(sa), payloads); !admitted) {
    ++core.counters.invalid_messages;
    return sa.handshake ? refuse_auth_response(core, sa, admitted.error().to_string())
                        : refuse_response(core, sa, admitted.error().to_string());
  }
  sa.outstanding.reset();
  const auto* error = wire::find_error(payloads);
  core.count_end(header.exchange, error != nullptr ? wire::name_of(error->type) : "ok");
  if (!sa.handshake && error != nullptr && error->type == wire::NotifyType::kInvalidSyntax) {
    // The peer holds this IKE SA for ended (section 2.21.3).
    core.report_failure(sa, std::nullopt, Side::kRemote, Reason::kInvalidMessage,
                        "the peer found our " + wire::describe(header.exchange) +
                            " request malformed and ended the IKE SA");
    return end_ike_sa(core, sa, Reason::kInvalidMessage);
  }
  switch (header.exchange) {
    case wire::ExchangeType::kIkeAuth:
      return on_auth_response(core, sa, std::move(payloads));
    case wire::ExchangeType::kCreateChildSa:
      if (!sa.own) return;
      if (sa.own->task.kind == Task::Kind::kRekeyIkeSa)
        return on_rekey_ike_sa_response(core, sa, payloads);
      return on_create_child_response(core, sa, payloads);
    case wire::ExchangeType::kInformational:
      return on_informational_response(core, sa, payloads);
    default:
      return;
  }
}

// A protected message whose SPIs, direction and message id fit.
void open_and_handle(Core& core, IkeSa& sa, const Datagram& datagram, const wire::Message& clear) {
  const wire::Header& header = clear.header;
  auto opened = open(core, sa, datagram.data, clear);
  if (!opened) {
    ++core.counters.invalid_messages;
    return;
  }
  sa.last_heard = core.now;
  if (!header.response && clear.encrypted->fragment_number == 1)
    sa.pending_request_hash = hash_of(datagram.data);
  if (!*opened) return;  // fragments are missing
  auto payloads =
      wire::decode_payloads((*opened)->first, (*opened)->plaintext, wire::name_of(header.exchange));
  if (!payloads) {
    const wire::DecodeFailure& failure = payloads.error();
    ++core.counters.invalid_messages;
    if (header.response) {
      return sa.handshake ? refuse_auth_response(core, sa, failure.error.to_string())
                          : refuse_response(core, sa, failure.error.to_string());
    }
    sa.last_request_hash = sa.pending_request_hash;
    wire::Notify answer = failure.critical_type
                              ? wire::make_unsupported_critical_payload(*failure.critical_type)
                              : notify(wire::NotifyType::kInvalidSyntax);
    return refuse_request(core, sa, header, std::move(answer), failure.error);
  }
  if (header.response) return on_response(core, sa, header, std::move(*payloads));
  sa.last_request_hash = sa.pending_request_hash;
  follow_peer(core, sa, datagram);
  on_request(core, sa, header, std::move(*payloads));
}

void on_protected(Core& core, IkeSa& sa, const Datagram& datagram, const wire::Message& clear) {
  const wire::Header& header = clear.header;
  if (header.response) {
    if (!sa.outstanding || sa.outstanding->message_id != header.message_id ||
        sa.outstanding->exchange != header.exchange || sa.keys.sk_d.empty()) {
      return;
    }
    return open_and_handle(core, sa, datagram, clear);
  }
  // Section 2.1: the same request again gets the same answer; what is older, or too new, nothing.
  if (header.message_id + 1 == sa.peer_request_id) {
    if (clear.encrypted->fragment_number != 1) return;
    // Cut anew (RFC 7383 section 2.5.2) it is the same request in other octets.
    if (hash_of(datagram.data) == sa.last_request_hash || authentic(core, sa, datagram, clear)) {
      ++core.counters.duplicates;
      send_last_response(core, sa);
    }
    return;
  }
  if (header.message_id != sa.peer_request_id || sa.failed) return;
  if (sa.peer && sa.peer->message_id == header.message_id) return;  // being worked on
  if (sa.handshake) {
    const Handshake& handshake = *sa.handshake;
    if (sa.initiator || header.exchange != wire::ExchangeType::kIkeAuth) return;
    if (!handshake.keys_ready) return stash(core, sa, datagram);
    if (handshake.step != Handshake::Step::kInitAnswered) return;  // being worked on
  }
  open_and_handle(core, sa, datagram, clear);
}

}  // namespace

void replay_stash(Core& core, IkeSa& sa) {
  std::vector<Datagram> stashed = std::move(sa.handshake->stash);
  for (const Datagram& datagram : stashed) {
    if (core.find(sa.id) != &sa || !sa.handshake ||
        sa.handshake->step != Handshake::Step::kInitAnswered)
      return;
    if (const auto message = wire::decode_clear(datagram.data))
      open_and_handle(core, sa, datagram, *message);
  }
}

void dispatch_datagram(Core& core, const Datagram& datagram) {
  ++core.counters.datagrams_in;
  const auto message = wire::decode_clear(datagram.data);
  if (!message) {
    ++core.counters.invalid_messages;
    const wire::DecodeFailure& failure = message.error();
    if (!failure.header || failure.header->response || !failure.notify) return;
    const wire::Header& header = *failure.header;
    if (*failure.notify == wire::NotifyType::kInvalidMajorVersion) {
      send_unprotected(core, datagram, header, wire::make_invalid_major_version());
    } else if (header.exchange == wire::ExchangeType::kIkeSaInit && header.initiator &&
               header.spi_r == 0) {  // section 2.21.1
      send_unprotected(core, datagram, header,
                       failure.critical_type
                           ? wire::make_unsupported_critical_payload(*failure.critical_type)
                           : notify(*failure.notify));
    }
    return;
  }
  const wire::Header& header = message->header;
  const bool init = header.exchange == wire::ExchangeType::kIkeSaInit;
  if (init && !header.response) {
    if (header.initiator && header.spi_r == 0) return on_init_request(core, datagram, *message);
    ++core.counters.invalid_messages;
    return;
  }
  IkeSa* sa = core.find_by_spi(header.initiator ? header.spi_r : header.spi_i);
  if (sa == nullptr || sa->initiator == header.initiator)
    return on_unknown_spi(core, datagram, header);
  if (init) {
    if (sa->handshake && sa->initiator && datagram.remote.address == sa->remote.address) {
      on_init_response(core, *sa, datagram, *message);
    }
  } else if ((sa->initiator ? sa->spi_r : sa->spi_i) !=
             (sa->initiator ? header.spi_r : header.spi_i)) {
    on_unknown_spi(core, datagram, header);
  } else if (!message->encrypted) {
    on_unprotected_hint(core, *sa, *message);
  } else {
    on_protected(core, *sa, datagram, *message);
  }
  if (core.find(sa->id) == sa) core.schedule(*sa);
}

void dispatch_crypto(Core& core, Ticket ticket, crypto::Outcome outcome) {
  if (core.crypto_in_flight > 0) --core.crypto_in_flight;
  IkeSa* sa = core.find(static_cast<IkeSaId>(ticket >> 32));
  if (sa == nullptr || ticket == 0) return;
  if (sa->handshake && sa->handshake->ticket == ticket) {
    on_handshake_crypto(core, *sa, std::move(outcome));
  } else if (sa->own && sa->own->ticket == ticket) {
    if (sa->own->task.kind == Task::Kind::kRekeyIkeSa) {
      on_own_rekey_crypto(core, *sa, std::move(outcome));
    } else {
      on_own_child_crypto(core, *sa, std::move(outcome));
    }
  } else if (sa->peer && sa->peer->ticket == ticket) {
    if (sa->peer->is_ike_rekey) {
      on_peer_rekey_crypto(core, *sa, std::move(outcome));
    } else {
      on_peer_child_crypto(core, *sa, std::move(outcome));
    }
  }
  core.schedule(*sa);
}

}  // namespace espalier::ike::exchange
