// Snapshot: what is true at one moment, as the agent's loop saw it.
//
// The loop builds one and publishes it through a SnapshotCell; metrics, the local gRPC service and
// the Kubernetes status writer read it from their own threads.
//
// Guarantees: a plain value; never changed after it was published; holds no secret.
// Assumptions: traffic counters come from the kernel, never from configuration; a state names what
// stands, not what is wanted.
// Caveats: wall times that are nullopt have not happened. Counters restart at zero with the agent.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/time.h"
#include "nodeagent/telemetry/histogram.h"

namespace espalier::telemetry {

using MaybeTime = std::optional<WallTime>;

enum class Enforcement : std::uint8_t { kRequired, kPreferred, kBypass };

enum class ConnectionState : std::uint8_t {
  kDown,         // not wanted: taken down by command
  kTrapped,      // on demand: the traps stand, no SA is needed yet
  kConnecting,   // IKE_SA_INIT or IKE_AUTH under way
  kEstablished,  // an IKE SA with every wanted child
  kRekeying,     // established, and a rekey of the IKE SA or a child is under way
  kOutdated,     // SAs stand, of an older plan: the newest has no attempt, see `last_failure`
  kAdopted,      // the last attempts failed, and SAs of before carry the traffic until they expire
  kWaiting,      // the last attempt failed; the next one starts at `retry_at`
  kBlocked,      // no attempt is possible before something changes: see `last_failure`
};

enum class ChildState : std::uint8_t {
  kUp,
  kTrap,      // no SA: the first packet asks for one
  kDown,      // no SA and none is asked for
  kDraining,  // replaced: still receives, is deleted soon
  kAdopted,   // of an earlier run of the agent, or of an IKE SA whose peer fell silent
};

enum class Mode : std::uint8_t { kTransport, kTunnel };
enum class Role : std::uint8_t { kInitiator, kResponder };
enum class Encapsulation : std::uint8_t { kNone, kUdp, kTcp };
enum class Direction : std::uint8_t { kIn, kOut, kForward };

// Who said no.
enum class Side : std::uint8_t {
  kLocal,   // this node refused the peer
  kPeer,    // the peer refused this node
  kNobody,  // nobody answered, or the network or the kernel got in the way
};

struct Traffic {
  std::uint64_t bytes = 0;
  std::uint64_t packets = 0;

  Traffic& operator+=(const Traffic& other) {
    bytes += other.bytes;
    packets += other.packets;
    return *this;
  }
  friend bool operator==(const Traffic&, const Traffic&) = default;
};

// Packets that an inbound SA threw away.
struct Drops {
  std::uint64_t replay = 0;     // seen before, or older than the replay window
  std::uint64_t integrity = 0;  // not of the peer, or damaged on the way

