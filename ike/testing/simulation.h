// Simulation: N engines, one virtual clock, a network that can drop, duplicate, delay and reorder,
// and a model of each node's SAs that carries numbered packets and counts what is lost.
//
// Guarantees: deterministic; the same seed and script give the same transcript. Time moves only in
// run_*().
//
// The transcript writes each datagram in the notation of RFC 7296, with its exchange and message
// id:
//   a -> b  IKE_AUTH request 1: HDR, SK {IDi, CERT, CERTREQ, IDr, AUTH, SA, TSi, TSr}
// and, when it never arrived, "(lost)" behind it. Status notifies stand in it only where
// `show_status` is set.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "ike/engine.h"
#include "ike/testing/toy_provider.h"

namespace espalier::ike::testing {

struct NetworkFaults {
  unsigned drop_percent = 0;
  unsigned duplicate_percent = 0;
  Duration delay = std::chrono::milliseconds(1);
  Duration jitter{};  // added at random, so that datagrams overtake each other
};

struct Traffic {
  std::uint64_t sent = 0, delivered = 0;
  std::uint64_t no_outbound_sa = 0;  // the sender's policy held it back: nothing in clear, but lost
  std::uint64_t no_inbound_sa = 0;   // the receiver knows no such SPI (XfrmInNoStates)
};

// A router that translates the addresses of one node: what that sends comes from `outside`, from a
// port of the router's choice for each of the node's ports; what has no mapping is lost.
struct Nat {
  IpAddress inside, outside;
  std::map<std::uint16_t, std::uint16_t> ports;  // of the node: the router's
  std::uint16_t next_port = 1024;
};

class Simulation;

class Node {
 public:
  Node(Simulation& simulation, std::string name, IpAddress address, Settings settings,
       std::uint64_t seed);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] Engine& engine() { return *engine_; }
  [[nodiscard]] ToyProvider& provider() { return provider_; }
  [[nodiscard]] const IpAddress& address() const { return address_; }
  [[nodiscard]] const std::vector<Event>& events() const { return events_; }

  // A Connection to `peer` with X.509, one Child named "net" and defaults that tests change.
  [[nodiscard]] Connection connection_to(const Node& peer);
  void set(ConnectionId id, Connection connection);
  void initiate(ConnectionId id, std::size_t child = 0);
  void command(Command command);
  void kernel_event(KernelEvent event);
  // The process dies: its engine is gone, the kernel's SAs stay. A new engine with nothing in it
  // takes its place.
  void crash();
  // The same, and its kernel starts anew, too.
  void reboot();

  [[nodiscard]] std::vector<IkeSaView> ike_sas() const;
  [[nodiscard]] std::vector<ChildSaView> child_sas() const;
  [[nodiscard]] std::size_t kernel_inbound() const { return inbound_.size(); }
  [[nodiscard]] std::size_t kernel_outbound() const { return outbound_.size(); }
  [[nodiscard]] std::vector<Reason> failures() const;
  [[nodiscard]] std::string last_failure_text() const;
  // The last failure's side and reason: "local UntrustedIssuer".
  [[nodiscard]] std::string last_failure() const;

  // What a peer that misbehaves would send: any content, protected by this node's keys of its
  // newest IKE SA. The engine of this node does not know.
  [[nodiscard]] Bytes forge(wire::ExchangeType exchange, bool response, std::uint32_t message_id,
                            const std::vector<wire::Payload>& payloads);
  [[nodiscard]] Bytes forge_raw(wire::ExchangeType exchange, bool response,
                                std::uint32_t message_id, wire::PayloadType first,
                                ByteView plaintext);
  [[nodiscard]] Bytes forge_fragment(wire::ExchangeType exchange, bool response,
                                     std::uint32_t message_id, std::uint16_t number,
                                     std::uint16_t total, wire::PayloadType first,
                                     ByteView plaintext);

  // Steps of the kernel that shall fail, counted down: 0 means the next one.
  int fail_install_in = -1;

 private:
  friend class Simulation;
  struct Outbound {
    ChildSaInfo info;
    TimePoint added{};
    std::uint64_t order = 0;
    SecretBytes key;
  };
  struct Inbound {
    ChildSaInfo info;
    bool report_first_use = false;
    std::uint64_t packets = 0;
    SecretBytes key;
  };

