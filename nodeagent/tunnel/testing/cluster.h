// Cluster: nodes as the agent runs them (controller, engine, simulated kernel), one virtual clock,
// and a network that drops and delays. Numbered packets are sent between the nodes and judged on
// the wire and at their end.
//
// Guarantees: deterministic; the same seed and script give the same run. Time moves only in
// run_for() and run_until().
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "ike/testing/toy_provider.h"
#include "nodeagent/dataplane/fake/fake_guard.h"
#include "nodeagent/dataplane/fake/fake_kernel.h"
#include "nodeagent/telemetry/event.h"
#include "nodeagent/tunnel/controller.h"

namespace espalier::tunnel::testing {

class Cluster;

// What became of the packets from one node to another.
struct Tally {
  std::uint64_t sent = 0;
  std::uint64_t delivered = 0;
  std::uint64_t clear = 0;                    // were on the wire in clear
  std::map<std::string, std::uint64_t> lost;  // by the row of xfrm_stat, or "network"

  [[nodiscard]] std::uint64_t lost_total() const {
    std::uint64_t total = 0;
    for (const auto& [why, count] : lost) total += count;
    return total;
  }
};

class SimulatedNode final : public Network,
                            public CryptoRunner,
                            public JournalStore,
                            public telemetry::EventSink {
 public:
  SimulatedNode(Cluster& cluster, std::string name, std::uint8_t number);

  const std::string name;
  const std::uint8_t number;  // 10.0.0.<number>, pods in 10.244.<number>.0/24
  [[nodiscard]] IpAddress address() const;
  [[nodiscard]] Prefix pods() const;

  dataplane::FakeKernel kernel;
  dataplane::FakeGuard guard;
  ike::testing::ToyProvider provider;
  std::shared_ptr<Credentials> credentials = std::make_shared<Credentials>();
  std::string journal;
  std::vector<std::string> events;  // "ChildUp connection=node2 …"
  ike::Settings settings;
  Options options;

  // The agent starts, reads what stands and applies `plan`. What was there before is gone at once,
  // as by SIGKILL.
  void boot(plan::NodePlan plan);
  void kill();
  void apply(plan::NodePlan plan);
  [[nodiscard]] bool alive() const { return controller_ != nullptr; }
  [[nodiscard]] Controller& controller() { return *controller_; }
  [[nodiscard]] telemetry::Snapshot snapshot();
  [[nodiscard]] telemetry::ConnectionStatus status(const std::string& connection);
  // SAs of ours in the kernel that are more than reserved.
  [[nodiscard]] std::size_t sas();
  [[nodiscard]] std::size_t count_events(const std::string& part) const;

  // Gives this node a certificate of `issuer` ("CA" unless said otherwise) and its trust anchor.
  void set_credentials(const std::string& issuer, const std::string& trusted = "CA");

  void send(std::span<const ike::Datagram> datagrams) override;
  std::optional<IpAddress> source_towards(const IpAddress& remote) override;
  void run(ike::RunCrypto job) override;
  Status save(std::string_view text) override;
  void on_event(const telemetry::Event& event) override;

 private:
  friend class Cluster;
  void settle();

  Cluster& cluster_;
  std::uint64_t boots_ = 0;
  std::unique_ptr<std::mt19937_64> random_;
  std::unique_ptr<ike::Engine> engine_;
  std::unique_ptr<Controller> controller_;
  std::multimap<TimePoint, ike::RunCrypto> jobs_;  // by when they are done
};

class Cluster {
 public:
  explicit Cluster(std::uint64_t seed = 1) : random_(seed) {}

  SimulatedNode& add(const std::string& name);
  [[nodiscard]] SimulatedNode& node(std::size_t index) { return *nodes_[index]; }
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }

  // What a mesh policy would plan for `self`: a connection per peer with the child "nodes"
  // (transport mode between the addresses) and, where `pods` is set, "pods" (tunnel mode).
  [[nodiscard]] plan::NodePlan mesh(const SimulatedNode& self, bool pods = false) const;
  void boot_all(bool pods = false);

  Duration child_lifetime = std::chrono::hours(1);
  Duration ike_lifetime = std::chrono::hours(8);

  Duration crypto_time{};    // of every public-key job
  Duration crypto_jitter{};  // at most so much longer

  unsigned drop_percent = 0;
  Duration delay = std::chrono::milliseconds(1);
  Duration jitter{};
  std::function<bool(const ike::Datagram&)> allow;  // false: the datagram is lost
  std::function<bool(const SimulatedNode& from, const SimulatedNode& to)> linked;

  // Every `interval` each node sends one packet to each other, node to node, and with `pods` pod to
  // pod as well. Zero: none.
  Duration traffic_interval{};
  bool pod_traffic = false;

  // Told what happens, line by line: events of the agents, and packets that are lost.
  std::function<void(const std::string& line)> trace;

  [[nodiscard]] TimePoint now() const { return now_; }
  void run_for(Duration duration);
  // False when the time ran out first.
  bool run_until(const std::function<bool()>& done, Duration bound);
  void send_packet(SimulatedNode& from, SimulatedNode& to, bool pod);

  [[nodiscard]] Tally& tally(const SimulatedNode& from, const SimulatedNode& to) {
    return tallies_[{from.name, to.name}];
  }
  [[nodiscard]] Tally total() const;
  void clear_tallies() { tallies_.clear(); }
  [[nodiscard]] bool all_established();

 private:
  friend class SimulatedNode;
  struct Flying {
    SimulatedNode* to = nullptr;
    ike::Datagram datagram;
    SimulatedNode* packet_from = nullptr;  // a packet, not a datagram
    dataplane::FakePacket packet;
    bool pod = false;
  };

  void carry(SimulatedNode& from, const ike::Datagram& sent);
  void arrive(const Flying& flying);
  void launch(Flying flying, bool may_drop);
  [[nodiscard]] Duration up_to(Duration bound);
  [[nodiscard]] TimePoint next_event() const;
  void step();
  void say(const std::string& who, const std::string& what) const;

  std::mt19937_64 random_;
  TimePoint now_{std::chrono::seconds(1000)};
  TimePoint next_traffic_ = kNever;
  std::vector<std::unique_ptr<SimulatedNode>> nodes_;
  std::multimap<TimePoint, Flying> network_;
  std::map<std::pair<std::string, std::string>, Tally> tallies_;
};

}  // namespace espalier::tunnel::testing
