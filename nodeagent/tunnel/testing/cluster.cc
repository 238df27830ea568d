#include "nodeagent/tunnel/testing/cluster.h"

#include <algorithm>

#include <fmt/format.h>

#include "nodeagent/dataplane/ownership.h"

namespace espalier::tunnel::testing {

namespace {

constexpr WallTime kWall{std::chrono::seconds(1'800'000'000)};

plan::SecretRef secret(std::string_view name, std::string key = {}) {
  return {std::string(plan::kOperatorNamespace), std::string(name), std::move(key)};
}

plan::Selector between(const Prefix& local, const Prefix& remote) {
  plan::Selector selector;
  selector.local = local;
  selector.remote = remote;
  return selector;
}

dataplane::Selector header(const IpAddress& from, const IpAddress& to) {
  dataplane::Selector selector;
  selector.source = Prefix::host(from);
  selector.destination = Prefix::host(to);
  selector.protocol = 6;
  selector.source_port = 40000;
  selector.destination_port = 80;
  return selector;
}

}  // namespace

SimulatedNode::SimulatedNode(Cluster& cluster, std::string n, std::uint8_t i)
    : name(std::move(n)), number(i), provider(i * 7919U + 1), cluster_(cluster) {
  options.seed = i;
  set_credentials("CA");
}

IpAddress SimulatedNode::address() const {
  return IpAddress::v4(0x0a000000U + number);
}
Prefix SimulatedNode::pods() const {
  return {IpAddress::v4(0x0af40000U + (std::uint32_t{number} << 8U)), 24};
}

void SimulatedNode::set_credentials(const std::string& issuer, const std::string& trusted) {
  credentials = std::make_shared<Credentials>();
  OwnCertificate own;
  own.id = *provider.add_credential(name + "|" + issuer + "|", "", {});
  own.info = *provider.credential_info(own.id);
  credentials->set_certificate(secret(plan::kNodeSecret), own);
  credentials->set_trust(secret(plan::kTrustSecret, "ca.crt"),
                         TrustAnchors{*provider.add_trust(trusted), {}});
}

void SimulatedNode::boot(plan::NodePlan plan) {
  kill();
  random_ = std::make_unique<std::mt19937_64>(number * 104729U + ++boots_);
  engine_ = std::make_unique<ike::Engine>(
      provider, settings,
      [this](std::span<std::uint8_t> out) {
        for (auto& byte : out) byte = static_cast<std::uint8_t>((*random_)());
      },
      [] { return kWall; });
  options.seed = number + boots_ * 1000;
  controller_ = std::make_unique<Controller>(
      *engine_, Ports{&kernel, this, this, this, &guard, this}, options);
  kernel.advance(cluster_.now());
  (void)kernel.take_events();
  if (auto started = controller_->start(cluster_.now(), journal); !started) {
    events.push_back("StartFailed " + started.error().to_string());
  }
  apply(std::move(plan));
}

void SimulatedNode::kill() {
  controller_.reset();
  engine_.reset();
  jobs_.clear();
}

void SimulatedNode::apply(plan::NodePlan plan) {
  controller_->apply_plan(cluster_.now(), std::make_shared<plan::NodePlan>(std::move(plan)),
                          credentials);
  settle();
}

telemetry::Snapshot SimulatedNode::snapshot() {
  controller_->read_counters(cluster_.now());
  return controller_->snapshot(cluster_.now(), kWall);
}

telemetry::ConnectionStatus SimulatedNode::status(const std::string& connection) {
  for (auto& status : snapshot().connections) {
    if (status.name == connection) return std::move(status);
  }
  return {};
}

std::size_t SimulatedNode::sas() {
  std::size_t count = 0;
  const auto dumped = kernel.dump_sas();
  for (const auto& state : *dumped) {
    if (!state.larval && dataplane::owns_reqid(state.sa.reqid)) ++count;
  }
  return count;
}

std::size_t SimulatedNode::count_events(const std::string& part) const {
  return static_cast<std::size_t>(
      std::count_if(events.begin(), events.end(),
                    [&](const std::string& line) { return line.find(part) != std::string::npos; }));
}

void SimulatedNode::send(std::span<const ike::Datagram> datagrams) {
  for (const auto& datagram : datagrams) cluster_.carry(*this, datagram);
}

std::optional<IpAddress> SimulatedNode::source_towards(const IpAddress& remote) {
  if (remote.is_v4()) return address();
  return std::nullopt;
}

void SimulatedNode::run(ike::RunCrypto job) {
  const Duration takes = cluster_.crypto_time + cluster_.up_to(cluster_.crypto_jitter);
  jobs_.emplace(cluster_.now() + takes, std::move(job));
}

Status SimulatedNode::save(std::string_view text) {
  journal = text;
  return {};
}

void SimulatedNode::on_event(const telemetry::Event& event) {
  std::string line(telemetry::name_of(event.id));
  for (const auto& field : event.fields) line += fmt::format(" {}={}", field.key, field.value);
  cluster_.say(name, line);
  events.push_back(std::move(line));
}

// The loop's round: what the kernel told, what the pool finished, what is due; then the pump.
void SimulatedNode::settle() {
  const TimePoint now = cluster_.now();
  kernel.advance(now);
  if (!alive()) {
    (void)kernel.take_events();
    return;
  }
  for (;;) {
    auto told = kernel.take_events();
    std::vector<ike::RunCrypto> jobs;
    while (!jobs_.empty() && jobs_.begin()->first <= now) {
      jobs.push_back(std::move(jobs_.begin()->second));
      jobs_.erase(jobs_.begin());
    }
    const bool due = controller_->next_deadline() <= now;
    for (const auto& event : told) controller_->on_kernel_event(now, event);
    for (auto& job : jobs) controller_->on_crypto(now, job.ticket, provider.run(job.job));
    if (due) controller_->on_deadline(now);
    controller_->pump(now);
    const bool busy = !jobs_.empty() && jobs_.begin()->first <= now;
    if (!busy && controller_->next_deadline() > now) {
      told = kernel.take_events();
      if (told.empty()) return;
      for (const auto& event : told) controller_->on_kernel_event(now, event);
      controller_->pump(now);
    }
  }
}

// --------------------------------------------------------------------------------------- Cluster

void Cluster::say(const std::string& who, const std::string& what) const {
  if (!trace) return;
  const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(now_.time_since_epoch());
  trace(fmt::format("{}.{:03} {} {}", since.count() / 1000, since.count() % 1000, who, what));
}

SimulatedNode& Cluster::add(const std::string& name) {
  const auto number = static_cast<std::uint8_t>(nodes_.size() + 1);
  nodes_.push_back(std::make_unique<SimulatedNode>(*this, name, number));
  return *nodes_.back();
}

plan::NodePlan Cluster::mesh(const SimulatedNode& self, bool pods) const {
  plan::NodePlan plan;
  plan.node = self.name;
  plan.addresses = {self.address()};
  plan.pod_cidrs = {self.pods()};
  plan.bypass.push_back({between(self.pods(), self.pods()), 1, "always: own pods"});
  for (const auto& peer : nodes_) {
    if (peer.get() == &self) continue;
    plan::ConnectionPlan connection;
    connection.name = peer->name + "/v4";
    connection.peer = peer->name;
    connection.owner = {"IPsecPolicy", "", "cluster"};
    connection.local_address = self.address();
    connection.remote_addresses = {peer->address()};
    connection.local_identity = self.name;
    connection.remote_identity = peer->name;
    connection.local.secret = secret(plan::kNodeSecret);
    connection.remote.secret = secret(plan::kTrustSecret, "ca.crt");
    connection.ike_proposals = {"aes256gcm16-prfsha384-curve25519"};
    connection.ike_lifetime = ike_lifetime;
    connection.initiate =
        self.name < peer->name ? plan::Initiate::kInitiator : plan::Initiate::kAfterDelay;
    connection.liveness.delay = std::chrono::seconds(5);
    plan::ChildPlan child;
    child.name = "nodes";
    child.owner = connection.owner;
    child.mode = plan::Mode::kTransport;
    child.rules = {{between(Prefix::host(self.address()), Prefix::host(peer->address())), 1000}};
    child.esp_proposals = {"aes256gcm16"};
    child.lifetime = child_lifetime;
    child.replay_window = 64;
    connection.children.push_back(child);
    if (pods) {
      child.name = "pods";
      child.mode = plan::Mode::kTunnel;
      child.rules = {{between(self.pods(), peer->pods()), 1001}};
      child.local_ts = {self.pods()};
      child.remote_ts = {peer->pods()};
      connection.children.push_back(child);
    }
    plan.connections.push_back(std::move(connection));
  }
  plan.hash = "0";
  return plan;
}

void Cluster::boot_all(bool pods) {
  for (const auto& each : nodes_) each->boot(mesh(*each, pods));
}

void Cluster::launch(Flying flying, bool may_drop) {
  if (may_drop && drop_percent > 0 && random_() % 100 < drop_percent) return;
  const Duration after = delay + up_to(jitter);
  network_.emplace(now_ + after, std::move(flying));
}

Duration Cluster::up_to(Duration bound) {
  if (bound <= Duration::zero()) return Duration::zero();
  return Duration(
      static_cast<Duration::rep>(random_() % static_cast<std::uint64_t>(bound.count())));
}

void Cluster::carry(SimulatedNode& from, const ike::Datagram& sent) {
  if (allow && !allow(sent)) return;
  for (const auto& to : nodes_) {
    if (to->address() != sent.remote.address || (linked && !linked(from, *to))) continue;
    Flying flying;
    flying.to = to.get();
    flying.datagram = sent;
    std::swap(flying.datagram.local, flying.datagram.remote);
    launch(std::move(flying), true);
  }
}

void Cluster::send_packet(SimulatedNode& from, SimulatedNode& to, bool pod) {
  Tally& tally_of_pair = tally(from, to);
  ++tally_of_pair.sent;
  dataplane::FakePacket packet;
  packet.header = pod ? header(from.pods().address().next(), to.pods().address().next())
                      : header(from.address(), to.address());
  from.kernel.advance(now_);
  packet.mark = from.guard.mark_of(packet.header);
  auto fate = from.kernel.send(packet);
  if (fate.packet) fate.packet->mark = 0;  // a mark stays in its node
  from.settle();
  if (!fate.passed) {
    say(from.name, fmt::format("lost going out{}: {}", pod ? " (pod)" : "", fate.dropped_by));
    ++tally_of_pair.lost[fate.dropped_by];
    return;
  }
  if (fate.in_clear()) {
    if (!from.guard.passes(packet.header, dataplane::Direction::kOut)) {
      ++tally_of_pair.lost["guard"];
      return;
    }
    ++tally_of_pair.clear;
  }
  if (linked && !linked(from, to)) {
    ++tally_of_pair.lost["network"];
    return;
  }
  Flying flying;
  flying.to = &to;
  flying.packet_from = &from;
  flying.packet = *fate.packet;
  flying.pod = pod;
  launch(std::move(flying), false);
}

void Cluster::arrive(const Flying& flying) {
  SimulatedNode& to = *flying.to;
  if (flying.packet_from == nullptr) {
    if (to.alive()) to.controller().on_datagram(now_, flying.datagram);
    to.settle();
    return;
  }
  to.kernel.advance(now_);
  Tally& tally_of_pair = tally(*flying.packet_from, to);
  const auto route =
      flying.pod ? dataplane::FakeKernel::Route::kForwarded : dataplane::FakeKernel::Route::kLocal;
  dataplane::FakePacket packet = flying.packet;
  if (!packet.esp) packet.mark = to.guard.mark_of(packet.header);
  const auto fate = to.kernel.receive(packet, route);
  to.settle();
  const bool clear = !flying.packet.esp;
  if (!fate.passed) {
    say(to.name, fmt::format("lost coming in{}: {}", flying.pod ? " (pod)" : "", fate.dropped_by));
    ++tally_of_pair.lost[fate.dropped_by];
  } else if (clear && !to.guard.passes(flying.packet.header, dataplane::Direction::kIn)) {
    ++tally_of_pair.lost["guard"];
  } else {
    ++tally_of_pair.delivered;
  }
}

TimePoint Cluster::next_event() const {
  TimePoint next = next_traffic_;
  if (!network_.empty()) next = std::min(next, network_.begin()->first);
  for (const auto& each : nodes_) {
    next = std::min(next, each->kernel.next_expiry());
    if (each->alive()) next = std::min(next, each->controller_->next_deadline());
    if (!each->jobs_.empty()) next = std::min(next, each->jobs_.begin()->first);
  }
  return next;
}

void Cluster::step() {
  while (!network_.empty() && network_.begin()->first <= now_) {
    const Flying flying = std::move(network_.begin()->second);
    network_.erase(network_.begin());
    arrive(flying);
  }
  for (const auto& each : nodes_) each->settle();
  if (next_traffic_ > now_) return;
  next_traffic_ = traffic_interval > Duration::zero() ? now_ + traffic_interval : kNever;
  for (const auto& from : nodes_) {
    for (const auto& to : nodes_) {
      if (from == to) continue;
      send_packet(*from, *to, false);
      if (pod_traffic) send_packet(*from, *to, true);
    }
  }
}

void Cluster::run_for(Duration duration) {
  (void)run_until([] { return false; }, duration);
}

bool Cluster::run_until(const std::function<bool()>& done, Duration bound) {
  const TimePoint end = now_ + bound;
  for (const auto& each : nodes_) each->settle();  // what the test did to it meanwhile
  if (traffic_interval > Duration::zero() && next_traffic_ == kNever) next_traffic_ = now_;
  for (;;) {
    if (done()) return true;
    const TimePoint next = next_event();
    if (next > end) break;
    now_ = std::max(now_, next);
    step();
  }
  now_ = end;
  return done();
}

Tally Cluster::total() const {
  Tally sum;
  for (const auto& [pair, one] : tallies_) {
    sum.sent += one.sent;
    sum.delivered += one.delivered;
    sum.clear += one.clear;
    for (const auto& [why, count] : one.lost) sum.lost[why] += count;
  }
  return sum;
}

bool Cluster::all_established() {
  for (const auto& each : nodes_) {
    if (!each->alive()) return false;
    const auto snapshot = each->controller().snapshot(now_, kWall);
    for (const auto& connection : snapshot.connections) {
      if (connection.state != telemetry::ConnectionState::kEstablished) return false;
    }
  }
  return true;
}

}  // namespace espalier::tunnel::testing
