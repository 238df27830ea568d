#include "ike/exchange/window.h"

#include <algorithm>

#include "ike/exchange/protect.h"
#include "ike/wire/encode.h"

namespace espalier::ike::exchange {

void send_datagrams(Core& core, const IkeSa& sa, const std::vector<Bytes>& datagrams) {
  for (const Bytes& data : datagrams) {
    ++core.counters.datagrams_out;
    core.outputs.emplace_back(Send{sa.local, sa.remote, sa.encapsulated, data});
  }
}

void send_last_response(Core& core, const IkeSa& sa) {
  if (!sa.reply_path) return send_datagrams(core, sa, sa.last_response);
  for (const Bytes& data : sa.last_response) {
    ++core.counters.datagrams_out;
    Send send = *sa.reply_path;
    send.data = data;
    core.outputs.emplace_back(std::move(send));
  }
}

void send_ready_request(Core& core, IkeSa& sa, wire::ExchangeType exchange,
                        std::vector<Bytes> datagrams) {
  auto request = std::make_unique<Outstanding>();
  request->message_id = sa.next_request_id++;
  request->exchange = exchange;
  request->datagrams = std::move(datagrams);
  request->first_sent = core.now;
  request->interval = core.settings.retransmit_first;
  request->resend_at = core.now + core.spread(request->interval, 25);
  send_datagrams(core, sa, request->datagrams);
  sa.outstanding = std::move(request);
}

Status send_request(Core& core, IkeSa& sa, wire::ExchangeType exchange,
                    const std::vector<wire::Payload>& payloads) {
  auto datagrams = protect(core, sa, exchange, false, sa.next_request_id, payloads);
  if (!datagrams) return forward(datagrams);
  send_ready_request(core, sa, exchange, std::move(*datagrams));
  return {};
}

void send_ready_response(Core& core, IkeSa& sa, std::uint32_t message_id,
                         std::vector<Bytes> datagrams) {
  sa.last_response = std::move(datagrams);
  sa.peer_request_id = message_id + 1;
  send_last_response(core, sa);
}

Status send_response(Core& core, IkeSa& sa, wire::ExchangeType exchange, std::uint32_t message_id,
                     const std::vector<wire::Payload>& payloads) {
  auto datagrams = protect(core, sa, exchange, true, message_id, payloads);
  if (!datagrams) return forward(datagrams);
  send_ready_response(core, sa, message_id, std::move(*datagrams));
  return {};
}

wire::Notify notify(wire::NotifyType type, Bytes data) {
  wire::Notify payload;
  payload.type = type;
  payload.data = std::move(data);
  return payload;
}

void respond_notify(Core& core, IkeSa& sa, wire::ExchangeType exchange, std::uint32_t message_id,
                    wire::Notify payload) {
  std::vector<wire::Payload> payloads;
  payloads.emplace_back(std::move(payload));
  (void)send_response(core, sa, exchange, message_id, payloads);
}

void answer_stateless(Core& core, const Datagram& datagram, const wire::Header& request,
                      wire::Notify payload) {
  wire::Message message;
  message.header = request;
  message.header.version = wire::kVersion2;
  message.header.initiator = !request.initiator;
  message.header.response = true;
  message.payloads.emplace_back(std::move(payload));
  auto bytes = wire::encode_clear(message);
  if (!bytes) return;
  ++core.counters.datagrams_out;
  core.outputs.emplace_back(
      Send{datagram.local, datagram.remote, datagram.encapsulated, std::move(*bytes)});
}

bool resend_due(Core& core, IkeSa& sa) {
  if (!sa.outstanding || sa.outstanding->resend_at > core.now) return true;
  Outstanding& request = *sa.outstanding;
  if (core.now - request.first_sent >= core.settings.give_up) return false;
  ++core.counters.retransmits;
  ++sa.retransmits;
  send_datagrams(core, sa, request.datagrams);
  request.interval = std::min(request.interval * 2, core.settings.retransmit_cap);
  request.resend_at = std::min(core.now + core.spread(request.interval, 25),
                               request.first_sent + core.settings.give_up);
  return true;
}

std::uint64_t hash_of(ByteView datagram) {
  std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a
  for (const std::uint8_t byte : datagram) hash = (hash ^ byte) * 1099511628211ULL;
  return hash;
}

}  // namespace espalier::ike::exchange
