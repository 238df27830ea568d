#include "nodeagent/runtime/agent.h"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <set>
#include <thread>

#include <sys/epoll.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/process/clock.h"
#include "base/process/process.h"
#include "base/time_text.h"
#include "crds/types/uninstalling.h"
#include "crds/yamlcpp/manifest_folder.h"
#include "ike/crypto/nss/nss_provider.h"
#include "ike/engine.h"
#include "nodeagent/dataplane/nft/nft_guard.h"
#include "nodeagent/dataplane/xfrm/xfrm_events.h"
#include "nodeagent/dataplane/xfrm/xfrm_ipsec.h"
#include "nodeagent/dataplane/xfrm/xfrm_stat.h"
#include "nodeagent/net/interface_mtu.h"
#include "nodeagent/rpc/rpc_server.h"
#include "nodeagent/runtime/agent_ports.h"
#include "nodeagent/runtime/busy_time.h"
#include "nodeagent/runtime/cluster.h"
#include "nodeagent/runtime/commands.h"
#include "nodeagent/runtime/credential_store.h"
#include "nodeagent/runtime/debounce.h"
#include "nodeagent/runtime/folder_watch.h"
#include "nodeagent/runtime/loop.h"
#include "nodeagent/runtime/metered_kernel.h"
#include "nodeagent/runtime/pod_service.h"
#include "nodeagent/runtime/releases.h"
#include "nodeagent/runtime/state_file.h"
#include "nodeagent/runtime/version.h"
#include "nodeagent/runtime/worker_pool.h"
#include "nodeagent/telemetry/prometheus/metrics_server.h"
#include "nodeagent/telemetry/snapshot_cell.h"
#include "nodeagent/tunnel/controller.h"
#include "nodeagent/tunnel/pod_mtu.h"
#include "operator/plan/planner.h"
#include "operator/plan/pods_of_policies.h"

namespace espalier::runtime {
namespace {

unsigned default_crypto_threads() {
  const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
  return std::min(4U, cores - 1);
}

std::string kernel_release() {
  utsname name{};
  return ::uname(&name) == 0 ? name.release : "";
}

std::optional<bool> forwarding(const char* path) {
  std::ifstream file(path);
  int value = 0;
  if (!(file >> value)) return std::nullopt;
  return value != 0;
}

telemetry::Problem problem_of(const crds::Problem& problem) {
  const std::string object = problem.object.empty() ? "" : problem.object + ": ";
  return {problem.origin.file, static_cast<std::uint32_t>(std::max(0, problem.origin.at.line)),
          problem.field, object + problem.detail};
}

// Statuses are written no sooner after something happened, and no more often; and now and then
// without that something happened.
constexpr Duration kReportSoon = std::chrono::seconds(1);
constexpr Duration kReportPause = std::chrono::seconds(3);
constexpr Duration kReportAnyway = std::chrono::seconds(60);

// The log, and somebody who wants to know what happened.
class WatchedLog : public telemetry::EventSink {
 public:
  using Then = std::function<void(const telemetry::Event&)>;
  WatchedLog(EventLog& log, Then then) : log_(log), then_(std::move(then)) {}
  void on_event(const telemetry::Event& event) override {
    log_.on_event(event);
    then_(event);
  }

 private:
  EventLog& log_;
  Then then_;
};

}  // namespace

// Members are destroyed from the last to the first: what calls into something stands behind it.
struct Agent::Parts {
  explicit Parts(AgentOptions o)
      : options(std::move(o)),
        log(options.log),
        happenings(log, [this](const telemetry::Event& event) {
          report_soon();
          if (cluster) cluster->happened(event);
        }) {}
  ~Parts();

