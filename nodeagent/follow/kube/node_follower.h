// NodeFollower: one node of a cluster. What the API server says becomes a plan and the credentials
// for it; the node's certificate is got and renewed; the last plan is kept for the next start.
//
// Guarantees: everything happens on the executor's thread; what it tells, it tells there. With a
// stored plan it tells a plan before the API server has said anything. A plan that it told holds
// until another one is whole. What is stored holds no Secret: after a start without an API server,
// connections that need a PSK or PPK wait for it. Assumptions: transport, executor and ports
// outlive it; it is made, used and destroyed on the executor's thread, or while that does not run.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "crds/types/manifest_set.h"
#include "kube/executor.h"
#include "kube/transport.h"
#include "nodeagent/follow/kube/pod_watch.h"
#include "nodeagent/follow/kube/secret_reader.h"
#include "nodeagent/follow/kube/world_watch.h"
#include "nodeagent/follow/node_status.h"
#include "nodeagent/follow/plan_follower.h"
#include "nodeagent/identity/kube/certificate_keeper.h"
#include "nodeagent/telemetry/event.h"

namespace espalier::follow {

// To be in force from now on.
struct Wanted {
  InForce in_force;           // node_policy and plan are not null
  crds::ManifestSet secrets;  // all that there is of what the plan names
};

class NodeFollower {
 public:
  struct Options {
    std::string node;
    std::vector<std::string> features;              // of this agent
    Duration reread = std::chrono::seconds(60);     // Secrets
    Duration save_pause = std::chrono::seconds(5);  // between two savings of the plan
    std::uint64_t seed = 0;
  };
  struct Ports {
    certificates::SigningKeys* keys = nullptr;
    identity::IdentityStore* identity_store = nullptr;
    std::function<Status(std::string_view)> save_plan;
    std::function<WallTime()> wall;
  };
  struct Handlers {
    std::function<void(const std::shared_ptr<const Wanted>&)> on_wanted;
    // Who the selected pods are. Not told: nobody knows yet.
    std::function<void(const std::shared_ptr<const KnownPods>&)> on_pods;
    std::function<void()> on_report;  // verdict() or certificate() is another one now
    std::function<void(telemetry::Event)> on_event;
  };

  NodeFollower(kube::Transport& transport, kube::Executor& executor, Options options, Ports ports,
               Handlers handlers);
  NodeFollower(const NodeFollower&) = delete;
  NodeFollower& operator=(const NodeFollower&) = delete;
  ~NodeFollower();

  // `stored` is what save_plan was last given; empty: nothing.
  void start(std::string_view stored);
  void stop();

  // A pod that is about to start on this node, with these addresses.
  void expect_pod(const std::string& ns, const std::string& name,
                  std::vector<IpAddress> addresses) {
    pod_watch_.expect(ns, name, std::move(addresses));
  }

  [[nodiscard]] const Verdict& verdict() const { return follower_.verdict(); }
  [[nodiscard]] const CertificateFacts& certificate() const { return certificate_; }
  [[nodiscard]] const WorldWatch& watch() const { return watch_; }

 private:
  void begin_with(std::string_view stored);
  void hear(const Heard& heard);
  void take_plan(const plan::World& world);
  void take_pods(const std::shared_ptr<const KnownPods>& pods);
  void take_trust(const std::string& pem);
  void take_certificate(identity::UseCertificate use);
  void tell_wanted();
  void save_soon();
  void save();
  void tell(telemetry::EventId id, std::string_view key, std::string value);
  void tell_trouble(const std::string& kind, const kube::ApiError& error);

  kube::Executor& executor_;
  const Options options_;
  const Ports ports_;
  Handlers handlers_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  PlanFollower follower_;
  CertificateFacts certificate_;
  InForce in_force_;
  std::shared_ptr<const crds::Secret> own_;    // espalier-node; null: no certificate yet
  std::shared_ptr<const crds::Secret> trust_;  // espalier-trust; null: none yet
  std::string trust_pem_;
  std::shared_ptr<const KnownPods> pods_;  // null: nobody knows
  bool saving_ = false;
  TimePoint saved_at_{};
  WorldWatch watch_;
  PodWatch pod_watch_;
  SecretReader secrets_;
  identity::CertificateKeeper keeper_;
};

}  // namespace espalier::follow
