#include "nodeagent/runtime/cluster.h"

#include <atomic>
#include <optional>
#include <utility>

#include "base/process/clock.h"
#include "kube/client.h"
#include "kube/cpprest/cpprest_transport.h"
#include "kube/event_sender.h"
#include "kube/kubeconfig/kubeconfig.h"
#include "kube/run/controller.h"
#include "kube/run/paced_transport.h"
#include "kube/run/thread_executor.h"
#include "nodeagent/follow/kube/happening.h"
#include "nodeagent/follow/kube/status_writer.h"
#include "nodeagent/identity/files/file_store.h"
#include "nodeagent/runtime/state_file.h"
#include "nodeagent/runtime/version.h"
#include "operator/certificates/nss/nss_signing_keys.h"
#include "operator/plan/node_rules.h"

namespace espalier::runtime {

using follow::NodeFollower;
using follow::NodeObject;
using follow::StatusWriter;
using telemetry::EventId;

struct Cluster::Parts {
  Parts(Options o, Handlers h) : options(std::move(o)), handlers(std::move(h)) {}
  ~Parts();

  Options options;
  Handlers handlers;
  std::atomic<bool> stopped{false};
  std::optional<StateFile> plan_file;
  std::optional<identity::FileStore> identity_store;
  std::unique_ptr<certificates::SigningKeys> keys;
  std::unique_ptr<kube::Transport> transport;
  std::unique_ptr<kube::PacedTransport> paced;
  std::unique_ptr<kube::Client> client;
  std::unique_ptr<kube::ThreadExecutor> executor;
  std::unique_ptr<kube::EventSender> events;
  std::unique_ptr<NodeFollower> follower;
  std::unique_ptr<StatusWriter> statuses;
  std::unique_ptr<kube::Controller<NodeObject>> writers;

  Status open();
  void begin(const std::string& stored);
  void tell(EventId id, std::string detail) {
    if (!stopped) handlers.on_event({id, {{"detail", std::move(detail)}}});
  }
};

Status Cluster::Parts::open() {
  auto access = kube::find_access(options.kubeconfig);
  if (!access) return forward(access);
  auto file = StateFile::open(options.state, "plan.json");
  if (!file) return forward(file);
  plan_file = std::move(*file);
  auto store = identity::FileStore::open(options.state);
  if (!store) return forward(store);
  identity_store = std::move(*store);
  auto opened = certificates::nss::open_signing_keys();
  if (!opened) return forward(opened);
  keys = std::move(*opened);

  kube::CpprestOptions how;
  how.user_agent = "espalier-agent/" + std::string(kVersion);
  how.on_problem = [this](std::string_view text) {
    tell(EventId::kApiServerTrouble, std::string(text));
  };
  auto made = kube::make_cpprest_transport(std::move(*access), std::move(how));
  if (!made) return forward(made);
  transport = std::move(*made);
  paced = std::make_unique<kube::PacedTransport>(*transport, kube::PacedTransport::Rate{5, 20},
                                                 process::random_seed());
  kube::Client::Options writing;
  writing.field_manager = "espalier-agent";
  client = std::make_unique<kube::Client>(*paced, std::move(writing));
  return {};
}

void Cluster::Parts::begin(const std::string& stored) {
  executor = std::make_unique<kube::ThreadExecutor>("api-server");
  events = std::make_unique<kube::EventSender>(
      *paced, *executor, kube::EventRecorder::Config{"espalier.io/agent", options.node},
      process::random_seed(), process::wall_time_text);
  NodeFollower::Options how;
  how.node = options.node;
  how.features = plan::known_features();
  how.seed = process::random_seed();
  NodeFollower::Ports ports;
  ports.keys = keys.get();
  ports.identity_store = &*identity_store;
  ports.save_plan = [this](std::string_view text) { return plan_file->save(text); };
  ports.wall = process::wall_now;
  NodeFollower::Handlers told;
  told.on_wanted = handlers.on_wanted;
  told.on_pods = handlers.on_pods;
  told.on_report = [this] { handlers.on_report(follower->verdict()); };
  told.on_event = [this](telemetry::Event event) {
    if (!stopped) handlers.on_event(std::move(event));
  };
  follower = std::make_unique<NodeFollower>(*paced, *executor, std::move(how), std::move(ports),
                                            std::move(told));
  statuses = std::make_unique<StatusWriter>(
      options.node,
      StatusWriter::Stores{follower->watch().node_policies(), follower->watch().node_endpoints()},
      plan::known_features(), process::wall_time_text);
  writers = std::make_unique<kube::Controller<NodeObject>>(
      [this](NodeObject object) { return statuses->write(*client, object); });
  writers->observe([this](NodeObject object, const kube::Pace&, const kube::Reconciled& result) {
    // A conflict is written again at once.
    if (result || result.error().kind == kube::ErrorKind::kConflict) return;
    tell(EventId::kStatusUnwritten,
         std::string(follow::name_of(object)) + ": " + result.error().to_string());
  });
  writers->start(1);
  executor->run([&] { follower->start(stored); });
}

Cluster::Parts::~Parts() {
  stopped = true;
  if (paced) paced->stop();
  if (writers) writers->stop();
  if (executor) {
    executor->run([this] {
      follower->stop();
      follower.reset();
      events.reset();
    });
    executor->stop();
  }
}

Cluster::Cluster(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Cluster::~Cluster() = default;

Result<std::unique_ptr<Cluster>> Cluster::start(Options options, Handlers handlers) {
  auto parts = std::make_unique<Parts>(std::move(options), std::move(handlers));
  if (auto opened = parts->open(); !opened) return forward(opened);
  const auto stored = parts->plan_file->load();
  if (!stored) return tl::unexpected<Error>(stored.error());
  parts->begin(*stored);
  return std::unique_ptr<Cluster>(new Cluster(std::move(parts)));
}

void Cluster::expect_pod(const std::string& ns, const std::string& name,
                         const std::vector<IpAddress>& addresses) {
  parts_->executor->post([parts = parts_.get(), ns, name, addresses] {
    if (parts->follower) parts->follower->expect_pod(ns, name, addresses);
  });
}

void Cluster::happened(const telemetry::Event& event) {
  parts_->executor->post([parts = parts_.get(), event] {
    if (!parts->follower) return;
    const auto about = parts->follower->watch().node_policies()->find(parts->options.node);
    if (!about) return;
    if (auto happening = follow::happening_of(event, kube::reference_to(*about)))
      parts->events->record(std::move(*happening));
  });
}

void Cluster::report(std::shared_ptr<const telemetry::Snapshot> snapshot,
                     follow::InForce in_force) {
  parts_->executor->post(
      [parts = parts_.get(), snapshot = std::move(snapshot), in_force = std::move(in_force)] {
        if (!parts->follower) return;
        parts->statuses->report(
            {in_force, parts->follower->verdict(), parts->follower->certificate(), snapshot});
        for (const auto object : {NodeObject::kNodePolicy, NodeObject::kNodeEndpoint})
          parts->writers->add(object);
      });
}

}  // namespace espalier::runtime
