// WorldMirror: what the planner knows, kept from watches object by object.
//
// Guarantees: an object that did not change is the same pointer in the next world(), as
// plan::KeptRules wants; an object that is wrong is left out and its problem kept. A NodeEndpoint
// has of its Node's labels those that some nodeSelector names, so that other labels come and go
// without a write. Not thread-safe.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "crds/kube/kept_objects.h"
#include "kube/object.h"
#include "operator/plan/world.h"

namespace espalier::reconcile {

class WorldMirror {
 public:
  explicit WorldMirror(crds::PodNetwork pod_network) : pod_network_(pod_network) {}

  // `object` null: it is gone. True when world() or refused() is another one now: what only lives
  // on (a Node's heartbeat, a status) changes neither.
  bool set_node(const std::string& name, const kube::ObjectPtr& object);
  bool set_policy(const kube::ObjectKey& key, const kube::ObjectPtr& object);
  bool set_tunnel(const kube::ObjectKey& key, const kube::ObjectPtr& object);
  void set_api_servers(std::vector<Endpoint> servers) { api_servers_ = std::move(servers); }

  [[nodiscard]] plan::World world();

  // Why an object is not in the world; by kind and name ("IPsecPolicy web").
  [[nodiscard]] std::map<std::string, std::string> refused() const;

 private:
  struct Node {
    kube::ObjectPtr object;
    std::shared_ptr<const crds::NodeEndpoint> endpoint;  // null: to be made, or refused
  };
  void gather_label_keys();
  void make_endpoint(const std::string& name, Node& node);

  const crds::PodNetwork pod_network_;
  std::map<std::string, Node> nodes_;
  std::map<std::string, std::string> refused_nodes_;
  crds::KeptObjects<crds::IPsecPolicy> policies_;
  crds::KeptObjects<crds::Tunnel> tunnels_;
  std::vector<Endpoint> api_servers_;
  std::set<std::string> label_keys_;
  bool selectors_changed_ = false;
};

}  // namespace espalier::reconcile