  Drops& operator+=(const Drops& other) {
    replay += other.replay;
    integrity += other.integrity;
    return *this;
  }
  friend bool operator==(const Drops&, const Drops&) = default;
};

// One security association pair as it stands in the kernel.
struct ChildStatus {
  std::string name;
  ChildState state = ChildState::kDown;
  Mode mode = Mode::kTransport;
  std::uint32_t spi_in = 0;  // 0: none
  std::uint32_t spi_out = 0;
  std::uint32_t reqid = 0;
  std::string local_selectors;   // "10.244.1.0/24", several joined by a blank
  std::string remote_selectors;  // likewise, as the kernel holds them
  std::string esp_suite;         // "aes256gcm16"
  bool esn = false;
  std::string offload;  // what the kernel reads back: "", "crypto eth0", "packet eth0"
  MaybeTime established_at;
  MaybeTime rekey_at;
  MaybeTime last_used;
  Traffic in;
  Traffic out;
};

struct IkeSaStatus {
  std::uint64_t spi_i = 0;
  std::uint64_t spi_r = 0;
  Role role = Role::kInitiator;
  MaybeTime established_at;
  MaybeTime rekey_at;
  std::string suite;           // "aes256gcm16-prfsha384-curve25519"
  std::string authentication;  // how the peer proved itself: "ECDSA P-256, SHA-256", "PSK"
  std::string ppk_id;          // empty: no PPK was mixed in
  bool nat_local = false;      // a translator stands before this node
  bool nat_remote = false;     // … before the peer
  Encapsulation encapsulation = Encapsulation::kNone;
};

// Why the last attempt, or a standing SA, came to its end.
struct Failure {
  WallTime at{};
  Side side = Side::kNobody;
  std::string reason;      // a stable CamelCase word: "AuthenticationFailed", "PeerSilent"
  std::string sentence;    // what happened, for a person
  std::string what_to_do;  // the next step, for a person
};

struct ConnectionCounters {
  std::uint64_t handshakes = 0;  // IKE SAs established
  std::uint64_t handshake_failures = 0;
  std::uint64_t ike_rekeys = 0;
  std::uint64_t child_rekeys = 0;
  std::uint64_t rekey_failures = 0;
  std::uint64_t retransmits = 0;    // messages sent more than once
  std::uint64_t liveness_lost = 0;  // times the peer was declared dead
};

// What one named child moved since the agent started, over all its SAs (see traffic_ledger.h).
struct ChildTotals {
  std::string child;
  Traffic in;
  Traffic out;
  Drops drops;
};

struct ConnectionStatus {
  std::string name;
  std::string peer;   // the node's or the tunnel's name
  std::string owner;  // "IPsecPolicy/cluster", "Tunnel/edge/branch"
  Enforcement enforcement = Enforcement::kRequired;
  ConnectionState state = ConnectionState::kDown;
  bool blocking = false;  // clear traffic of this connection is refused right now
  bool released = false;  // by hand: nothing of it is refused, whatever `enforcement` asks for
  Endpoint local;
  Endpoint remote;
  std::string local_identity;
  std::string remote_identity;
  std::optional<IkeSaStatus> ike_sa;
  std::vector<ChildStatus> children;
  std::vector<ChildTotals> totals;
  std::optional<Failure> last_failure;  // kept after a later success, for the record
  MaybeTime retry_at;                   // with kWaiting
  ConnectionCounters counters;
};

// Something wrong in the manifests or the plan, in its author's terms.
struct Problem {
  std::string file;
  std::uint32_t line = 0;  // 0: unknown
  std::string field;       // "spec.esp.lifetime"
  std::string message;
};

struct PlanStatus {
  std::string hash;  // of the newest plan that was read
  bool applied = false;
  MaybeTime applied_at;
  std::string applied_hash;  // of the plan that stands
  std::vector<Problem> problems;
  DurationHistogram apply_seconds;  // from a plan to all of its steps in the kernel
};

// One flow the plan speaks of, most decisive first; what explain() searches.
struct CoverageRule {
  std::string connection;  // empty for an exemption
  std::string child;
  std::string owner;
  Enforcement enforcement = Enforcement::kRequired;
  Prefix local;
  Prefix remote;
  std::uint8_t protocol = 0;  // 0: any
  std::uint16_t port = 0;     // 0: any
  std::string reason;         // of an exemption
  std::string pods;       // only between pods that this IPsecPolicy selects and others; empty: all
  bool released = false;  // as of ConnectionStatus
};

// By IPsecPolicy, the pods that it selects; sorted.
using SelectedPods = std::map<std::string, std::vector<IpAddress>, std::less<>>;

struct Capability {
  std::string name;  // "ESP AES-GCM", "nftables ipsec match", "crypto offload eth0"
  bool available = false;
  std::string detail;  // the kernel's words where it said no
};

struct PolicyCount {
  Direction direction = Direction::kIn;
  std::uint32_t expected = 0;
  std::uint32_t present = 0;
};

struct StateCount {
  Direction direction = Direction::kIn;
  std::string offload;  // "none", "crypto", "packet"
  std::uint32_t count = 0;
};

// A row of /proc/net/xfrm_stat, name as the kernel spells it: "XfrmInNoStates".
struct XfrmStat {
  std::string name;
  std::uint64_t value = 0;
};

// Packets that went, or wanted to go, in clear where the plan speaks of ESP.
struct PlaintextCount {
  Direction direction = Direction::kIn;
  IpFamily family = IpFamily::kV4;
  Traffic blocked;
  Traffic passed;
};

struct KernelStatus {
  bool esp = false;  // the kernel takes an ESP SA
  std::string esp_error;
  std::string release;  // uname -r
  std::vector<Capability> capabilities;
  std::vector<PolicyCount> policies;
  std::vector<StateCount> states;
  std::vector<XfrmStat> xfrm_stat;  // every row, unknown ones too
  std::vector<PlaintextCount> plaintext;
  bool forwarding_needed = false;  // this node forwards for pods or for subnets
  std::optional<bool> forwarding_v4;
  std::optional<bool> forwarding_v6;
  std::uint64_t repairs = 0;  // own objects found missing or changed, and set right
};

struct CertificateStatus {
  std::string role;  // "node", "trust", "tunnel"
  std::string name;  // the Secret or database nickname
  std::string subject;
  std::string issuer;
  std::vector<std::string> san;
  WallTime not_before{};
  WallTime not_after{};
};

// Somebody opened the node, or what has a name here, by hand, until somebody ends it.
struct Release {
  std::string name;       // of a connection, a peer or an owner; empty: the whole node
  bool in_clear = false;  // no SAs either
  std::string why;        // in the words of who did it; may be empty
  WallTime since{};
  std::vector<std::string> connections{};  // that it opens now; empty where the plan is not known
  friend bool operator==(const Release&, const Release&) = default;
};

// How often an exchange ended how: {"IKE_AUTH", "AUTHENTICATION_FAILED", 3}; "ok" for success.
struct ExchangeCount {
  std::string exchange;
  std::string result;
  std::uint64_t count = 0;
};

struct NamedCount {
  std::string name;  // snake_case
  std::uint64_t value = 0;
};

struct EngineStatus {
  std::uint64_t messages_in = 0;
  std::uint64_t messages_out = 0;
  std::uint64_t retransmits_out = 0;
  std::uint32_t half_open = 0;       // gauge: responders' SAs before IKE_AUTH
  std::uint32_t crypto_backlog = 0;  // gauge: public-key jobs that wait or run
  std::vector<ExchangeCount> exchanges;
  std::vector<NamedCount> events;  // every other counter: "cookies_sent", "dropped_malformed"
  DurationHistogram handshake_seconds;
};

// What one kind of work took of the processor since the agent started.
struct BusySeconds {
  std::string work;  // snake_case: "public_key", "kernel", "sockets"
  double seconds = 0;
};

struct ProcessUsage {
  double cpu_seconds = 0;  // user and system time, all threads
  std::uint64_t resident_bytes = 0;
  std::vector<BusySeconds> busy;  // parts of cpu_seconds; the rest is everything else
};

struct Snapshot {
  std::string node;
  std::string version;
  WallTime at{};  // when this snapshot was taken
  WallTime started_at{};
  ProcessUsage process;
  PlanStatus plan;
  KernelStatus kernel;
  EngineStatus engine;
  std::vector<ConnectionStatus> connections;
  std::vector<CoverageRule> coverage;
  std::shared_ptr<const SelectedPods> selected_pods;  // null: not known
  std::vector<CertificateStatus> certificates;
  std::vector<Release> releases;
};

// The words that the API, the CLI and metric labels use ("Required", "Waiting", "in").
[[nodiscard]] std::string_view name_of(Enforcement value);
[[nodiscard]] std::string_view name_of(ConnectionState value);
[[nodiscard]] std::string_view name_of(ChildState value);
[[nodiscard]] std::string_view name_of(Mode value);
[[nodiscard]] std::string_view name_of(Role value);
[[nodiscard]] std::string_view name_of(Encapsulation value);
[[nodiscard]] std::string_view name_of(Direction value);
[[nodiscard]] std::string_view name_of(Side value);

// "0x" and 16 or 8 hexadecimal digits; an SPI of 0 is an empty text.
[[nodiscard]] std::string ike_spi_text(std::uint64_t spi);
[[nodiscard]] std::string esp_spi_text(std::uint32_t spi);

}  // namespace espalier::telemetry
