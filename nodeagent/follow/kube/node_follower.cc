#include "nodeagent/follow/kube/node_follower.h"

#include <algorithm>
#include <utility>

#include "base/time_text.h"
#include "operator/plan/secret_uses.h"

namespace espalier::follow {
namespace {

using telemetry::EventId;

// What a folder of manifests holds as a Secret, and a node of a cluster has of its own.
bool is_own(const plan::SecretRef& ref) {
  return ref.ns == plan::kOperatorNamespace &&
         (ref.name == plan::kNodeSecret || ref.name == plan::kTrustSecret);
}
std::shared_ptr<crds::Secret> own_secret(std::string_view name) {
  auto secret = std::make_shared<crds::Secret>();
  secret->meta.ns = plan::kOperatorNamespace;
  secret->meta.name = name;
  return secret;
}

}  // namespace

NodeFollower::NodeFollower(kube::Transport& transport, kube::Executor& executor, Options options,
                           Ports ports, Handlers handlers)
    : executor_(executor),
      options_(std::move(options)),
      ports_(std::move(ports)),
      handlers_(std::move(handlers)),
      follower_(options_.node, options_.features),
      certificate_{false, "Waiting", "there is no certificate yet", {}, {}},
      watch_(transport, executor, {options_.node},
             {[this] { hear(watch_.heard()); },
              [this](const std::string& pem) {
                if (pem == trust_pem_) return;
                take_trust(pem);
                save_soon();
              },
              [this](const std::string& kind, const kube::ApiError& error) {
                tell_trouble(kind, error);
              }},
             options_.seed),
      pod_watch_(transport, executor, {options_.node},
                 {[this](const std::shared_ptr<const KnownPods>& pods) {
                    take_pods(pods);
                    save_soon();
                  },
                  [this](const std::string& kind, const kube::ApiError& error) {
                    tell_trouble(kind, error);
                  }},
                 options_.seed + 20),
      secrets_(
          transport, executor, options_.reread,
          {[this] { tell_wanted(); },
           [this](const kube::ObjectKey& key, const Error& error) {
             handlers_.on_event({EventId::kSecretUnreadable,
                                 {{"secret", key.to_string()}, {"detail", error.to_string()}}});
           }}),
      keeper_(transport, executor, {ports_.keys, ports_.identity_store, ports_.wall},
              {[this](identity::UseCertificate use) { take_certificate(std::move(use)); },
               [this](const identity::IdentityStatus& status) {
                 certificate_.ready = status.ready;
                 certificate_.reason = status.reason;
                 certificate_.message = status.message;
                 if (!status.message.empty())
                   tell(EventId::kCertificateTrouble, "detail", status.message);
                 handlers_.on_report();
               },
               [this](const Error& error) {
                 tell(EventId::kCertificateTrouble, "detail", error.to_string());
               }},
              options_.seed + 7) {}

NodeFollower::~NodeFollower() {
  *alive_ = false;
}

void NodeFollower::tell(EventId id, std::string_view key, std::string value) {
  handlers_.on_event({id, {{key, std::move(value)}}});
}

void NodeFollower::tell_trouble(const std::string& kind, const kube::ApiError& error) {
  handlers_.on_event({EventId::kApiServerTrouble, {{"kind", kind}, {"detail", error.to_string()}}});
}

void NodeFollower::start(std::string_view stored) {
  if (!stored.empty()) begin_with(stored);
  watch_.start();
  pod_watch_.start();
}

void NodeFollower::stop() {
  watch_.stop();
  pod_watch_.stop();
}

void NodeFollower::begin_with(std::string_view stored) {
  auto plan = decode_stored_plan(stored, options_.node);
  if (!plan) return tell(EventId::kStoredPlanUnusable, "detail", plan.error().to_string());
  if (!plan->trust_pem.empty()) take_trust(plan->trust_pem);
  if (plan->pods) {
    KnownPods known;
    known.selected = std::move(*plan->pods);
    take_pods(std::make_shared<const KnownPods>(std::move(known)));
  }
  hear(plan->heard());
  if (follower_.followed())
    tell(EventId::kStoredPlanTaken, "hash", follower_.followed()->spec.hash);
}

void NodeFollower::hear(const Heard& heard) {
  const Verdict before = follower_.verdict();
  pod_watch_.set_policies(heard.world.policies);
  const bool other = follower_.hear(heard);
  const Verdict& now = follower_.verdict();
  if (other) {
    take_plan(heard.world);
    save_soon();
  }
  if (now == before) return;
  if (now.following == Following::kRefuses) tell(EventId::kPlanRefused, "detail", now.message);
  if (now.following == Following::kWaits) tell(EventId::kPlanWaits, "detail", now.message);
  handlers_.on_report();
}

void NodeFollower::take_plan(const plan::World& world) {
  in_force_ = {follower_.followed(), std::make_shared<const plan::NodePlan>(follower_.plan())};
  std::set<kube::ObjectKey> named;
  for (const plan::SecretUse& use : plan::secret_uses(*in_force_.plan)) {
    if (!is_own(use.ref)) named.insert({use.ref.ns, use.ref.name});
  }
  secrets_.want(named);
  const auto own =
      std::find_if(world.endpoints.begin(), world.endpoints.end(),
                   [this](const auto& each) { return each->meta.name == options_.node; });
  if (own != world.endpoints.end()) keeper_.set_identity({options_.node, (*own)->spec.identity});
  tell_wanted();
}

void NodeFollower::take_pods(const std::shared_ptr<const KnownPods>& pods) {
  pods_ = pods;
  handlers_.on_pods(pods);
}

void NodeFollower::take_trust(const std::string& pem) {
  trust_pem_ = pem;
  auto secret = own_secret(plan::kTrustSecret);
  secret->data.emplace("ca.crt", SecretBytes(as_bytes(pem)));
  trust_ = std::move(secret);
  keeper_.set_bundle(pem);
  tell_wanted();
}

void NodeFollower::take_certificate(identity::UseCertificate use) {
  auto secret = own_secret(plan::kNodeSecret);
  secret->data.emplace("tls.crt", SecretBytes(as_bytes(use.chain_pem)));
  secret->data.emplace("tls.key", std::move(use.key_pem));
  own_ = std::move(secret);
  certificate_.serial_number = to_hex(use.certificate.serial);
  certificate_.not_after = time_text(use.certificate.not_after);
  handlers_.on_event(
      {EventId::kCredentialsLoaded,
       {{"subject", use.certificate.subject.common_name}, {"until", certificate_.not_after}}});
  handlers_.on_report();
  tell_wanted();
}

void NodeFollower::tell_wanted() {
  if (!in_force_.plan) return;
  auto wanted = std::make_shared<Wanted>();
  wanted->in_force = in_force_;
  wanted->secrets.secrets = secrets_.secrets();
  for (const auto& own : {own_, trust_}) {
    if (own) wanted->secrets.secrets.push_back(own);
  }
  handlers_.on_wanted(wanted);
}

// Soon, but no more often than every save_pause: a cluster that grows changes it often.
void NodeFollower::save_soon() {
  if (saving_ || !watch_.synced()) return;
  saving_ = true;
  const TimePoint due = std::max(executor_.now(), saved_at_ + options_.save_pause);
  executor_.at(due, [this, alive = alive_] {
    if (!*alive) return;
    save();
    saving_ = false;
  });
}

void NodeFollower::save() {
  // Exactly what is followed, or nothing: what came in between is heard first.
  hear(watch_.heard());
  if (follower_.verdict().following != Following::kFollows) return;
  saved_at_ = executor_.now();
  StoredParts parts = watch_.parts_of(*follower_.followed());
  parts.trust_pem = trust_pem_;
  if (pods_) parts.pods = pods_->selected;
  if (auto saved = ports_.save_plan(encode_stored_plan(options_.node, parts)); !saved)
    tell(EventId::kStoredPlanUnwritten, "detail", saved.error().to_string());
}

}  // namespace espalier::follow
