// Cluster: what an agent does with an API server, on threads of its own: follow it, get and renew
// the node's certificate, write the node's statuses, tell Events.
//
// Guarantees: start() returns at once, whether the API server answers or not; with a stored plan
// the first plan comes before it is asked. Handlers are called on a thread of the cluster's: they
// post. Statuses are written when they became others, a few seconds apart at the most often.
// Assumptions: NSS is open before and closed after it. Caveat: destroying it waits for the call
// that is under way.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "nodeagent/follow/kube/node_follower.h"
#include "nodeagent/telemetry/event.h"
#include "nodeagent/telemetry/snapshot.h"

namespace espalier::runtime {

class Cluster {
 public:
  struct Options {
    std::string node;
    std::string state;       // folder
    std::string kubeconfig;  // empty: the pod's own ServiceAccount
  };
  struct Handlers {
    std::function<void(std::shared_ptr<const follow::Wanted>)> on_wanted;
    // Who the pods are that policies select.
    std::function<void(std::shared_ptr<const follow::KnownPods>)> on_pods;
    // What follows the newest NodePolicy, or does not, became another; or what report() tells of.
    std::function<void(const follow::Verdict&)> on_report;
    std::function<void(telemetry::Event)> on_event;
  };

  // kInvalid or kNotFound: the kubeconfig, the ServiceAccount or the state folder cannot be used.
  [[nodiscard]] static Result<std::unique_ptr<Cluster>> start(Options options, Handlers handlers);
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  // A pod that is about to start on this node; any thread.
  void expect_pod(const std::string& ns, const std::string& name,
                  const std::vector<IpAddress>& addresses);
  // Told as a Kubernetes Event about the node's NodePolicy, if it is for people; any thread. What
  // happens before that is known is only logged.
  void happened(const telemetry::Event& event);
  // What stands now; any thread.
  void report(std::shared_ptr<const telemetry::Snapshot> snapshot, follow::InForce in_force);

 private:
  struct Parts;
  explicit Cluster(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace espalier::runtime
