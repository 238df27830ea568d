#include "operator/run/operator_run.h"

#include <atomic>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <pthread.h>
#include <unistd.h>

#include "base/process/clock.h"
#include "base/process/process.h"
#include "crds/kube/resources.h"
#include "ike/crypto/nss/nss_provider.h"
#include "kube/cpprest/cpprest_transport.h"
#include "kube/elector.h"
#include "kube/event_sender.h"
#include "kube/informer.h"
#include "kube/kubeconfig/kubeconfig.h"
#include "kube/run/controller.h"
#include "kube/run/paced_transport.h"
#include "kube/run/thread_executor.h"
#include "nodeagent/telemetry/http/listen_address.h"
#include "nodeagent/telemetry/http/responder.h"
#include "nodeagent/telemetry/prometheus/family.h"
#include "operator/certificates/controller/node_certificates.h"
#include "operator/certificates/nss/nss_signing_keys.h"
#include "operator/reconcile/plan_reconciler.h"
#include "operator/reconcile/pod_slice_reconciler.h"
#include "operator/reconcile/pods/pod.h"
#include "operator/reconcile/status_reconciler.h"
#include "operator/run/operator_metrics.h"

namespace espalier::operator_run {
namespace {

using namespace std::chrono_literals;
namespace http = telemetry::http;
using reconcile::PlanReconciler;
using reconcile::PodSliceReconciler;
using reconcile::StatusKey;
using reconcile::StatusReconciler;
using reconcile::WantedObjects;
using reconcile::WriteKey;
using reconcile::Written;

constexpr Duration kHeartbeat = 2s;
constexpr Duration kStuck = 30s;  // without a heartbeat
constexpr Duration kGoodbye = 5s;
// Ten thousand objects in a hundred seconds; a server that finds it too much says so (429).
constexpr kube::PacedTransport::Rate kRate{100, 200};

std::string identity_of(const RunOptions& options) {
  if (!options.identity.empty()) return options.identity;
  char host[256] = {};
  if (gethostname(host, sizeof host - 1) != 0) host[0] = '\0';
  return fmt::format("{}_{:016x}", host, process::random_seed());
}

// Of a Node only what node_facts.h reads.
void trim_node(kube::Json& json) {
  const auto status = json.find("status");
  if (status == json.end() || !status->is_object()) return;
  kube::Json kept = kube::Json::object();
  if (const auto at = status->find("addresses"); at != status->end()) kept["addresses"] = *at;
  *status = std::move(kept);
}

// Of a Namespace only its labels.
void trim_namespace(kube::Json& json) {
  for (const char* name : {"spec", "status"}) json.erase(name);
  if (const auto at = json.find("metadata"); at != json.end() && at->is_object())
    at->erase("annotations");
}

Result<std::vector<certificates::TrustedCa>> read_bundle(ike::crypto::Provider& nss,
                                                         const std::string& bundle) {
  auto trust = nss.add_trust(bundle);
  if (!trust) return forward(trust);
  auto known = nss.trust_info(*trust);
  nss.remove(*trust);
  if (!known) return forward(known);
  std::vector<certificates::TrustedCa> all;
  for (const ike::crypto::CertificateInfo& each : *known)
    all.push_back({each.subject, each.not_after});
  return all;
}

class Operator {
 public:
  Operator(const RunOptions& options, OperatorLog& log)
      : options_(options), identity_(identity_of(options)), log_(log), executor_("operator") {}
  ~Operator() { stop(); }
  Operator(const Operator&) = delete;
  Operator& operator=(const Operator&) = delete;

  [[nodiscard]] Status start();
  void stop();

 private:
  kube::Informer* follow(const kube::Resource& resource, kube::Selection selection = {},
                         kube::Trim trim = {});
  template <typename Key, typename Describe>
  void observe(kube::Controller<Key>& controller, const char* queue, Describe describe);
  void make_events();
  void make_writers();
  void make_reconciler();
  void make_pod_slices();
  [[nodiscard]] Status make_certificates();
  void follow_issuer();
  void enqueue_certificates();
  void make_elector();
  [[nodiscard]] bool leads() const {
    return !options_.leader_elect || (elector_ && elector_->leads());
  }
  void beat();
  [[nodiscard]] http::Reply document(std::string_view path);
  [[nodiscard]] Status serve();

