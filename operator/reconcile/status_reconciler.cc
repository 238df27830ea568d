#include "operator/reconcile/status_reconciler.h"

#include <utility>

#include "crds/kube/decoding.h"
#include "crds/kube/resources.h"
#include "crds/types/decode.h"
#include "operator/reconcile/status/policy_status.h"
#include "operator/reconcile/status/tunnel_status.h"

namespace espalier::reconcile {
namespace {

using kube::Json;

Json with_status(const kube::ObjectKey& key, Json status) {
  Json metadata = {{"name", key.name}};
  if (!key.ns.empty()) metadata["namespace"] = key.ns;
  return {{"metadata", std::move(metadata)}, {"status", std::move(status)}};
}

kube::Reconciled after_writing(const kube::ApiResult<kube::ObjectPtr>& applied) {
  if (applied || applied.error().kind == kube::ErrorKind::kNotFound) return kube::reconciled();
  return tl::unexpected(applied.error());
}

}  // namespace

StatusReconciler::StatusReconciler(const Sources& sources, Options options, Enqueue enqueue,
                                   WallClock wall)
    : sources_(sources), options_(options), enqueue_(std::move(enqueue)), wall_(std::move(wall)) {
  const auto follow = [this](kube::Informer& source, bool tunnel) {
    source.on_change([this, alive = alive_, tunnel](const kube::Change& change) {
      if (*alive && !change.deleted()) enqueue_({tunnel, change.key()}, options_.pause);
    });
  };
  follow(*sources_.policies, false);
  follow(*sources_.tunnels, true);
  sources_.node_policies->on_change([this, alive = alive_](const kube::Change& change) {
    if (*alive) take(change);
  });
  for (kube::Informer* source : {sources_.policies, sources_.tunnels, sources_.node_policies}) {
    // Called when the whole set was told, not only stored.
    source->on_synced([this, alive = alive_] {
      if (!*alive || !synced()) return;
      ready_ = true;
      enqueue_all();
    });
  }
}

StatusReconciler::~StatusReconciler() {
  *alive_ = false;
}

bool StatusReconciler::synced() const {
  return sources_.policies->synced() && sources_.tunnels->synced() &&
         sources_.node_policies->synced();
}

void StatusReconciler::take(const kube::Change& change) {
  NodeReports::Touched touched;
  {
    const std::lock_guard lock(mutex_);
    // One that does not decode says nothing; the planner writes it anew.
    std::optional<crds::NodePolicy> policy;
    if (!change.deleted())
      policy = crds::decode_node_policy(crds::document_of(*change.after)).object;
    touched = policy ? reports_.put(*policy, crds::read_node_policy_status(change.after->json))
                     : reports_.remove(change.key().name);
  }
  for (const auto& name : touched.policies) enqueue_({false, {"", name}}, options_.pause);
  for (const auto& [ns, name] : touched.tunnels) enqueue_({true, {ns, name}}, options_.pause);
}

void StatusReconciler::enqueue_all() {
  for (const auto& object : sources_.policies->store()->list())
    enqueue_({false, object->key()}, options_.pause);
  for (const auto& object : sources_.tunnels->store()->list())
    enqueue_({true, object->key()}, options_.pause);
}

kube::Reconciled StatusReconciler::write(const kube::Client& client, const StatusKey& key) const {
  if (!ready_) return kube::reconciled();  // what is known then is enqueued then
  const auto object =
      (key.tunnel ? sources_.tunnels : sources_.policies)->store()->find(key.object);
  if (!object || object->metadata.deleting()) return kube::reconciled();
  return key.tunnel ? write_tunnel(client, *object) : write_policy(client, *object);
}

kube::Reconciled StatusReconciler::write_policy(const kube::Client& client,
                                                const kube::Object& policy) const {
  PolicyFacts facts;
  facts.generation = policy.metadata.generation;
  crds::Decoded decoded = crds::decode(crds::document_of(policy));
  facts.problems = std::move(decoded.problems);
  if (decoded.object) {
    if (const auto* valid = std::get_if<crds::IPsecPolicy>(&*decoded.object))
      facts.enforcement = valid->spec.enforcement;
  }
  PolicyCount count;
  {
    const std::lock_guard lock(mutex_);
    count = reports_.count(policy.key().name, policy.metadata.uid, policy.metadata.generation);
  }
  const auto status =
      policy_status(facts, count, crds::read_ipsec_policy_status(policy.json), wall_());
  if (!status) return kube::reconciled();
  return after_writing(client.apply_status(crds::ipsec_policies(),
                                           with_status(policy.key(), crds::encode(*status))));
}

kube::Reconciled StatusReconciler::write_tunnel(const kube::Client& client,
                                                const kube::Object& tunnel) const {
  TunnelFacts facts;
  facts.uid = tunnel.metadata.uid;
  facts.generation = tunnel.metadata.generation;
  crds::Decoded decoded = crds::decode(crds::document_of(tunnel));
  facts.problems = std::move(decoded.problems);
  facts.node = kube::field_text(tunnel.json, "spec.local.node");
  std::optional<TunnelReport> report;
  {
    const std::lock_guard lock(mutex_);
    report = reports_.report({tunnel.key().ns, tunnel.key().name}, facts.node);
  }
  const auto status = tunnel_status(facts, report, crds::read_tunnel_status(tunnel.json), wall_());
  if (!status) return kube::reconciled();
  return after_writing(
      client.apply_status(crds::tunnels(), with_status(tunnel.key(), crds::encode(*status))));
}

}  // namespace espalier::reconcile
