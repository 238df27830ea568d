#include "nodeagent/follow/kube/world_watch.h"

#include <utility>

#include "crds/kube/resources.h"
#include "operator/plan/node_plan.h"

namespace espalier::follow {
namespace {

kube::Selection named(const std::string& name, const std::string& ns = {}) {
  return {ns, {}, "metadata.name=" + name};
}

void drop_status(kube::Json& json) {
  json.erase("status");
}

// Other nodes' statuses would be most of what is kept.
kube::Trim status_of(const std::string& node) {
  return [node](kube::Json& json) {
    if (kube::field_text(json, "metadata.name") != node) json.erase("status");
  };
}

}  // namespace

WorldWatch::WorldWatch(kube::Transport& transport, kube::Executor& executor, Options options,
                       Handlers handlers, std::uint64_t seed)
    : executor_(executor),
      options_(std::move(options)),
      handlers_(std::move(handlers)),
      node_policies_(transport, executor, {crds::node_policies(), named(options_.node), {}}, seed),
      node_endpoints_(transport, executor, {crds::node_endpoints(), {}, status_of(options_.node)},
                      seed + 1),
      ipsec_policies_(transport, executor, {crds::ipsec_policies(), {}, drop_status}, seed + 2),
      tunnel_objects_(transport, executor, {crds::tunnels(), {}, drop_status}, seed + 3),
      trust_(
          transport, executor,
          {kube::config_maps(), named("espalier-trust", std::string(plan::kOperatorNamespace)), {}},
          seed + 4) {
  keep(node_policies_, policy_of_node_);
  keep(node_endpoints_, endpoints_);
  keep(ipsec_policies_, policies_);
  keep(tunnel_objects_, tunnels_);
  trust_.on_change([this, alive = alive_](const kube::Change& change) {
    // One that was deleted comes back from the operator; until then what it held is trusted.
    if (!*alive || change.deleted()) return;
    const auto data = change.after->json.find("data");
    if (data == change.after->json.end() || !data->is_object()) return;
    const auto pem = data->find("ca.crt");
    if (pem != data->end() && pem->is_string()) handlers_.on_trust(pem->get<std::string>());
  });
  for (kube::Informer* source :
       {&node_policies_, &node_endpoints_, &ipsec_policies_, &tunnel_objects_, &trust_}) {
    source->on_problem(
        [this, alive = alive_, kind = source->resource().kind](const kube::ApiError& error) {
          if (*alive) handlers_.on_problem(kind, error);
        });
  }
}

WorldWatch::~WorldWatch() {
  *alive_ = false;
}

template <typename Kind>
void WorldWatch::keep(kube::Informer& source, crds::KeptObjects<Kind>& kept) {
  source.on_change([this, &kept, alive = alive_](const kube::Change& change) {
    if (!*alive || change.status_only()) return;
    if (kept.set(change.key(), change.after)) schedule();
  });
  source.on_synced([this, alive = alive_] {
    if (*alive) schedule();
  });
}

void WorldWatch::start() {
  for (kube::Informer* source :
       {&node_policies_, &node_endpoints_, &ipsec_policies_, &tunnel_objects_, &trust_})
    source->start();
}

void WorldWatch::stop() {
  for (kube::Informer* source :
       {&node_policies_, &node_endpoints_, &ipsec_policies_, &tunnel_objects_, &trust_})
    source->stop();
}

bool WorldWatch::synced() const {
  return node_policies_.synced() && node_endpoints_.synced() && ipsec_policies_.synced() &&
         tunnel_objects_.synced();
}

void WorldWatch::schedule() {
  if (scheduled_) return;
  scheduled_ = true;
  executor_.at(executor_.now() + options_.gather, [this, alive = alive_] {
    if (!*alive) return;
    scheduled_ = false;
    if (synced()) handlers_.on_heard();
  });
}

Heard WorldWatch::heard() const {
  Heard heard;
  const auto own = policy_of_node_.all().find({"", options_.node});
  if (own != policy_of_node_.all().end()) heard.node_policy = own->second;
  for (const auto& [key, endpoint] : endpoints_.all()) heard.world.endpoints.push_back(endpoint);
  for (const auto& [key, policy] : policies_.all()) heard.world.policies.push_back(policy);
  for (const auto& [key, tunnel] : tunnels_.all()) heard.world.tunnels.push_back(tunnel);
  const auto refuse = [&heard](const char* kind, const auto& kept) {
    for (const auto& [key, why] : kept.refused())
      heard.refused.emplace(std::string(kind) + " " + key.to_string(), why);
  };
  refuse("NodePolicy", policy_of_node_);
  refuse("NodeEndpoint", endpoints_);
  refuse("IPsecPolicy", policies_);
  refuse("Tunnel", tunnels_);
  return heard;
}

StoredParts WorldWatch::parts_of(const crds::NodePolicy& policy) const {
  StoredParts parts;
  const auto add = [](const kube::Store& store, const kube::ObjectKey& key, auto&& to) {
    if (const auto object = store.find(key)) to(without_status(object->json));
  };
  const auto into = [](std::vector<crds::Json>& list) {
    return [&list](crds::Json json) { list.push_back(std::move(json)); };
  };
  add(*node_policies_.store(), {"", options_.node},
      [&parts](crds::Json json) { parts.node_policy = std::move(json); });
  for (const auto& [key, endpoint] : endpoints_.all())
    add(*node_endpoints_.store(), key, into(parts.endpoints));
  for (const auto& ref : policy.spec.policies)
    add(*ipsec_policies_.store(), {"", ref.name}, into(parts.policies));
  for (const auto& ref : policy.spec.tunnels)
    add(*tunnel_objects_.store(), {ref.ns, ref.name}, into(parts.tunnels));
  return parts;
}

}  // namespace espalier::follow
