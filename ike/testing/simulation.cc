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

// ----------------------------------------------------------------------------------------------------
// Node

Node::Node(Simulation& simulation, std::string name, IpAddress address, Settings settings,
           std::uint64_t seed)
    : simulation_(simulation),
      name_(std::move(name)),
      address_(address),
      settings_(std::move(settings)),
      provider_(seed * 7919 + 1),
      random_(seed * 104729 + 3) {
  crash();
}

void Node::crash() {
  engine_ = std::make_unique<Engine>(
      provider_, settings_,
      [this](std::span<std::uint8_t> out) {
        for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(random_());
      },
      [] { return WallTime{std::chrono::seconds(1'800'000'000)}; });
}

void Node::reboot() {
  inbound_.clear();
  outbound_.clear();
  crash();
}

Connection Node::connection_to(const Node& peer) {
  Connection connection;
  connection.name = peer.name_;
  connection.local = address_;
  connection.remotes = {peer.address_};
  connection.local_id = {wire::IdType::kFqdn, to_bytes(as_bytes(name_))};
  connection.remote_id = wire::Identification{wire::IdType::kFqdn, to_bytes(as_bytes(peer.name_))};
  connection.local_auth.credential = *provider_.add_credential(name_ + "|CA|", "", {});
  connection.remote_auth.trust = *provider_.add_trust("CA");
  connection.proposals = {*crypto::parse_ike_proposal("aes256gcm16-prfsha384-curve25519-ecp256")};
  ChildConfig child;
  child.name = "net";
  child.local = {wire::TrafficSelector::from_prefix(Prefix::host(address_))};
  child.remote = {wire::TrafficSelector::from_prefix(Prefix::host(peer.address_))};
  child.proposals = {*crypto::parse_esp_proposal("aes256gcm16")};
  connection.children = {child};
  return connection;
}

void Node::set(ConnectionId id, Connection connection) {
  command(SetConnection{id, std::move(connection)});
}
void Node::initiate(ConnectionId id, std::size_t child) {
  Initiate wanted;
  wanted.id = id;
  wanted.child_index = child;
  command(wanted);
}
void Node::command(Command wanted) {
  engine_->command(simulation_.now(), std::move(wanted));
  pump();
}

std::vector<IkeSaView> Node::ike_sas() const {
  std::vector<IkeSaView> views;
  engine_->each_ike_sa([&](const IkeSaView& view) { views.push_back(view); });
  return views;
}
std::vector<ChildSaView> Node::child_sas() const {
  std::vector<ChildSaView> views;
  engine_->each_child_sa([&](const ChildSaView& view) { views.push_back(view); });
  return views;
}
std::vector<Reason> Node::failures() const {
  std::vector<Reason> reasons;
  for (const Event& event : events_) {
    if (const auto* failure = std::get_if<Failure>(&event)) reasons.push_back(failure->reason);
  }
  return reasons;
}
std::string Node::last_failure_text() const {
  std::string text;
  for (const Event& event : events_) {
    if (const auto* failure = std::get_if<Failure>(&event)) text = failure->text;
  }
  return text;
}
std::string Node::last_failure() const {
  std::string text;
  for (const Event& event : events_) {
    if (const auto* failure = std::get_if<Failure>(&event)) {
      text = (failure->side == Side::kLocal ? "local " : "remote ") +
             std::string(ike::name_of(failure->reason));
    }
  }
  return text;
}

bool Node::fails_now() {
  if (fail_install_in < 0) return false;
  return fail_install_in-- == 0;
}

void Node::pump() {
  if (pumping_) return;
  pumping_ = true;
  while (auto output = engine_->next_output()) perform(std::move(*output));
  pumping_ = false;
}

void Node::perform(Output output) {
  const TimePoint now = simulation_.now();
  if (auto* send = std::get_if<Send>(&output)) return simulation_.carry(*this, *send);
  if (auto* report = std::get_if<Report>(&output)) {
    events_.push_back(std::move(report->event));
  } else if (auto* job = std::get_if<RunCrypto>(&output)) {
    const Duration takes =
        simulation_.crypto_time ? simulation_.crypto_time(*this, job->job) : Duration::zero();
    if (takes <= Duration::zero()) {
      engine_->on_crypto(now, job->ticket, provider_.run(job->job));
    } else {
      simulation_.jobs_.emplace(now + takes, Simulation::Job{this, engine_.get(), std::move(*job)});
    }
  } else if (auto* spi = std::get_if<AllocateSpi>(&output)) {
    // SPIs differ between nodes, so that a mix-up shows.
    engine_->on_kernel(now,
                       KernelSpi{spi->ticket, ++last_spi_ * 16 + 0x1000 + address_.bytes()[3]});
  } else if (auto* in = std::get_if<InstallInbound>(&output)) {
    Status status;
    if (fails_now()) {
      status = fail(Code::kKernel, "NEWSA", "EINVAL");
    } else {
      inbound_[in->child.spi_in] = {in->child, in->report_first_use, 0, std::move(in->keys.encr)};
    }
    engine_->on_kernel(now, KernelInstalled{in->ticket, status});
  } else if (auto* out = std::get_if<InstallOutbound>(&output)) {
    Status status;
    if (fails_now()) {
      status = fail(Code::kKernel, "NEWSA", "EINVAL");
    } else {
      outbound_.push_back({out->child, now, ++order_, std::move(out->keys.encr)});
    }
    engine_->on_kernel(now, KernelInstalled{out->ticket, status});
  } else if (auto* remove = std::get_if<RemoveChild>(&output)) {
    if (remove->inbound) inbound_.erase(remove->child.spi_in);
    if (remove->outbound) {
      std::erase_if(outbound_,
                    [&](const Outbound& one) { return one.info.spi_out == remove->child.spi_out; });
    }
  } else if (auto* usage = std::get_if<QueryUsage>(&output)) {
    const auto found = inbound_.find(usage->child.spi_in);
    engine_->on_kernel(
        now, KernelUsage{usage->ticket, found == inbound_.end() ? 0 : found->second.packets});
  }
}

// ----------------------------------------------------------------------------------------------
// Simulation

Node& Simulation::add(const std::string& name, const std::string& address, Settings settings) {
  nodes_.push_back(std::make_unique<Node>(*this, name, *IpAddress::parse(address),
                                          std::move(settings), random_()));
  return *nodes_.back();
}

std::string Simulation::name_of_address(const IpAddress& address) const {
  for (const auto& node : nodes_) {
    if (node->address() == address) return node->name();
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

void Simulation::carry(Node& from, const Datagram& sent) {
  if (sent.data == Bytes{kNatKeepalive}) {  // ends in the peer's kernel
    lines_.push_back(from.name() + " -> " + name_of_address(sent.remote.address) + "  keepalive");
    return;
  }
  std::string line = line_of(from, sent);
  const bool lost = cut || (allow && !allow(line)) || random_() % 100 < faults.drop_percent;
  Flying flying;
  flying.datagram = {sent.remote, sent.local, sent.encapsulated, sent.data};
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
    if (one.info.connection != id || one.info.child_index != index ||
        one.info.remote != to.address())
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
