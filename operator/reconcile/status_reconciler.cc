#include "operator/reconcile/status_reconciler.h"

#include <set>
#include <utility>

#include "crds/kube/decoding.h"
#include "crds/kube/resources.h"
#include "crds/types/decode.h"
#include "operator/reconcile/status/policy_status.h"
#include "operator/reconcile/status/transitions.h"
#include "operator/reconcile/status/tunnel_status.h"

namespace espalier::reconcile {
namespace {

using kube::Json;

Json with_status(const kube::ObjectKey& key, Json status) {
  Json metadata = {{"name", key.name}};
  if (!key.ns.empty()) metadata["namespace"] = key.ns;
  return {{"metadata", std::move(metadata)}, {"status", std::move(status)}};
}

}  // namespace

StatusReconciler::StatusReconciler(const Sources& sources, Options options, Enqueue enqueue,
                                   WallClock wall, Tell tell)
    : sources_(sources),
      options_(options),
      enqueue_(std::move(enqueue)),
      wall_(std::move(wall)),
      tell_(std::move(tell)) {
  const auto follow = [this](kube::Informer& source, bool tunnel) {
    source.on_change([this, alive = alive_, tunnel](const kube::Change& change) {
      if (!*alive) return;
      if (!change.deleted()) {
        enqueue_({tunnel, change.key()}, options_.pause);
        return;
      }
      const std::lock_guard lock(mutex_);
      turns_.erase({tunnel, change.key()});
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
      if (*alive) begin();
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

void StatusReconciler::begin() {
  {
    const std::lock_guard lock(mutex_);
    if (!refused_ || !synced()) return;
    ready_ = true;
  }
  enqueue_all();
}

void StatusReconciler::set_refused_tunnels(RefusedTunnels refused) {
  const bool first = !ready_;
  std::set<kube::ObjectKey> changed;
  {
    const std::lock_guard lock(mutex_);
    const RefusedTunnels before = refused_.value_or(RefusedTunnels{});
    for (const auto& [key, why] : refused) {
      const auto was = before.find(key);
      if (was == before.end() || was->second != why) changed.insert(key);
    }
    for (const auto& [key, why] : before) {
      if (!refused.contains(key)) changed.insert(key);
    }
    refused_ = std::move(refused);
  }
  if (first) {
    begin();
    return;
  }
  for (const kube::ObjectKey& key : changed) enqueue_({true, key}, options_.pause);
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

kube::Reconciled StatusReconciler::write(const kube::Client& client, const StatusKey& key,
                                         TimePoint now) {
  if (!ready_) return kube::reconciled();  // what is known then is enqueued then
  const auto object =
      (key.tunnel ? sources_.tunnels : sources_.policies)->store()->find(key.object);
  if (!object || object->metadata.deleting()) return kube::reconciled();
  return key.tunnel ? write_tunnel(client, *object, now) : write_policy(client, *object, now);
}

Duration StatusReconciler::wait_for_turn(const StatusKey& key, TimePoint now) {
  const double rate = 1.0 / std::chrono::duration<double>(options_.interval).count();
  const std::lock_guard lock(mutex_);
  kube::TokenBucket& turns = turns_.try_emplace(key, rate, options_.burst).first->second;
  return turns.try_take(now) ? Duration{} : options_.interval;
}

template <typename Status>
kube::Reconciled StatusReconciler::apply(const kube::Client& client, const StatusKey& key,
                                         const kube::Object& object, const Status& standing,
                                         const std::optional<Status>& made, TimePoint now) {
  if (!made) return kube::reconciled();
  if (const Duration wait = wait_for_turn(key, now); wait > Duration{})
    return kube::reconcile_again(wait);
  const auto applied = client.apply_status(key.tunnel ? crds::tunnels() : crds::ipsec_policies(),
                                           with_status(key.object, crds::encode(*made)));
  if (!applied) {
    if (applied.error().kind == kube::ErrorKind::kNotFound) return kube::reconciled();
    return tl::unexpected(applied.error());
  }
  for (Transition& one : transitions(standing.conditions, made->conditions)) {
    tell_({kube::reference_to(object),
           one.warning ? kube::EventType::kWarning : kube::EventType::kNormal,
           std::move(one.reason), "Observe", std::move(one.message)});
  }
  return kube::reconciled();
}

kube::Reconciled StatusReconciler::write_policy(const kube::Client& client,
                                                const kube::Object& policy, TimePoint now) {
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
  const auto standing = crds::read_ipsec_policy_status(policy.json);
  return apply(client, {false, policy.key()}, policy, standing,
               policy_status(facts, count, standing, wall_()), now);
}

kube::Reconciled StatusReconciler::write_tunnel(const kube::Client& client,
                                                const kube::Object& tunnel, TimePoint now) {
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
    if (const auto refused = refused_->find(tunnel.key()); refused != refused_->end())
      facts.refusal = refused->second;
  }
  const auto standing = crds::read_tunnel_status(tunnel.json);
  return apply(client, {true, tunnel.key()}, tunnel, standing,
               tunnel_status(facts, report, standing, wall_()), now);
}

}  // namespace espalier::reconcile