  void pump();
  void perform(Output output);
  [[nodiscard]] bool fails_now();
  [[nodiscard]] wire::Header forged_header(wire::ExchangeType exchange, bool response,
                                           std::uint32_t message_id) const;

  Simulation& simulation_;
  std::string name_;
  IpAddress address_;
  Settings settings_;
  ToyProvider provider_;
  std::mt19937_64 random_;
  std::unique_ptr<Engine> engine_;
  std::vector<Event> events_;
  std::map<std::uint32_t, Inbound> inbound_;
  std::vector<Outbound> outbound_;
  std::uint32_t last_spi_ = 0;
  std::uint64_t order_ = 0;
  bool pumping_ = false;
};

class Simulation {
 public:
  explicit Simulation(std::uint64_t seed = 1) : random_(seed) {}

  Node& add(const std::string& name, const std::string& address, Settings settings = {});

  NetworkFaults faults;
  // Looks at each datagram before it is carried: false drops it. `line` is its transcript line.
  std::function<bool(const std::string& line)> allow;
  bool show_status = false;
  bool cut = false;  // nothing arrives
  // How long a public-key job takes; without it, or with zero, it is done at once.
  std::function<Duration(const Node& node, const crypto::Job& job)> crypto_time;
  std::optional<Nat> nat;

  [[nodiscard]] TimePoint now() const { return now_; }
  // Until nothing is under way on the network or at the crypto pool; timers that lie further ahead
  // do not fire.
  void run();
  void run_for(Duration duration);
  // Numbered packets from one node to another on the newest Child `index` of connection `id`.
  void send_packet(Node& from, Node& to, ConnectionId id, std::size_t index = 0);
  // run_for() with a packet each way every `interval`.
  void run_with_traffic(Node& a, Node& b, Duration duration, Duration interval,
                        ConnectionId id = 1);

  [[nodiscard]] const Traffic& traffic() const { return traffic_; }
  [[nodiscard]] std::string transcript() const;
  void clear_transcript() { lines_.clear(); }
  [[nodiscard]] std::size_t count(
      const std::string& part) const;  // transcript lines that hold `part`

  // A datagram that the engine at `from` never sent; runs.
  void inject(Node& from, const Node& to, Bytes data);
  [[nodiscard]] const std::vector<Datagram>& sent() const { return sent_; }  // by all, in order

  // Datagrams may be held back by hand: taken out of the network in arrival order, delivered by
  // release().
  std::function<bool(const std::string& line)> hold;
  std::size_t release();

 private:
  friend class Node;
  struct Flying {
    Datagram datagram;  // as the receiver sees it
    bool esp = false;
    std::uint32_t spi = 0;
  };
  struct Job {
    Node* node = nullptr;
    const Engine* engine = nullptr;  // who asked: its successor after a crash gets no answer
    RunCrypto job;
  };

  void carry(Node& from, const Datagram& sent);
  // As it arrives behind the router, if there is one; false: the router has no mapping for it.
  [[nodiscard]] bool translate(Datagram& arriving);
  // Whether what `outbound` says of the peer leads to `to`.
  [[nodiscard]] bool reaches(const ChildSaInfo& outbound, const Node& to) const;
  void deliver(const Flying& flying);
  [[nodiscard]] bool step(TimePoint until, bool timers);
  [[nodiscard]] std::string line_of(const Node& from, const Datagram& sent) const;
  [[nodiscard]] std::string name_of_address(const IpAddress& address) const;

  std::mt19937_64 random_;
  TimePoint now_{std::chrono::seconds(1000)};
  std::vector<std::unique_ptr<Node>> nodes_;
  std::multimap<TimePoint, Flying> network_;
  std::multimap<TimePoint, Job> jobs_;
  std::deque<Flying> held_;
  std::vector<std::string> lines_;
  std::vector<Datagram> sent_;
  Traffic traffic_;
};

// Two nodes, "a" (10.0.0.1) and "b" (10.0.0.2), each configured for the other as connection 1.
struct Pair : Simulation {
  explicit Pair(std::uint64_t seed = 1, Settings settings = {});
  Node& a;
  Node& b;
  // Brings connection 1 up from a and runs until it stands.
  void establish();
  // One usable pair: each side's newest outbound SA is an inbound SA of the other.
  [[nodiscard]] bool usable() const;
};

}  // namespace espalier::ike::testing
