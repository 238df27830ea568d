#include "operator/reconcile/plan_reconciler.h"

#include <utility>
#include <vector>

#include "crds/types/encode.h"
#include "operator/plan/secret_uses.h"
#include "operator/reconcile/node_facts.h"

namespace espalier::reconcile {
namespace {

using kube::Json;

// The CA's key is the operator's alone, whatever a policy names.
constexpr std::string_view kCaSecret = "espalier-ca";

Json role_of(const std::string& ns, const std::set<std::string>& secrets) {
  Json rules = Json::array();
  if (!secrets.empty()) {
    rules.push_back({{"apiGroups", Json::array({""})},
                     {"resources", Json::array({"secrets"})},
                     {"resourceNames", secrets},
                     {"verbs", Json::array({"get"})}});
  }
  return {{"metadata", {{"name", "espalier-agent-secrets"}, {"namespace", ns}}},
          {"rules", std::move(rules)}};
}

}  // namespace

PlanReconciler::PlanReconciler(kube::Executor& executor, const Sources& sources, Options options,
                               WantedObjects& wanted)
    : executor_(executor),
      sources_(sources),
      options_(options),
      wanted_(wanted),
      mirror_(options.pod_network) {
  listen(*sources_.nodes, [this](const kube::Change& change) {
    return mirror_.set_node(change.key().name, change.after);
  });
  listen(*sources_.policies, [this](const kube::Change& change) {
    return mirror_.set_policy(change.key(), change.after);
  });
  listen(*sources_.tunnels, [this](const kube::Change& change) {
    return mirror_.set_tunnel(change.key(), change.after);
  });
  listen(*sources_.api_servers, [this](const kube::Change&) {
    take_api_servers();
    return true;
  });
}

PlanReconciler::~PlanReconciler() {
  *alive_ = false;
}

void PlanReconciler::listen(kube::Informer& source, std::function<bool(const kube::Change&)> take) {
  source.on_change([this, alive = alive_, take = std::move(take)](const kube::Change& change) {
    if (*alive && take(change)) schedule();
  });
  source.on_synced([this, alive = alive_] {
    if (*alive) schedule();
  });
}

void PlanReconciler::take_api_servers() {
  std::vector<Endpoint> servers;
  for (const auto& slice : sources_.api_servers->store()->list()) {
    const auto more = endpoints_of(*slice);
    servers.insert(servers.end(), more.begin(), more.end());
  }
  mirror_.set_api_servers(std::move(servers));
}

void PlanReconciler::schedule() {
  if (scheduled_) return;
  scheduled_ = true;
  executor_.at(executor_.now() + options_.gather, [this, alive = alive_] {
    if (!*alive) return;
    scheduled_ = false;
    plan();
  });
}

void PlanReconciler::plan() {
  for (const kube::Informer* source :
       {sources_.nodes, sources_.policies, sources_.tunnels, sources_.api_servers}) {
    if (!source->synced()) return;
  }
  plan::World world = mirror_.world();
  world.service_cidrs = options_.service_cidrs;

  std::map<std::string, std::shared_ptr<const crds::NodeEndpoint>> endpoints;
  for (const auto& endpoint : world.endpoints) endpoints.emplace(endpoint->meta.name, endpoint);
  for (const auto& [name, endpoint] : endpoints) {
    const auto before = endpoints_.find(name);
    if (before != endpoints_.end() && before->second == endpoint) continue;
    Json object = object_of(name, crds::encode(endpoint->spec));
    object["metadata"]["labels"] = endpoint->meta.labels;
    wanted_.want(Written::kNodeEndpoint, std::move(object));
  }
  for (const auto& [name, endpoint] : endpoints_) {
    if (!endpoints.contains(name)) wanted_.drop({Written::kNodeEndpoint, {"", name}});
  }
  endpoints_ = std::move(endpoints);

  for (const std::string& node : rules_.update(world)) {
    const crds::NodePolicySpec* spec = rules_.find(node);
    if (spec == nullptr) {
      wanted_.drop({Written::kNodePolicy, {"", node}});
    } else {
      wanted_.want(Written::kNodePolicy, object_of(node, crds::encode(*spec)));
    }
  }
  const std::size_t refused = tell_refusals();
  want_grants(world);
  for (const Written kind : {Written::kNodeEndpoint, Written::kNodePolicy, Written::kRole})
    wanted_.complete(kind);
  {
    const std::lock_guard lock(mutex_);
    ready_ = true;
    counts_ = {world.endpoints.size(), world.policies.size(), world.tunnels.size(), refused,
               counts_.plans + 1};
  }
  if (planned_) planned_(world);
}

void PlanReconciler::want_grants(const plan::World& world) {
  std::set<std::string> names;
  const auto take = [&](const std::vector<plan::SecretRef>& secrets) {
    for (const plan::SecretRef& secret : secrets) {
      if (secret.ns == options_.ns && secret.name != kCaSecret) names.insert(secret.name);
    }
  };
  for (const auto& policy : world.policies) {
    const std::vector<plan::SecretRef> secrets = plan::secrets_of(*policy);
    if (!secrets.empty() && rules_.in_use(*policy)) take(secrets);
  }
  for (const auto& [tunnel, why] : rules_.tunnel_refusals()) {
    if (why.empty()) take(plan::secrets_of(*tunnel));
  }
  if (granted_ == names) return;
  wanted_.want(Written::kRole, role_of(options_.ns, names));
  granted_ = std::move(names);
}

std::size_t PlanReconciler::tell_refusals() {
  auto now = mirror_.refused();
  RefusedTunnels tunnels;
  for (const auto& [tunnel, why] : rules_.tunnel_refusals()) {
    if (why.empty()) continue;
    const kube::ObjectKey key{tunnel->meta.ns, tunnel->meta.name};
    now.emplace("Tunnel " + key.to_string(), why);
    tunnels.emplace(key, why);
  }
  if (refused_tunnels_) refused_tunnels_(std::move(tunnels));
  if (!refusals_) return now.size();
  for (const auto& [subject, why] : now) {
    const auto before = told_.find(subject);
    if (before == told_.end() || before->second != why) refusals_(subject, why);
  }
  for (const auto& [subject, why] : told_) {
    if (!now.contains(subject)) refusals_(subject, {});
  }
  told_ = std::move(now);
  return told_.size();
}

bool PlanReconciler::ready() const {
  const std::lock_guard lock(mutex_);
  return ready_;
}

PlanReconciler::Counts PlanReconciler::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

}  // namespace espalier::reconcile
