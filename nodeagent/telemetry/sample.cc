#include "nodeagent/telemetry/sample.h"

namespace espalier::telemetry {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

Endpoint at(const char* address, std::uint16_t port) {
  return {*IpAddress::parse(address), port};
}

ConnectionStatus node2() {
  ConnectionStatus connection;
  connection.name = "node2/v4";
  connection.peer = "node2";
  connection.owner = "IPsecPolicy/cluster";
  connection.state = ConnectionState::kEstablished;
  connection.blocking = true;
  connection.local = at("10.10.0.11", 500);
  connection.remote = at("10.10.0.12", 500);
  connection.local_identity = "node1.nodes.example.com";
  connection.remote_identity = "node2.nodes.example.com";
  IkeSaStatus ike;
  ike.spi_i = 0x1122334455667788;
  ike.spi_r = 0x99aabbccddeeff00;
  ike.established_at = kSampleNow - minutes(90);
  ike.rekey_at = kSampleNow + hours(6);
  ike.suite = "aes256gcm16-prfsha384-curve25519";
  ike.authentication = "ECDSA P-256, SHA-256";
  ike.ppk_id = "ppk-2026-11";
  connection.ike_sa = ike;

  ChildStatus nodes;
  nodes.name = "nodes";
  nodes.state = ChildState::kUp;
  nodes.spi_in = 0xc0000001;
  nodes.spi_out = 0xc0000002;
  nodes.reqid = 0x45000001;
  nodes.local_selectors = "10.10.0.11/32";
  nodes.remote_selectors = "10.10.0.12/32";
  nodes.esp_suite = "aes256gcm16";
  nodes.esn = true;
  nodes.established_at = kSampleNow - minutes(30);
  nodes.rekey_at = kSampleNow + minutes(24);
  nodes.last_used = kSampleNow - seconds(2);
  nodes.in = {1'048'576, 900};
  nodes.out = {2'097'152, 1800};
  ChildStatus pods = nodes;
  pods.name = "pods";
  pods.mode = Mode::kTunnel;
  pods.spi_in = 0xc0000003;
  pods.spi_out = 0xc0000004;
  pods.local_selectors = "10.244.1.0/24";
  pods.remote_selectors = "10.244.2.0/24";
  pods.in = {500, 5};
  pods.out = {0, 0};
  connection.children = {nodes, pods};
  connection.totals = {{"nodes", {3'000'000, 2500}, {4'000'000, 3500}, {2, 1}},
                       {"pods", {500, 5}, {}, {}}};
  connection.counters.handshakes = 1;
  connection.counters.child_rekeys = 2;
  return connection;
}

ConnectionStatus node3() {
  ConnectionStatus connection;
  connection.name = "node3/v4";
  connection.peer = "node3";
  connection.owner = "IPsecPolicy/cluster";
  connection.state = ConnectionState::kWaiting;
  connection.blocking = true;
  connection.local = at("10.10.0.11", 500);
  connection.remote = at("10.10.0.13", 500);
  connection.local_identity = "node1.nodes.example.com";
  connection.remote_identity = "node3.nodes.example.com";
  Failure failure;
  failure.at = kSampleNow - seconds(12);
  failure.side = Side::kLocal;
  failure.reason = "UntrustedIssuer";
  failure.sentence =
      "The certificate of node3.nodes.example.com is issued by CN=Other CA, which "
      "this node does not trust.";
  failure.what_to_do =
      "Give node3 a certificate of a trusted CA, or add CN=Other CA to "
      "espalier-trust.";
  connection.last_failure = failure;
  connection.retry_at = kSampleNow + seconds(20);
  connection.counters.handshake_failures = 4;
  connection.counters.retransmits = 1;
  return connection;
}

ConnectionStatus db() {
  ConnectionStatus connection;
  connection.name = "edge/db";
  connection.peer = "edge/db";
  connection.owner = "Tunnel/edge/db";
  connection.state = ConnectionState::kTrapped;
  connection.local = at("10.10.0.11", 500);
  connection.remote = at("192.0.2.2", 500);
  ChildStatus child;
  child.name = "db";
  child.state = ChildState::kTrap;
  child.local_selectors = "10.10.0.11/32";
  child.remote_selectors = "192.0.2.2/32";
  connection.children = {child};
  return connection;
}

CoverageRule rule(const char* connection, const char* child, const char* owner, const char* local,
                  const char* remote) {
  CoverageRule made;
  made.connection = connection;
  made.child = child;
  made.owner = owner;
  made.local = *Prefix::parse(local);
  made.remote = *Prefix::parse(remote);
  return made;
}

}  // namespace

