// engine_cost [COUNT]: COUNT IKE SAs with a Child each between two controllers in one process, over
// a simulated kernel and an ideal network, with NSS: what our own code and NSS cost without
// sockets, netlink and processes. For profilers; figures are ratios.
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <variant>

#include "base/process/clock.h"
#include "base/process/process.h"
#include "ike/crypto/nss/nss_provider.h"
#include "ike/engine.h"
#include "nodeagent/dataplane/fake/fake_guard.h"
#include "nodeagent/dataplane/fake/fake_kernel.h"
#include "nodeagent/telemetry/event.h"
#include "nodeagent/tunnel/controller.h"

namespace espalier {
namespace {

const WallTime kWall = process::wall_now();  // the certificates are valid today

double cpu_ms() {
  timespec now{};
  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

std::uint64_t resident_kb() {
  process::release_free_memory();
  return process::resources_used().resident_bytes / 1024;
}

struct Node final : tunnel::Network,
                    tunnel::CryptoRunner,
                    tunnel::JournalStore,
                    telemetry::EventSink {
  Node(ike::crypto::Provider& p, std::uint32_t n)
      : provider(p),
        number(n),
        engine(
            p, ike::Settings{}, [&p](std::span<std::uint8_t> out) { (void)p.random(out); },
            [] { return kWall; }),
        controller(engine, tunnel::Ports{&kernel, this, this, this, &guard, this}, {}) {}

  void send(std::span<const ike::Datagram> datagrams) override {
    for (const auto& one : datagrams) sent.push_back(one);
  }
  std::optional<IpAddress> source_towards(const IpAddress&) override { return std::nullopt; }
  void run(ike::RunCrypto job) override { jobs.push_back(std::move(job)); }
  Status save(std::string_view text) override {
    journal_bytes += text.size();
    return {};
  }
  void on_event(const telemetry::Event& event) override {
    if (std::getenv("TRACE") == nullptr) return;
    std::string line(telemetry::name_of(event.id));
    for (const auto& field : event.fields)
      line += " " + std::string(field.key) + "=" + std::string(field.value);
    std::puts(line.c_str());
  }

  bool turn(TimePoint now, Node& peer, double& public_key_ms) {
    bool any = false;
    kernel.advance(now);
    for (const auto& event : kernel.take_events()) controller.on_kernel_event(now, event);
    if (controller.next_deadline() <= now) controller.on_deadline(now), any = true;
    controller.pump(now);
    for (auto& job : std::exchange(jobs, {})) {
      const double start = cpu_ms();
      auto outcome = provider.run(job.job);
      public_key_ms += cpu_ms() - start;
      controller.on_crypto(now, job.ticket, std::move(outcome));
      controller.pump(now);
      any = true;
    }
    for (ike::Datagram& one : std::exchange(sent, {})) {
      std::swap(one.local, one.remote);
      bytes += one.data.size();
      peer.controller.on_datagram(now, one);
      any = true;
    }
    return any;
  }

  ike::crypto::Provider& provider;
  std::uint32_t number;
  dataplane::FakeKernel kernel;
  dataplane::FakeGuard guard;
  ike::Engine engine;
  tunnel::Controller controller;
  std::vector<ike::RunCrypto> jobs;
  std::vector<ike::Datagram> sent;
  std::uint64_t bytes = 0;
  std::uint64_t journal_bytes = 0;
};

IpAddress address(std::uint32_t end, std::uint32_t i) {
  return IpAddress::v4(0x0a140000U + (end << 16U) + i + 1);
}

plan::NodePlan plan_of(std::uint32_t end, std::uint32_t count) {
  plan::NodePlan plan;
  plan.node = "node" + std::to_string(end);
  for (std::uint32_t i = 0; i < count; ++i) {
    plan::ConnectionPlan connection;
    connection.name = "edge/t" + std::to_string(i);
    connection.peer = connection.name;
    connection.owner = {"Tunnel", "edge", "t" + std::to_string(i)};
    connection.local_address = address(end, i);
    connection.remote_addresses = {address(3 - end, i)};
    connection.local_identity = "node" + std::to_string(end) + ".lab";
    connection.remote_identity = "node" + std::to_string(3 - end) + ".lab";
    connection.local.secret = {"edge", "node", ""};
    connection.remote.secret = {"edge", "trust", "ca.crt"};
    connection.ike_proposals = {"aes256gcm16-prfsha384-curve25519"};
    connection.initiate = end == 1 ? plan::Initiate::kInitiator : plan::Initiate::kPassive;
    plan::ChildPlan child;
    child.name = "child";
    child.owner = connection.owner;
    child.mode = plan::Mode::kTransport;
    plan::Selector selector;
    selector.local = Prefix::host(address(end, i));
    selector.remote = Prefix::host(address(3 - end, i));
    child.rules = {{selector, 1000}};
    child.esp_proposals = {"aes256gcm16"};
    child.replay_window = 4096;
    connection.children.push_back(child);
    plan.connections.push_back(std::move(connection));
  }
  plan.hash = "1";
  return plan;
}

std::string text(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

int run(std::uint32_t count, const std::string& pki) {
  auto opened = ike::crypto::nss::NssProvider::open({});
  if (!opened) return std::puts(opened.error().to_string().c_str()), 1;
  auto& provider = **opened;
  const auto trust = provider.add_trust(text(pki + "/root.crt"));
  if (!trust) return std::puts(trust.error().to_string().c_str()), 1;
  Node one(provider, 1);
  Node two(provider, 2);
  for (Node* node : {&one, &two}) {
    const std::string name = pki + "/node" + std::to_string(node->number);
    const auto id = provider.add_credential(text(name + ".crt"), text(name + ".key"), kWall);
    if (!id) return std::puts(id.error().to_string().c_str()), 1;
    auto table = std::make_shared<tunnel::Credentials>();
    table->set_certificate({"edge", "node", ""},
                           tunnel::OwnCertificate{*id, *provider.credential_info(*id)});
    table->set_trust({"edge", "trust", "ca.crt"},
                     tunnel::TrustAnchors{*trust, *provider.trust_info(*trust)});
    (void)node->controller.start(TimePoint(std::chrono::seconds(1000)), "");
    node->controller.apply_plan(TimePoint(std::chrono::seconds(1000)),
                                std::make_shared<plan::NodePlan>(plan_of(node->number, count)),
                                table);
  }
  const auto before = resident_kb();
  const double start = cpu_ms();
  double public_key = 0;
  TimePoint now{std::chrono::seconds(1000)};
  for (int quiet = 0; quiet < 20;) {
    const bool any = static_cast<int>(one.turn(now, two, public_key)) +
                         static_cast<int>(two.turn(now, one, public_key)) !=
                     0;
    quiet = any ? 0 : quiet + 1;
    if (!any) now += std::chrono::milliseconds(10);
  }
  const double spent = cpu_ms() - start;
  std::size_t sas = 0;
  const auto dumped = one.kernel.dump_sas();
  for (const auto& state : *dumped) sas += state.larval ? 0 : 1;
  std::printf(
      "%u connections, %zu SAs at one end, %.0f ms (both ends), public-key work %.0f, the rest "
      "%.0f (%.2f ms each end and SA), "
      "%.1f kB each end and SA, %llu bytes sent, journal %llu bytes\n",
      count, sas, spent, public_key, spent - public_key, (spent - public_key) / count / 2,
      static_cast<double>(resident_kb() - before) / count / 2,
      static_cast<unsigned long long>(one.bytes + two.bytes),
      static_cast<unsigned long long>(one.journal_bytes));
  return 0;
}

}  // namespace
}  // namespace espalier

int main(int argc, char** argv) {
  if (argc != 3) return std::puts("engine_cost COUNT PKI_DIR"), 2;
  return espalier::run(static_cast<std::uint32_t>(std::atoi(argv[1])), argv[2]);
}