  const RunOptions& options_;
  const std::string identity_;
  OperatorLog& log_;
  kube::ThreadExecutor executor_;
  std::unique_ptr<kube::Transport> transport_;
  std::unique_ptr<kube::PacedTransport> paced_;
  std::unique_ptr<kube::LeaderOnly> leader_only_;
  std::unique_ptr<kube::Client> client_;
  std::vector<std::unique_ptr<kube::Informer>> informers_;
  std::set<const kube::Informer*> started_by_need_;  // of these
  std::unique_ptr<kube::Elector> elector_;
  std::unique_ptr<WantedObjects> wanted_;
  std::unique_ptr<PlanReconciler> reconciler_;
  std::unique_ptr<PodSliceReconciler> pod_slices_;
  std::unique_ptr<StatusReconciler> statuses_;
  std::unique_ptr<kube::Controller<WriteKey>> writers_;
  std::unique_ptr<kube::Controller<StatusKey>> status_writers_;
  // NSS is open before and closed after all that has keys in it.
  std::unique_ptr<ike::crypto::Provider> nss_;
  std::unique_ptr<certificates::SigningKeys> keys_;
  std::unique_ptr<kube::EventSender> events_;
  kube::Informer* node_endpoints_ = nullptr;
  kube::Informer* requests_ = nullptr;
  // What cert-manager says, with --issuer. Its kind may be missing, so /readyz does not wait for
  // it.
  kube::Informer* answers_ = nullptr;
  std::unique_ptr<certificates::NodeCertificates> certificates_;
  std::unique_ptr<kube::Controller<kube::ObjectKey>> signers_;
  std::unique_ptr<OperatorMetrics> metrics_;
  std::unique_ptr<http::Responder> responder_;
  std::atomic<TimePoint::rep> beat_{0};
  std::atomic<bool> stopped_{false};
};

kube::Informer* Operator::follow(const kube::Resource& resource, kube::Selection selection,
                                 kube::Trim trim) {
  informers_.push_back(std::make_unique<kube::Informer>(
      *paced_, executor_, kube::WatchSpec{resource, std::move(selection), std::move(trim)},
      process::random_seed()));
  informers_.back()->on_problem([this, kind = resource.kind](const kube::ApiError& error) {
    if (stopped_) return;  // its end, not a problem
    log_.warn("following failed; it is tried again",
              {{"kind", kind}, {"error", error.to_string()}});
  });
  informers_.back()->on_synced([this, kind = resource.kind] {
    log_.info("known", {{"kind", kind}});
  });
  return informers_.back().get();
}

template <typename Key, typename Describe>
void Operator::observe(kube::Controller<Key>& controller, const char* queue, Describe describe) {
  controller.observe([this, queue, describe](const Key& key, const kube::Pace& pace,
                                             const kube::Reconciled& result) {
    metrics_->worked(queue, pace, result);
    if (result || stopped_ || result.error().kind == kube::ErrorKind::kConflict) return;
    log_.warn("it failed and is tried again",
              {{"queue", queue}, {"object", describe(key)}, {"error", result.error().to_string()}});
  });
}

void Operator::make_events() {
  kube::EventRecorder::Config reporter;
  reporter.controller = "espalier.io/operator";
  reporter.instance = identity_;
  events_ = std::make_unique<kube::EventSender>(*leader_only_, executor_, std::move(reporter),
                                                process::random_seed(), process::wall_time_text);
}

void Operator::make_writers() {
  // Whoever leads does it; the guard of leader_only_ would refuse it anyway.
  writers_ = std::make_unique<kube::Controller<WriteKey>>([this](const WriteKey& key) {
    return leads() ? wanted_->write(*client_, key) : kube::reconciled();
  });
  observe(*writers_, "plans", [](const WriteKey& key) {
    return std::string(name_of(key.kind)) + " " + key.object.to_string();
  });
  wanted_ = std::make_unique<WantedObjects>([this](const WriteKey& key, kube::Priority priority) {
    if (leads()) writers_->add(key, priority);
  });
  status_writers_ = std::make_unique<kube::Controller<StatusKey>>([this](const StatusKey& key) {
    return leads() ? statuses_->write(*client_, key, process::monotonic_now()) : kube::reconciled();
  });
  observe(*status_writers_, "statuses", [](const StatusKey& key) {
    return std::string(key.tunnel ? "Tunnel " : "IPsecPolicy ") + key.object.to_string();
  });
}

void Operator::make_reconciler() {
  PlanReconciler::Sources sources;
  sources.nodes = follow(kube::nodes(), {}, trim_node);
  sources.policies = follow(crds::ipsec_policies());
  sources.tunnels = follow(crds::tunnels());
  sources.api_servers =
      follow(kube::endpoint_slices(), {"default", {}, "metadata.name=kubernetes"});
  node_endpoints_ = follow(crds::node_endpoints());
  kube::Informer* node_policies = follow(crds::node_policies());
  wanted_->follow(Written::kNodeEndpoint, *node_endpoints_);
  wanted_->follow(Written::kNodePolicy, *node_policies);
  wanted_->follow(
      Written::kRole,
      *follow(reconcile::roles(), {options_.ns, {}, "metadata.name=espalier-agent-secrets"}));
  PlanReconciler::Options how;
  how.pod_network = options_.pod_network;
  how.ns = options_.ns;
  how.service_cidrs = options_.service_cidrs;
  reconciler_ = std::make_unique<PlanReconciler>(executor_, sources, how, *wanted_);
  reconciler_->on_refusal([this](const std::string& subject, const std::string& why) {
    if (why.empty()) {
      log_.info("taken again", {{"object", subject}});
    } else {
      log_.warn("left out", {{"object", subject}, {"why", why}});
    }
  });
  statuses_ = std::make_unique<StatusReconciler>(
      StatusReconciler::Sources{sources.policies, sources.tunnels, node_policies},
      StatusReconciler::Options{},
      [this](const StatusKey& key, Duration after) {
        if (leads()) status_writers_->add(key, kube::Priority::kNormal, after);
      },
      process::wall_time_text,
      [this](kube::Happening happening) { events_->record(std::move(happening)); });
  reconciler_->on_refused_tunnels([this](PlanReconciler::RefusedTunnels refused) {
    statuses_->set_refused_tunnels(std::move(refused));
  });
}

void Operator::make_pod_slices() {
  PodSliceReconciler::Sources sources;
  sources.pods = follow(kube::pods(), {}, reconcile::trim_pod);
  sources.namespaces = follow(kube::namespaces(), {}, trim_namespace);
  started_by_need_ = {sources.pods, sources.namespaces};
  sources.pod_slices = follow(crds::pod_slices());
  wanted_->follow(Written::kPodSlice, *sources.pod_slices);
  pod_slices_ = std::make_unique<PodSliceReconciler>(executor_, sources,
                                                     PodSliceReconciler::Options{}, *wanted_);
  reconciler_->on_plan(
      [this](const plan::World& world) { pod_slices_->set_policies(world.policies); });
}

// A request's key is its name; the CA's is kCa, which no request can have.
const kube::ObjectKey kCa{"", "(ca)"};

Status Operator::make_certificates() {
  auto nss = ike::crypto::nss::NssProvider::open({});
  if (!nss) return forward(nss);
  nss_ = std::move(*nss);
  auto keys = certificates::nss::open_signing_keys();
  if (!keys) return forward(keys);
  keys_ = std::move(*keys);
  requests_ =
      follow(kube::certificate_signing_requests(), {{}, {}, "spec.signerName=espalier.io/node"});
  certificates::NodeCertificates::Options how;
  how.ns = options_.ns;
  if (!options_.issuer.name.empty()) how.issuer = options_.issuer;
  how.read_bundle = [this](const std::string& bundle) { return read_bundle(*nss_, bundle); };
  how.tell = [this](kube::Happening happening) { events_->record(std::move(happening)); };
  certificates_ = std::make_unique<certificates::NodeCertificates>(
      *client_,
      certificates::NodeCertificates::Stores{requests_->store(), node_endpoints_->store()}, *keys_,
      std::move(how));
  signers_ =
      std::make_unique<kube::Controller<kube::ObjectKey>>([this](const kube::ObjectKey& key) {
        if (!leads()) return kube::reconciled();
        return key == kCa ? certificates_->reconcile_ca(process::wall_now())
                          : certificates_->reconcile_request(key, process::wall_now());
      });
  observe(*signers_, "certificates", [](const kube::ObjectKey& key) {
    return key == kCa ? std::string("the CA") : "CertificateSigningRequest " + key.name;
  });
  requests_->on_change([this](const kube::Change& change) {
    if (leads() && !change.deleted()) signers_->add(change.key());
  });
  if (!options_.issuer.name.empty()) follow_issuer();
  return {};
}

void Operator::follow_issuer() {
  answers_ = follow(certificates::certificate_requests(), {options_.ns, {}, {}});
  answers_->on_change([this](const kube::Change& change) {
    if (!leads() || change.deleted()) return;
    const std::string request = certificates::request_of(*change.after);
    if (request.empty()) return;
    signers_->add({"", request});
    signers_->add(kCa);  // after it: an answer may bring a CA
  });
}

void Operator::enqueue_certificates() {
  signers_->add(kCa, kube::Priority::kHigh);
  for (const auto& request : requests_->store()->list()) signers_->add(request->key());
}

void Operator::make_elector() {
  kube::ElectionConfig config;
  config.lease = {options_.ns, "espalier-operator"};
  config.identity = identity_;
  kube::Elector::Handlers handlers;
  handlers.on_started = [this] {
    log_.info("leads", {{"lease", options_.ns + "/espalier-operator"}, {"identity", identity_}});
    wanted_->enqueue_all();
    statuses_->enqueue_all();
    enqueue_certificates();
  };
  handlers.on_stopped = [this](const std::string& why) {
    log_.warn("leads no more; it stands again", {{"why", why}});
  };
  handlers.on_problem = [this](const kube::ApiError& error) {
    log_.warn("the lease could not be read or written", {{"error", error.to_string()}});
  };
  elector_ = std::make_unique<kube::Elector>(*paced_, executor_, config, process::random_seed(),
                                             process::wall_time_text, std::move(handlers));
}

void Operator::beat() {
  const TimePoint now = executor_.now();
  beat_ = now.time_since_epoch().count();
  executor_.at(now + kHeartbeat, [this] { beat(); });
}

http::Reply Operator::document(std::string_view path) {
  if (path == "/metrics") return {200, telemetry::kExpositionType, metrics_->text()};
  if (path == "/healthz") {
    const TimePoint last{Duration(beat_.load())};
    if (process::monotonic_now() - last > kStuck)
      return {503, {}, "the main thread does not answer\n"};
    return {200, {}, "ok\n"};
  }
  if (path == "/readyz") {
    std::string missing;
    for (const auto& informer : informers_) {
      const bool awaited = informer.get() != answers_ && !started_by_need_.contains(informer.get());
      if (awaited && !informer->synced())
        missing += informer->resource().kind + " is not known yet\n";
    }
    if (missing.empty() && !reconciler_->ready()) missing = "the first plan is not made yet\n";
    if (missing.empty() && !pod_slices_->ready())
      missing = "which pods the policies select is not known yet\n";
    if (!missing.empty()) return {503, {}, missing};
    return {200, {}, "ok\n"};
  }
  return {404, {}, "here are /metrics, /healthz and /readyz\n"};
}

Status Operator::serve() {
  OperatorMetrics::Sources sources;
  sources.leads = [this] { return leads(); };
  const auto add_queue = [&sources](const char* name, const auto& controller) {
    sources.queues.push_back({name, [&controller] { return controller.counts(); },
                              [&controller] { return controller.running(); }});
  };
  add_queue("plans", *writers_);
  add_queue("statuses", *status_writers_);
  add_queue("certificates", *signers_);
  sources.expiries = [this] { return certificates_->expiries(); };
  sources.plan = [this] { return reconciler_->counts(); };
  sources.pods = [this] { return pod_slices_->counts(); };
  sources.transport = [this] { return paced_->counts(); };
  for (const auto& informer : informers_) sources.informers.push_back(informer.get());
  metrics_ = std::make_unique<OperatorMetrics>(std::move(sources));
  paced_->observe([this](kube::Method method, const Result<kube::Response>& answer, Duration took) {
    metrics_->asked(method, answer, took);
  });
  if (options_.metrics.empty()) return {};
  auto at = http::parse_listen_address(options_.metrics);
  if (!at) return within("--metrics", at);
  auto responder =
      http::Responder::start(*at, [this](std::string_view path) { return document(path); });
  if (!responder) return within("--metrics", responder);
  responder_ = std::move(*responder);
  log_.info("listens", {{"at", responder_->bound().to_string()}});
  return {};
}

Status Operator::start() {
  auto access = kube::find_access(options_.kubeconfig);
  if (!access) return forward(access);
  log_.info("starts", {{"version", ESPALIER_VERSION}, {"server", access->server}});
  kube::CpprestOptions how;
  how.user_agent = std::string("espalier-operator/") + ESPALIER_VERSION;
  how.on_problem = [this](std::string_view text) { log_.warn(text); };
  auto transport = kube::make_cpprest_transport(std::move(*access), std::move(how));
  if (!transport) return forward(transport);
  transport_ = std::move(*transport);
  paced_ = std::make_unique<kube::PacedTransport>(*transport_, kRate, process::random_seed());
  leader_only_ = std::make_unique<kube::LeaderOnly>(*paced_, [this] { return leads(); });
  kube::Client::Options client;
  client.field_manager = "espalier-operator";
  client.on_warning = [this](std::string_view text) {
    log_.warn("the API server warns", {{"text", std::string(text)}});
  };
  client_ = std::make_unique<kube::Client>(*leader_only_, std::move(client));
  make_events();
  make_writers();
  make_reconciler();
  make_pod_slices();
  if (auto made = make_certificates(); !made) return made;
  if (options_.leader_elect) make_elector();
  executor_.run([this] { beat(); });
  if (auto served = serve(); !served) return served;
  writers_->start(options_.workers);
  status_writers_->start(1);
  signers_->start(1);
  if (!options_.leader_elect) signers_->add(kCa, kube::Priority::kHigh);
  executor_.run([this] {
    for (const auto& informer : informers_) {
      if (!started_by_need_.contains(informer.get())) informer->start();
    }
    if (elector_) elector_->start();
  });
  return {};
}

void Operator::stop() {
  if (stopped_.exchange(true)) return;
  responder_.reset();
  if (elector_) {
    // Shared with a callback that may come after the wait.
    struct Released {
      std::mutex mutex;
      std::condition_variable changed;
      bool done = false;
    };
    const auto released = std::make_shared<Released>();
    executor_.post([this, released] {
      elector_->release([released] {
        const std::lock_guard lock(released->mutex);
        released->done = true;
        released->changed.notify_all();
      });
    });
    std::unique_lock lock(released->mutex);
    released->changed.wait_for(lock, kGoodbye, [&] { return released->done; });
  }
  if (paced_) paced_->stop();
  if (writers_) writers_->stop();
  if (status_writers_) status_writers_->stop();
  if (signers_) signers_->stop();
  executor_.run([this] {
    for (const auto& informer : informers_) informer->stop();
    reconciler_.reset();
    pod_slices_.reset();
    statuses_.reset();
    wanted_.reset();
    events_.reset();
    elector_.reset();
    informers_.clear();
  });
  executor_.stop();
  signers_.reset();
  certificates_.reset();
  keys_.reset();
  if (nss_) {
    if (auto closed = nss_->close(); !closed)
      log_.warn("NSS", {{"error", closed.error().to_string()}});
  }
}

}  // namespace

int run(const RunOptions& options) {
  OperatorLog log(options.log_format, process::wall_time_text, [](const std::string& line) {
    (void)std::fwrite(line.data(), 1, line.size(), stderr);
  });
  // The CA's key will be in this process.
  for (const std::string& what : process::harden_process())
    log.warn("hardening is incomplete", {{"detail", what}});
  // Before any thread starts, so that all of them leave these to sigwait().
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  Operator running(options, log);
  if (auto started = running.start(); !started) {
    log.error("cannot start", {{"error", started.error().to_string()}});
    return 1;
  }
  int signal = 0;
  sigwait(&ends, &signal);
  log.info("ends", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
  running.stop();
  return 0;
}

}  // namespace espalier::operator_run
