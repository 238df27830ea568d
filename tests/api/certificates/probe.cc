// certificate_probe: the two halves of a node's certificate as programs, for the scripts beside it.
//
//   certificate_probe operator
//       keeps the CA, answers requests: "event REASON …"
//   certificate_probe node NODE IDENTITY FOLDER
//       asks and renews: "status READY REASON MESSAGE" at each change, "uses NODE IDENTITY UNTIL"
//
// $KUBECONFIG names the kubeconfig. SIGTERM ends it in order.
#include <chrono>
#include <memory>
#include <string>

#include "base/process/clock.h"
#include "base/time_text.h"
#include "ike/crypto/nss/nss_provider.h"
#include "kube/client.h"
#include "kube/informer.h"
#include "kube/run/controller.h"
#include "kube/run/thread_executor.h"
#include "nodeagent/identity/files/file_store.h"
#include "nodeagent/identity/kube/kube_signer.h"
#include "nodeagent/identity/node_identity.h"
#include "operator/certificates/controller/node_certificates.h"
#include "operator/certificates/nss/nss_signing_keys.h"
#include "tests/api/program.h"

namespace {

using namespace espalier;
using namespace std::chrono_literals;
using probe::say;

constexpr const char* kNamespace = "espalier-system";

kube::Resource node_endpoints() {
  return {"espalier.io", "v1alpha1", "nodeendpoints", "NodeEndpoint", kube::Scope::kCluster};
}

int operate(kube::Transport& transport, certificates::SigningKeys& keys) {
  const kube::Client client(transport, {.field_manager = "espalier-operator"});
  kube::ThreadExecutor executor("operator");
  kube::Selection ours;
  ours.field_selector = "spec.signerName=espalier.io/node";
  kube::Informer requests(transport, executor,
                          {kube::certificate_signing_requests(), std::move(ours), {}},
                          process::random_seed());
  kube::Informer endpoints(transport, executor, {node_endpoints(), {}, {}}, process::random_seed());
  certificates::NodeCertificates::Options options;
  options.ns = kNamespace;
  options.tell = [](kube::Happening event) { say("event " + event.reason + " " + event.note); };
  certificates::NodeCertificates certificates(client, {requests.store(), endpoints.store()}, keys,
                                              options);
  using Controller = kube::Controller<kube::ObjectKey>;
  Controller ca(
      [&](const kube::ObjectKey&) { return certificates.reconcile_ca(process::wall_now()); });
  Controller answers([&](const kube::ObjectKey& key) {
    return certificates.reconcile_request(key, process::wall_now());
  });
  const auto observe = [](const kube::ObjectKey& key, const kube::Pace&,
                          const kube::Reconciled& result) {
    if (!result) say("problem " + key.to_string() + ": " + result.error().to_string());
  };
  ca.observe(observe);
  answers.observe(observe);
  executor.run([&] {
    requests.on_change([&](const kube::Change& change) { answers.add(change.key()); });
    const auto on_problem = [](const kube::ApiError& error) {
      say("problem " + error.to_string());
    };
    requests.on_problem(on_problem);
    endpoints.on_problem(on_problem);
    requests.start();
    endpoints.start();
  });
  ca.start(1);
  answers.start(2);
  ca.add({kNamespace, "espalier-ca"});
  probe::wait_for_signal();
  executor.run([&] {
    requests.stop();
    endpoints.stop();
  });
  transport.stop();
  ca.stop();
  answers.stop();
  executor.stop();
  say("ended");
  return 0;
}

// The node's half, all of it on one executor.
class Node {
 public:
  Node(kube::Transport& transport, kube::Executor& executor, certificates::SigningKeys& keys,
       identity::IdentityStore& store, const certificates::NodeIdentity& node)
      : executor_(executor),
        bundles_(transport, executor,
                 {kube::config_maps(), {kNamespace, {}, "metadata.name=espalier-trust"}, {}},
                 process::random_seed()),
        signer_(transport, executor,
                {[this](const std::string& name, const identity::RequestAnswer& answer) {
                   identity_.on_answer(name, answer, process::wall_now());
                   tell();
                 },
                 [this](const std::string& name, const Error& error) {
                   identity_.on_post_failed(name, error, process::wall_now());
                   tell();
                 },
                 [](const Error& error) { say("problem " + error.to_string()); }},
                process::random_seed()),
        identity_(node, {&keys, &signer_, &store}) {
    bundles_.on_change([this](const kube::Change& change) {
      if (change.deleted()) return;
      const auto& data = change.after->json["data"];
      const auto taken = identity_.on_bundle(data.value("ca.crt", ""), process::wall_now());
      if (!taken) say("problem " + taken.error().to_string());
      tell();
    });
    bundles_.on_problem([](const kube::ApiError& error) { say("problem " + error.to_string()); });
  }

  void start() {
    identity_.start(process::wall_now());
    bundles_.start();
    tell();
    beat();
  }
  void stop() { bundles_.stop(); }

 private:
  void beat() {
    identity_.on_deadline(process::wall_now());
    tell();
    executor_.at(executor_.now() + 200ms, [this] { beat(); });
  }

  void tell() {
    while (const auto use = identity_.next_use()) {
      say("uses " + use->certificate.subject.common_name + " " +
          use->certificate.alt_names.front().text + " " + time_text(use->certificate.not_after));
    }
    const identity::IdentityStatus status = identity_.status(process::wall_now());
    if (told_ == status) return;
    told_ = status;
    say(std::string("status ") + (status.ready ? "ready " : "not-ready ") + status.reason + " " +
        status.message);
  }

  kube::Executor& executor_;
  kube::Informer bundles_;
  identity::KubeSigner signer_;
  identity::NodeIdentity identity_;
  identity::IdentityStatus told_;
};

int be_node(kube::Transport& transport, certificates::SigningKeys& keys,
            const certificates::NodeIdentity& name, const std::string& folder) {
  auto store = identity::FileStore::open(folder);
  if (!store) {
    say("problem " + store.error().to_string());
    return 1;
  }
  kube::ThreadExecutor executor("node");
  Node node(transport, executor, keys, *store, name);
  executor.run([&] { node.start(); });
  probe::wait_for_signal();
  executor.run([&] { node.stop(); });
  transport.stop();
  executor.stop();
  say("ended");
  return 0;
}

int run(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  auto keys = certificates::nss::open_signing_keys();
  const auto transport = probe::connect({});
  if (!keys || !transport) return 1;
  if (what == "operator") return operate(*transport, **keys);
  if (what == "node" && argc == 5) return be_node(*transport, **keys, {argv[2], argv[3]}, argv[4]);
  say("usage: certificate_probe operator | node NODE IDENTITY FOLDER");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  probe::hold_signals();
  auto provider = ike::crypto::nss::NssProvider::open({});
  if (!provider) {
    say("problem " + provider.error().to_string());
    return 1;
  }
  const int status = run(argc, argv);
  if (const auto closed = (*provider)->close(); !closed) {
    say("problem " + closed.error().to_string());
    return 1;
  }
  return status;
}
