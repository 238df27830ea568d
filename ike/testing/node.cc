// The nodes of a simulation (declared in simulation.h): an engine, its kernel, its crypto.
#include "ike/testing/simulation.h"
#include "ike/wire/encode.h"

namespace espalier::ike::testing {

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

void Node::kernel_event(KernelEvent event) {
  engine_->on_kernel(simulation_.now(), std::move(event));
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
  } else if (auto* update = std::get_if<UpdateChild>(&output)) {
    for (Outbound& one : outbound_) {
      if (one.info.spi_out == update->child.spi_out) one.info = update->child;
    }
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

Bytes Node::forge(wire::ExchangeType exchange, bool response, std::uint32_t message_id,
                  const std::vector<wire::Payload>& payloads) {
  const auto inner = wire::encode_payloads(payloads);
  return forge_raw(exchange, response, message_id, inner->first, inner->bytes);
}

Bytes Node::forge_raw(wire::ExchangeType exchange, bool response, std::uint32_t message_id,
                      wire::PayloadType first, ByteView plaintext) {
  const Bytes padded = wire::pad_plaintext(plaintext, 1);
  Bytes whole = *wire::encode_sk_prefix(forged_header(exchange, response, message_id), first,
                                        padded.size() + ToyProvider::kOverhead);
  append(whole, provider_.forge(whole, padded));
  return whole;
}

Bytes Node::forge_fragment(wire::ExchangeType exchange, bool response, std::uint32_t message_id,
                           std::uint16_t number, std::uint16_t total, wire::PayloadType first,
                           ByteView plaintext) {
  const Bytes padded = wire::pad_plaintext(plaintext, 1);
  Bytes whole = *wire::encode_skf_prefix(forged_header(exchange, response, message_id), first, 1, 1,
                                         padded.size() + ToyProvider::kOverhead);
  // Numbers that no encoder would write.
  const std::size_t at = whole.size() - 4;
  whole[at] = static_cast<std::uint8_t>(number >> 8U);
  whole[at + 1] = static_cast<std::uint8_t>(number);
  whole[at + 2] = static_cast<std::uint8_t>(total >> 8U);
  whole[at + 3] = static_cast<std::uint8_t>(total);
  append(whole, provider_.forge(whole, padded));
  return whole;
}

wire::Header Node::forged_header(wire::ExchangeType exchange, bool response,
                                 std::uint32_t message_id) const {
  IkeSaView newest;
  for (const IkeSaView& sa : ike_sas()) {
    if (sa.id >= newest.id) newest = sa;
  }
  wire::Header header;
  header.spi_i = newest.spi_i;
  header.spi_r = newest.spi_r;
  header.exchange = exchange;
  header.initiator = newest.initiator;
  header.response = response;
  header.message_id = message_id;
  return header;
}

}  // namespace espalier::ike::testing