Snapshot sample_snapshot() {
  Snapshot snapshot;
  snapshot.node = "node1";
  snapshot.version = "0.1.0";
  snapshot.at = kSampleNow;
  snapshot.started_at = kSampleNow - hours(2);
  snapshot.process = {12.5, 20480, {{"public_key", 1.5}, {"kernel", 0.25}}};

  snapshot.plan.hash = "5f1d0a6ce4b83f7729d0a1c4e5b6f708";
  snapshot.plan.applied = true;
  snapshot.plan.applied_at = kSampleNow - minutes(95);
  snapshot.plan.applied_hash = snapshot.plan.hash;
  snapshot.plan.apply_seconds.observe(std::chrono::milliseconds(30));

  KernelStatus& kernel = snapshot.kernel;
  kernel.esp = true;
  kernel.release = "6.12.0";
  kernel.capabilities = {{"nftables ipsec match", true, ""},
                         {"crypto offload eth0", false, "Operation not supported"}};
  kernel.policies = {{Direction::kIn, 6, 6}, {Direction::kOut, 6, 6}, {Direction::kForward, 3, 3}};
  kernel.states = {{Direction::kIn, "none", 2}, {Direction::kOut, "none", 2}};
  kernel.xfrm_stat = {{"XfrmInError", 0},     {"XfrmInNoStates", 3},   {"XfrmFwdHdrError", 0},
                      {"XfrmOutPolBlock", 0}, {"XfrmAcquireError", 1}, {"XfrmNewInSomeKernel", 7}};
  kernel.plaintext = {{Direction::kOut, IpFamily::kV4, {640, 10}, {}},
                      {Direction::kOut, IpFamily::kV6, {}, {80, 1}}};
  kernel.forwarding_needed = true;
  kernel.forwarding_v4 = true;
  kernel.forwarding_v6 = true;
  kernel.repairs = 1;

  EngineStatus& engine = snapshot.engine;
  engine.messages_in = 40;
  engine.messages_out = 42;
  engine.retransmits_out = 1;
  engine.half_open = 1;
  engine.exchanges = {{"IKE_SA_INIT", "ok", 5}, {"IKE_AUTH", "AUTHENTICATION_FAILED", 4}};
  engine.events = {{"cookies_sent", 0}, {"dropped_malformed", 2}};
  engine.handshake_seconds.observe(std::chrono::milliseconds(4));
  engine.handshake_seconds.observe(std::chrono::milliseconds(700));

  snapshot.connections = {node2(), node3(), db()};
  CoverageRule dns = rule("", "", "IPsecPolicy/cluster", "0.0.0.0/0", "10.0.0.53/32");
  dns.enforcement = Enforcement::kBypass;
  dns.protocol = 17;
  dns.port = 53;
  dns.reason = "exemption outer-dns";
  snapshot.coverage = {
      dns, rule("node2/v4", "nodes", "IPsecPolicy/cluster", "10.10.0.11/32", "10.10.0.12/32"),
      rule("node2/v4", "pods", "IPsecPolicy/cluster", "10.244.1.0/24", "10.244.2.0/24"),
      rule("node3/v4", "nodes", "IPsecPolicy/cluster", "10.10.0.11/32", "10.10.0.13/32"),
      rule("edge/db", "db", "Tunnel/edge/db", "10.10.0.11/32", "192.0.2.2/32")};
  CertificateStatus certificate;
  certificate.role = "node";
  certificate.name = "espalier-node";
  certificate.subject = "CN=node1";
  certificate.issuer = "CN=Example CA";
  certificate.san = {"node1.nodes.example.com"};
  certificate.not_before = kSampleNow - hours(24);
  certificate.not_after = kSampleNow + hours(24 * 29);
  snapshot.certificates = {certificate};
  return snapshot;
}

}  // namespace espalier::telemetry