  AgentOptions options;
  EventLog log;
  WatchedLog happenings;
  WallTime started_at = process::wall_now();
  telemetry::SnapshotCell cell;
  BusyTime busy;
  telemetry::DurationHistogram apply_seconds;
  std::optional<TimePoint> plan_given;  // until its steps are in the kernel
  std::unique_ptr<Loop> loop;
  std::unique_ptr<ike::crypto::Provider> provider;
  std::unique_ptr<CredentialStore> credentials;
  std::unique_ptr<dataplane::xfrm::XfrmIpsec> kernel;
  std::unique_ptr<MeteredKernel> metered_kernel;
  std::unique_ptr<dataplane::xfrm::XfrmEvents> kernel_events;
  std::unique_ptr<dataplane::ClearTrafficGuard> guard;
  std::unique_ptr<StateFile> journal;
  std::unique_ptr<KeptReleases> releases;
  std::unique_ptr<WorkerPool> pool;
  std::unique_ptr<ike::Engine> engine;
  std::unique_ptr<SocketNetwork> network;
  std::unique_ptr<PoolCrypto> crypto;
  std::unique_ptr<tunnel::Controller> controller;
  std::unique_ptr<FolderWatch> watch;
  std::unique_ptr<Cluster> cluster;
  std::unique_ptr<Commands> commands;
  std::unique_ptr<rpc::RpcServer> server;
  std::unique_ptr<PodService> pod_service;
  std::unique_ptr<telemetry::MetricsServer> metrics;
  Loop::DeadlineId deadline{};
  // Handshakes take several times the memory that their SAs keep; it goes back once they are over.
  Debounce handshakes{std::chrono::milliseconds(500), std::chrono::minutes(1)};
  Loop::DeadlineId handshakes_over{};
  crds::FolderReading manifests;
  follow::InForce in_force;                             // of the cluster
  std::shared_ptr<const follow::KnownPods> known_pods;  // of the cluster; null: nobody knows
  std::shared_ptr<const plan::NodePlan> wanted;         // null: nothing yet
  std::shared_ptr<const tunnel::Credentials> secrets;
  std::set<std::string> without_sas;  // connections taken down because they are released in clear
  std::optional<follow::Verdict> verdict;
  Loop::DeadlineId report_deadline{};
  TimePoint report_at = kNever;
  TimePoint reported_at{};
  std::vector<tunnel::PodPath> pod_paths;  // of the plan in force
  std::vector<dataplane::KernelEvent> event_batch;

