#include "ike/testing/simulation.h"

#include <algorithm>

#include "ike/wire/decode.h"

namespace espalier::ike::testing {
namespace {

std::string payload_name(const wire::Payload& payload) {
  if (const auto* notify = std::get_if<wire::Notify>(&payload))
    return "N(" + wire::describe(notify->type) + ")";
  if (const auto* del = std::get_if<wire::Delete>(&payload)) {
    return del->protocol == wire::ProtocolId::kIke ? "D(IKE)" : "D(ESP)";
  }
  return wire::describe(wire::type_of(payload));
}

bool shown(const wire::Payload& payload, bool show_status) {
  const auto* notify = std::get_if<wire::Notify>(&payload);
  if (notify == nullptr || show_status || wire::is_error(notify->type)) return true;
  switch (notify->type) {
    case wire::NotifyType::kCookie:
    case wire::NotifyType::kRekeySa:
    case wire::NotifyType::kInitialContact:
    case wire::NotifyType::kUsePpk:
    case wire::NotifyType::kPpkIdentity:
    case wire::NotifyType::kNoPpkAuth:
      return true;
    default:
      return false;
  }
}

std::string list(const std::vector<wire::Payload>& payloads, bool show_status) {
  std::string text;
  for (const wire::Payload& payload : payloads) {
    if (shown(payload, show_status)) text += (text.empty() ? "" : ", ") + payload_name(payload);
  }
  return text;
}

}  // namespace

// ----------------------------------------------------------------------------------------------
// Simulation

Node& Simulation::add(const std::string& name, const std::string& address, Settings settings) {
  nodes_.push_back(std::make_unique<Node>(*this, name, *IpAddress::parse(address),
                                          std::move(settings), random_()));
  return *nodes_.back();
}

std::string Simulation::name_of_address(const IpAddress& address) const {
  for (const auto& node : nodes_) {
    const bool behind = nat && nat->outside == address && nat->inside == node->address();
    if (node->address() == address || behind) return node->name();
  }
  return address.to_string();
}

std::string Simulation::line_of(const Node& from, const Datagram& sent) const {
  std::string line = from.name() + " -> " + name_of_address(sent.remote.address) + "  ";
  const auto message = wire::decode_clear(sent.data);
  if (!message) return line + "?";
  const wire::Header& header = message->header;
  line += wire::describe(header.exchange) + (header.response ? " response " : " request ") +
          std::to_string(header.message_id) + ": HDR";
  const std::string clear = list(message->payloads, show_status);
  if (!clear.empty()) line += ", " + clear;
  if (!message->encrypted) return line;
  const wire::Encrypted& part = *message->encrypted;
  if (part.fragment) {
    return line + ", SKF {" + std::to_string(part.fragment_number) + "/" +
           std::to_string(part.total_fragments) + "}";
  }
  const Bytes padded =
      from.provider_.plaintext_of(ByteView(sent.data).subspan(part.offset, part.length));
  const auto content = wire::strip_padding(padded);
  if (!content) return line + ", SK {?}";
  const auto payloads = wire::decode_payloads(part.first, *content, "SK");
  return line + ", SK {" + (payloads ? list(*payloads, show_status) : "?") + "}";
}

bool Simulation::translate(Datagram& arriving) {
  if (!nat) return true;
  if (arriving.remote.address == nat->inside) {
    auto& port = nat->ports[arriving.remote.port];
    if (port == 0) port = nat->next_port++;
    arriving.remote = {nat->outside, port};
  } else if (arriving.local.address == nat->outside) {
    for (const auto& [inner, outer] : nat->ports) {
      if (outer != arriving.local.port) continue;
      arriving.local = {nat->inside, inner};
      return true;
    }
    return false;
  }
  return true;
}

bool Simulation::reaches(const ChildSaInfo& outbound, const Node& to) const {
  if (!nat || to.address() != nat->inside) return outbound.remote == to.address();
  const auto port = nat->ports.find(4500);
  return outbound.remote == nat->outside && outbound.encapsulation && port != nat->ports.end() &&
         outbound.encapsulation->remote == port->second;
}

void Simulation::carry(Node& from, const Datagram& sent) {
  Flying flying;
  flying.datagram = {sent.remote, sent.local, sent.encapsulated, sent.data};
  const bool mapped = translate(flying.datagram);
  if (sent.data == Bytes{kNatKeepalive}) {  // ends in the peer's kernel
    lines_.push_back(from.name() + " -> " + name_of_address(sent.remote.address) + "  keepalive");
    return;
  }
  std::string line = line_of(from, sent);
  sent_.push_back(sent);
  const bool lost =
      cut || !mapped || (allow && !allow(line)) || random_() % 100 < faults.drop_percent;
  if (!lost && hold && hold(line)) {
    lines_.push_back(line + " (held)");
    held_.push_back(std::move(flying));
    return;
  }
  lines_.push_back(line + (lost ? " (lost)" : ""));
  if (lost) return;
  const auto arrival = [&] {
    const auto extra = faults.jitter.count() > 0
                           ? Duration(static_cast<Duration::rep>(
                                 random_() % static_cast<std::uint64_t>(faults.jitter.count())))
                           : Duration{};
    return now_ + faults.delay + extra;
  };
  if (random_() % 100 < faults.duplicate_percent) network_.emplace(arrival(), flying);
  network_.emplace(arrival(), std::move(flying));
}

void Simulation::inject(Node& from, const Node& to, Bytes data) {
  carry(from, {{from.address(), 500}, {to.address(), 500}, false, std::move(data)});
  run();
}

std::size_t Simulation::release() {
  std::deque<Flying> held = std::move(held_);
  held_.clear();
  for (Flying& flying : held) network_.emplace(now_ + faults.delay, std::move(flying));
  return held.size();
}

void Simulation::deliver(const Flying& flying) {
  for (const auto& node : nodes_) {
    if (node->address() != flying.datagram.local.address) continue;
    if (!flying.esp) {
      node->engine().on_datagram(now_, flying.datagram);
      node->pump();
      return;
    }
    const auto found = node->inbound_.find(flying.spi);
    if (found == node->inbound_.end()) {
      if (traffic_.no_inbound_sa++ == 0) lines_.push_back("first ESP without an SA");
      return;
    }
    ++traffic_.delivered;
    if (found->second.packets++ == 0 && found->second.report_first_use) {
      node->engine().on_kernel(now_, KernelFirstUse{flying.spi, node->address()});
      node->pump();
    }
    return;
  }
}

// One event at the earliest time that is not past `until`. False when there is none.
bool Simulation::step(TimePoint until, bool timers) {
  TimePoint next = network_.empty() ? kNever : network_.begin()->first;
  const bool job_first = !jobs_.empty() && jobs_.begin()->first < next;
  if (job_first) next = jobs_.begin()->first;
  Node* due = nullptr;
  if (timers) {
    for (const auto& node : nodes_) {
      const TimePoint at = node->engine().next_deadline();
      if (at < next) {
        next = at;
        due = node.get();
      }
    }
  }
  if (next == kNever || next > until) return false;
  now_ = std::max(now_, next);
  if (due != nullptr) {
    due->engine().on_deadline(now_);
    due->pump();
    return true;
  }
  if (job_first) {
    const Job done = std::move(jobs_.begin()->second);
    jobs_.erase(jobs_.begin());
    if (done.engine == done.node->engine_.get()) {
      done.node->engine_->on_crypto(now_, done.job.ticket, done.node->provider_.run(done.job.job));
      done.node->pump();
    }
    return true;
  }
  const Flying flying = std::move(network_.begin()->second);
  network_.erase(network_.begin());
  deliver(flying);
  return true;
}

void Simulation::run() {
  while ((!network_.empty() || !jobs_.empty()) && step(kNever, false)) {
  }
}

void Simulation::run_for(Duration duration) {
  const TimePoint until = now_ + duration;
  while (step(until, true)) {
  }
  now_ = until;
}

void Simulation::send_packet(Node& from, Node& to, ConnectionId id, std::size_t index) {
  ++traffic_.sent;
  const Node::Outbound* newest = nullptr;
  for (const auto& one : from.outbound_) {
    if (one.info.connection != id || one.info.child_index != index || !reaches(one.info, to))
      continue;
    if (newest == nullptr || newest->order < one.order) newest = &one;
  }
  if (newest == nullptr) {
    ++traffic_.no_outbound_sa;
    return;
  }
  Flying flying;
  flying.esp = true;
  flying.spi = newest->info.spi_out;
  flying.datagram.local.address = to.address();
  network_.emplace(now_ + faults.delay, std::move(flying));
}

void Simulation::run_with_traffic(Node& one, Node& other, Duration duration, Duration interval,
                                  ConnectionId id) {
  const TimePoint until = now_ + duration;
  while (now_ < until) {
    send_packet(one, other, id);
    send_packet(other, one, id);
    run_for(std::min(interval, until - now_));
  }
}

std::string Simulation::transcript() const {
  std::string text;
  for (const std::string& line : lines_) text += line + "\n";
  return text;
}

std::size_t Simulation::count(const std::string& part) const {
  return static_cast<std::size_t>(
      std::count_if(lines_.begin(), lines_.end(),
                    [&](const std::string& line) { return line.find(part) != std::string::npos; }));
}

// ----------------------------------------------------------------------------------------------------
// Pair

Pair::Pair(std::uint64_t seed, Settings settings)
    : Simulation(seed), a(add("a", "10.0.0.1", settings)), b(add("b", "10.0.0.2", settings)) {
  a.set(1, a.connection_to(b));
  b.set(1, b.connection_to(a));
}

void Pair::establish() {
  a.initiate(1);
  run();
}

bool Pair::usable() const {
  const auto reaches = [](Node& from, Node& to) {
    for (const ChildSaView& child : from.child_sas()) {
      if (!child.current || !child.outbound_installed) continue;
      for (const ChildSaView& other : to.child_sas()) {
        if (other.inbound_installed && other.info.spi_in == child.info.spi_out) return true;
      }
    }
    return false;
  };
  return reaches(a, b) && reaches(b, a);
}

}  // namespace espalier::ike::testing