  Status open_world();
  Status start();
  Status follow_folder();
  Status follow_cluster();
  void read_manifests();
  void apply(std::shared_ptr<const plan::NodePlan> plan, const crds::ManifestSet& from);
  void carry_out();
  Result<rpc::ReleaseOutcome> release(const rpc::ReleaseWish& wish);
  void tell_release(telemetry::EventId id, const telemetry::Release& release);
  void mark_leaving(bool leaving);
  void report_soon();
  void report();
  [[nodiscard]] std::shared_ptr<telemetry::Snapshot> snapshot_at(TimePoint now) const;
  void read_kernel_events();
  void settle();
  void publish();
  [[nodiscard]] std::optional<telemetry::ConnectionStatus> status_of(std::string_view name) const;
  [[nodiscard]] pods::PodAnswer covered(const pods::PodRequest& request) const;
  [[nodiscard]] std::optional<pods::LinkMtu> pod_mtu(const telemetry::Snapshot& now) const;
  void on_signal(int signal);
};

Agent::Parts::~Parts() {
  metrics.reset();
  pod_service.reset();
  server.reset();
  commands.reset();
  watch.reset();
  cluster.reset();  // joins its threads, too
  controller.reset();
  crypto.reset();
  network.reset();
  engine.reset();
  pool.reset();  // joins its threads: NSS may be shut down only then
  credentials.reset();
  if (provider) (void)provider->close();
}

Status Agent::Parts::open_world() {
  auto made_loop = Loop::create();
  if (!made_loop) return forward(made_loop);
  loop = std::move(*made_loop);
  if (auto status =
          loop->on_signals({SIGTERM, SIGINT, SIGHUP}, [this](int signal) { on_signal(signal); });
      !status) {
    return status;
  }
  for (const std::string& what : process::harden_process()) {
    log.on_event({telemetry::EventId::kHardeningIncomplete, {{"detail", what}}});
  }
  auto nss = ike::crypto::nss::NssProvider::open(
      {options.nss_database, options.nss_password_file, options.fips});
  if (!nss) return forward(nss);
  provider = std::move(*nss);
  credentials = std::make_unique<CredentialStore>(*provider);

  auto xfrm = dataplane::xfrm::XfrmIpsec::open();
  if (!xfrm) return forward(xfrm);
  kernel = std::make_unique<dataplane::xfrm::XfrmIpsec>(std::move(*xfrm));
  metered_kernel = std::make_unique<MeteredKernel>(*kernel, busy);
  auto events = dataplane::xfrm::XfrmEvents::open(kernel->port());
  if (!events) return forward(events);
  kernel_events = std::make_unique<dataplane::xfrm::XfrmEvents>(std::move(*events));
  guard = std::make_unique<dataplane::nft::NftGuard>();
  auto file = StateFile::open(options.state, "journal");
  if (!file) return forward(file);
  journal = std::make_unique<StateFile>(std::move(*file));
  auto kept = KeptReleases::open(options.state);
  if (!kept) return forward(kept);
  releases = std::make_unique<KeptReleases>(std::move(*kept));
  if (releases->unread()) {
    log.on_event(
        {telemetry::EventId::kReleaseUnkept, {{"detail", releases->unread()->to_string()}}});
  }
  for (const telemetry::Release& one : releases->in_force())
    tell_release(telemetry::EventId::kNodeReleased, one);

  WorkerPool::Options workers;
  workers.threads = options.crypto_threads.value_or(default_crypto_threads());
  pool = std::make_unique<WorkerPool>(
      workers, [this](std::function<void()> work) { loop->post(std::move(work)); });

  ike::Settings settings;
  settings.vendor_id = "Espalier";
  engine = std::make_unique<ike::Engine>(
      *provider, settings, [this](std::span<std::uint8_t> out) { (void)provider->random(out); },
      [] { return process::wall_now(); });

  auto sockets = net::IkeSockets::open({});
  if (!sockets) return forward(sockets);
  network = std::make_unique<SocketNetwork>(
      *loop, std::move(*sockets), busy, [this](const ike::Datagram& datagram) {
        controller->on_datagram(process::monotonic_now(), datagram);
      });
  crypto = std::make_unique<PoolCrypto>(*pool, *provider, *loop, busy,
                                        [this](ike::Ticket ticket, ike::crypto::Outcome outcome) {
                                          const TimePoint now = process::monotonic_now();
                                          handshakes.on_event(now);
                                          controller->on_crypto(now, ticket, std::move(outcome));
                                        });
  return {};
}

Status Agent::Parts::start() {
  tunnel::Ports ports;
  ports.kernel = metered_kernel.get();
  ports.network = network.get();
  ports.crypto = crypto.get();
  ports.journal = journal.get();
  ports.guard = guard.get();
  ports.events = &happenings;
  tunnel::Options chances{.fips = provider->fips()};  // by --fips, the machine or the database
  if (auto status =
          provider->random({reinterpret_cast<std::uint8_t*>(&chances.seed), sizeof chances.seed});
      !status) {
    return status;
  }
  controller = std::make_unique<tunnel::Controller>(*engine, ports, chances);
  const auto kept = journal->load();
  if (!kept) return tl::unexpected<Error>(kept.error());
  if (auto started = controller->start(process::monotonic_now(), *kept); !started) return started;

  deadline = loop->add_deadline([this] { controller->on_deadline(process::monotonic_now()); });
  handshakes_over = loop->add_deadline([this] {
    handshakes.on_action();
    process::release_free_memory();
  });
  loop->set_settle([this] { settle(); });
  if (auto added = network->start(); !added) return added;
  auto watched =
      loop->add(kernel_events->fd(), EPOLLIN, [this](std::uint32_t) { read_kernel_events(); });
  if (!watched) return watched;

  auto followed = options.manifests.empty() ? follow_cluster() : follow_folder();
  if (!followed) return followed;

  cell.set_requester([this] { loop->post([this] { publish(); }); });
  commands = std::make_unique<Commands>(
      *loop, Commands::Controls{[this](const std::string& name) {
                                  return controller->up(process::monotonic_now(), name);
                                },
                                [this](const std::string& name) {
                                  return controller->down(process::monotonic_now(), name);
                                },
                                [this](std::string_view name) { return status_of(name); },
                                [this](const rpc::ReleaseWish& wish) { return release(wish); }});
  rpc::RpcServer::Options local;
  local.socket = options.socket;
  auto served = rpc::RpcServer::start(cell, *commands, local);
  if (!served) return forward(served);
  server = std::move(*served);
  if (!options.pod_socket.empty()) {
    auto made =
        PodService::listen(*loop, options.pod_socket,
                           [this](const pods::PodRequest& request) { return covered(request); });
    if (!made) return forward(made);
    pod_service = std::move(*made);
  }
  if (!options.metrics.empty()) {
    telemetry::MetricsServer::Options where;
    where.address = options.metrics;
    auto made = telemetry::MetricsServer::start(cell, where);
    if (!made) return forward(made);
    metrics = std::move(*made);
  }
  return {};
}

Status Agent::Parts::follow_folder() {
  auto folder = FolderWatch::open(*loop, options.manifests, {}, [this] { read_manifests(); });
  if (!folder) return forward(folder);
  watch = std::move(*folder);
  read_manifests();
  return {};
}

Status Agent::Parts::follow_cluster() {
  report_deadline = loop->add_deadline([this] { report(); });
  // Its thread calls, ours works.
  Cluster::Handlers handlers;
  handlers.on_wanted = [this](std::shared_ptr<const follow::Wanted> given) {
    loop->post([this, given = std::move(given)] {
      in_force = given->in_force;
      const auto& labels = in_force.node_policy->meta.labels;
      mark_leaving(labels.contains(crds::kUninstallingLabel));
      apply(in_force.plan, given->secrets);
    });
  };
  handlers.on_pods = [this](std::shared_ptr<const follow::KnownPods> pods) {
    loop->post([this, pods = std::move(pods)] {
      controller->set_pods(process::monotonic_now(), pods->selected);
      controller->pump(process::monotonic_now());  // who is told of below stands in the sets
      known_pods = pods;
    });
  };
  handlers.on_report = [this](const follow::Verdict& now) {
    loop->post([this, now] {
      verdict = now;
      report_soon();
    });
  };
  handlers.on_event = [this](telemetry::Event event) {
    loop->post([this, event = std::move(event)] { happenings.on_event(event); });
  };
  auto started =
      Cluster::start({options.node, options.state, options.kubeconfig}, std::move(handlers));
  if (!started) return forward(started);
  cluster = std::move(*started);
  report_soon();
  return {};
}

void Agent::Parts::read_manifests() {
  manifests = crds::keep_last_good(crds::read_folder(options.manifests), manifests);
  const crds::Problems problems = manifests.all_problems();
  for (const crds::Problem& problem : problems) {
    log.on_event({telemetry::EventId::kManifestProblem, {{"problem", problem.to_string()}}});
  }
  const crds::ManifestSet set = manifests.all();
  controller->set_pods(process::monotonic_now(), plan::pods_of(set.pod_slices));
  apply(std::make_shared<plan::NodePlan>(plan::plan_node(plan::world_of(set), options.node)), set);
}

void Agent::Parts::apply(std::shared_ptr<const plan::NodePlan> plan,
                         const crds::ManifestSet& from) {
  wanted = std::move(plan);
  for (const plan::PlanNote& note : wanted->notes) {
    log.on_event({telemetry::EventId::kPlanNote,
                  {{"object", note.about.to_string()}, {"detail", note.text}}});
  }
  pod_paths = tunnel::pod_paths(*wanted);
  secrets = credentials->build(*wanted, from, process::wall_now());
  carry_out();
  report_soon();
  process::release_free_memory();  // reading takes many times what is kept
}

// Before the plan is carried out: once the last plan stands, agents are taken away.
void Agent::Parts::mark_leaving(bool leaving) {
  if (options.pod_socket.empty()) return;
  const std::string mark = pods::leaving_mark(options.pod_socket);
  if (leaving) {
    std::ofstream(mark, std::ios::app).flush();
  } else {
    (void)::unlink(mark.c_str());
  }
}

// What is wanted, as the releases leave it.
void Agent::Parts::carry_out() {
  const TimePoint now = process::monotonic_now();
  plan_given = now;
  const tunnel::Releases& open = releases->in_force();
  // The one plan of all where nothing is released: it is large.
  controller->apply_plan(
      now, open.empty() ? wanted : std::make_shared<plan::NodePlan>(tunnel::opened(*wanted, open)),
      secrets);
  std::set<std::string> before = std::exchange(without_sas, {});
  for (const plan::ConnectionPlan& connection : wanted->connections) {
    if (tunnel::is_in_clear(connection, open)) {
      (void)controller->down(now, connection.name);
      without_sas.insert(connection.name);
    } else if (before.contains(connection.name)) {
      (void)controller->up(now, connection.name);
    }
  }
}

Result<rpc::ReleaseOutcome> Agent::Parts::release(const rpc::ReleaseWish& wish) {
  const tunnel::Releases before = releases->in_force();
  auto changed = releases->change(wish, wanted.get(), process::wall_now());
  if (!changed) return changed;
  if (!wanted && !wish.end) {  // what stands is an earlier run's, of a plan that nobody knows
    wanted = std::make_shared<plan::NodePlan>();
    secrets = std::make_shared<tunnel::Credentials>();
  }
  if (wanted) carry_out();
  if (!changed->not_kept.empty())
    happenings.on_event({telemetry::EventId::kReleaseUnkept, {{"detail", changed->not_kept}}});
  if (!wish.end) tell_release(telemetry::EventId::kNodeReleased, releases->in_force().back());
  for (const telemetry::Release& one : before) {
    if (std::find(changed->ended.begin(), changed->ended.end(), one.name) != changed->ended.end())
      tell_release(telemetry::EventId::kReleaseEnded, one);
  }
  report_soon();
  return changed;
}

void Agent::Parts::tell_release(telemetry::EventId id, const telemetry::Release& release) {
  happenings.on_event({id,
                       {{"name", release.name.empty() ? "the whole node" : release.name},
                        {"in_clear", release.in_clear ? "yes" : "no"},
                        {"since", time_text(release.since)},
                        {"why", release.why}}});
}

void Agent::Parts::report_soon() {
  if (!cluster) return;
  const TimePoint at = std::max(process::monotonic_now() + kReportSoon, reported_at + kReportPause);
  if (at >= report_at) return;
  report_at = at;
  loop->set_deadline(report_deadline, at);
}

void Agent::Parts::report() {
  reported_at = process::monotonic_now();
  report_at = reported_at + kReportAnyway;
  loop->set_deadline(report_deadline, report_at);
  cluster->report(snapshot_at(reported_at), in_force);
}

std::optional<telemetry::ConnectionStatus> Agent::Parts::status_of(std::string_view name) const {
  const telemetry::Snapshot snapshot =
      controller->snapshot(process::monotonic_now(), process::wall_now());
  const auto found = std::find_if(snapshot.connections.begin(), snapshot.connections.end(),
                                  [&](const auto& connection) { return connection.name == name; });
  return found == snapshot.connections.end() ? std::nullopt : std::optional(*found);
}

// The plan speaks of the node's pods by their ranges, so a pod is covered, whatever its address,
// once the kernel has what the plan wants. A node that was released as a whole holds none.
pods::PodAnswer Agent::Parts::covered(const pods::PodRequest& request) const {
  const telemetry::Snapshot now =
      controller->snapshot(process::monotonic_now(), process::wall_now());
  const telemetry::PlanStatus& plan = now.plan;
  const auto& open = releases->in_force();
  const bool holds =
      std::none_of(open.begin(), open.end(), [](const auto& one) { return one.name.empty(); });
  if (holds && plan.hash.empty())
    return {false, "node " + options.node + " has no plan yet", std::nullopt};
  if (holds && !plan.applied) {
    return {false, "the kernel of node " + options.node + " does not have all of the plan yet",
            std::nullopt};
  }
  // Where the plan is for some pods, it must be known of this one whether it is of them: then it
  // stands in the sets that the packet filter was given in this turn of the loop.
  const pods::Pod& pod = request.pod;
  if (!cluster || request.ask != pods::Ask::kCover || pod.name.empty() ||
      !controller->selects_pods()) {
    return {true, "", pod_mtu(now)};
  }
  const bool settled =
      known_pods && std::all_of(pod.addresses.begin(), pod.addresses.end(), [&](const auto& each) {
        return known_pods->settled.contains(each);
      });
  if (settled) return {true, "", pod_mtu(now)};
  cluster->expect_pod(pod.ns, pod.name, pod.addresses);
  return {false,
          "node " + options.node + " does not know yet whether a policy selects " +
              pod.to_string() + ": the API server has not told it of the pod or its namespace",
          std::nullopt};
}

std::optional<pods::LinkMtu> Agent::Parts::pod_mtu(const telemetry::Snapshot& now) const {
  const auto mtus = net::interface_mtus();
  if (!mtus) return std::nullopt;
  const bool translated =
      std::any_of(now.connections.begin(), now.connections.end(), [](const auto& connection) {
        return connection.ike_sa &&
               connection.ike_sa->encapsulation != telemetry::Encapsulation::kNone;
      });
  const auto mtu = tunnel::pod_mtu(pod_paths, {*mtus, translated});
  if (!mtu) return std::nullopt;
  return pods::LinkMtu{std::min(mtu->most, pods::kLargestMtu), mtu->reserve};
}

void Agent::Parts::read_kernel_events() {
  event_batch.clear();
  if (auto read = kernel_events->read(event_batch); !read) {
    happenings.on_event(
        {telemetry::EventId::kKernelRefused, {{"detail", read.error().to_string()}}});
  }
  for (const dataplane::KernelEvent& event : event_batch)
    controller->on_kernel_event(process::monotonic_now(), event);
}

void Agent::Parts::settle() {
  controller->pump(process::monotonic_now());
  if (plan_given) apply_seconds.observe(process::monotonic_now() - *plan_given);
  plan_given.reset();
  network->flush();
  commands->settled();
  loop->set_deadline(deadline, controller->next_deadline());
  loop->set_deadline(handshakes_over, handshakes.due());
}

void Agent::Parts::publish() {
  const TimePoint now = process::monotonic_now();
  controller->read_counters(now);
  cell.publish(snapshot_at(now));
}

std::shared_ptr<telemetry::Snapshot> Agent::Parts::snapshot_at(TimePoint now) const {
  auto snapshot =
      std::make_shared<telemetry::Snapshot>(controller->snapshot(now, process::wall_now()));
  snapshot->node = options.node;
  snapshot->version = kVersion;
  snapshot->started_at = started_at;
  snapshot->process = process_usage(busy);
  snapshot->kernel.release = kernel_release();
  snapshot->plan.apply_seconds = apply_seconds;
  const dataplane::Capabilities& can = kernel->capabilities();
  snapshot->kernel.esp = can.esp;
  snapshot->kernel.esp_error = can.reason;
  snapshot->kernel.forwarding_v4 = forwarding("/proc/sys/net/ipv4/ip_forward");
  snapshot->kernel.forwarding_v6 = forwarding("/proc/sys/net/ipv6/conf/all/forwarding");
  if (const auto rows = dataplane::xfrm::read_xfrm_stat()) {
    for (const auto& row : *rows) snapshot->kernel.xfrm_stat.push_back({row.name, row.value});
  }
  for (const crds::Problem& problem : manifests.all_problems()) {
    snapshot->plan.problems.push_back(problem_of(problem));
  }
  if (wanted) tunnel::tell_releases(*snapshot, *wanted, releases->in_force());
  if (verdict && verdict->following != follow::Following::kFollows) {
    snapshot->plan.problems.push_back({"", 0, "NodePolicy " + options.node, verdict->message});
  }
  return snapshot;
}

void Agent::Parts::on_signal(int signal) {
  if (signal == SIGHUP) {
    if (watch) read_manifests();
    return;
  }
  log.on_event({telemetry::EventId::kAgentStopping, {}});
  controller->stop(process::monotonic_now(), true);
  loop->stop();
}

Agent::Agent(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Agent::~Agent() = default;

Result<std::unique_ptr<Agent>> Agent::create(AgentOptions options) {
  process::keep_memory_small();
  auto parts = std::make_unique<Parts>(std::move(options));
  if (auto opened = parts->open_world(); !opened) return forward(opened);
  if (auto started = parts->start(); !started) return forward(started);
  return std::unique_ptr<Agent>(new Agent(std::move(parts)));
}

void Agent::run() {
  parts_->log.on_event({telemetry::EventId::kAgentStarted,
                        {{"node", parts_->options.node}, {"version", std::string(kVersion)}}});
  parts_->settle();
  parts_->loop->run();
  parts_->settle();
}

}  // namespace espalier::runtime
