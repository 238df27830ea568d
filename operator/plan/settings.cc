#include "operator/plan/settings.h"

#include <utility>

#include "crds/types/manifest_set.h"

namespace espalier::plan {

namespace {

static_assert(kOperatorNamespace == crds::kOperatorNamespace);

Establish establish_of(crds::Establish establish) {
  switch (establish) {
    case crds::Establish::kEager:
      return Establish::kEager;
    case crds::Establish::kOnDemand:
      return Establish::kOnDemand;
    case crds::Establish::kPassive:
      return Establish::kPassive;
  }
  return Establish::kPassive;
}

UdpEncapsulation udp_of(crds::UdpEncapsulation udp) {
  switch (udp) {
    case crds::UdpEncapsulation::kAuto:
      return UdpEncapsulation::kAuto;
    case crds::UdpEncapsulation::kAlways:
      return UdpEncapsulation::kAlways;
    case crds::UdpEncapsulation::kNever:
      return UdpEncapsulation::kNever;
  }
  return UdpEncapsulation::kAuto;
}

PpkMode mode_of(crds::PpkMode mode) {
  switch (mode) {
    case crds::PpkMode::kNever:
      return PpkMode::kNever;
    case crds::PpkMode::kPrefer:
      return PpkMode::kPrefer;
    case crds::PpkMode::kInsist:
      return PpkMode::kInsist;
  }
  return PpkMode::kNever;
}

// What follows from a dead peer when nobody says: begin again, wait for traffic, or for the peer.
LivenessAction action_of(const crds::Liveness& liveness, crds::Establish establish) {
  if (liveness.action) {
    switch (*liveness.action) {
      case crds::LivenessAction::kRestart:
        return LivenessAction::kRestart;
      case crds::LivenessAction::kTrap:
        return LivenessAction::kTrap;
      case crds::LivenessAction::kClear:
        return LivenessAction::kClear;
    }
  }
  switch (establish) {
    case crds::Establish::kEager:
      return LivenessAction::kRestart;
    case crds::Establish::kOnDemand:
      return LivenessAction::kTrap;
    case crds::Establish::kPassive:
      break;
  }
  return LivenessAction::kClear;
}

PpkPlan ppk_of(const crds::Ppk& ppk, const std::string& ns) {
  PpkPlan plan;
  plan.mode = mode_of(ppk.mode);
  if (plan.mode == PpkMode::kNever) return plan;
  for (const crds::PpkKey& key : ppk.keys) {
    plan.keys.push_back({key.id, {ns, key.secret.name, key.secret.key}});
  }
  return plan;
}

// What IPsecPolicySpec and TunnelSpec have in common, by the same field names.
template <typename Spec>
void set_common(ConnectionPlan& connection, const Spec& spec, const std::string& ns) {
  connection.ppk = ppk_of(spec.ppk, ns);
  connection.ike_proposals = spec.ike.proposals;
  connection.ike_lifetime = spec.ike.lifetime;
  connection.fragmentation = spec.ike.fragmentation;
  connection.udp = udp_of(spec.encapsulation.udp);
  connection.liveness = {spec.liveness.delay, spec.liveness.timeout,
                         action_of(spec.liveness, spec.establish)};
}

template <typename Spec>
void set_common(ChildPlan& child, const Spec& spec, bool preferred) {
  child.esp_proposals = spec.esp.proposals;
  child.pfs = spec.esp.pfs;
  child.esn = !spec.esp.esn ? Esn::kEither : *spec.esp.esn ? Esn::kOn : Esn::kOff;
  child.lifetime = spec.esp.lifetime;
  child.replay_window = static_cast<std::uint32_t>(spec.esp.replay_window);
  child.establish = establish_of(spec.establish);
  child.idle_timeout = spec.idle_timeout;
  child.enforcement = preferred ? Enforcement::kPreferred : Enforcement::kRequired;
  const bool holds =
      spec.on_negotiation ? *spec.on_negotiation == crds::OnNegotiation::kHold : !preferred;
  const bool drops = spec.on_failure ? *spec.on_failure == crds::OnFailure::kDrop : !preferred;
  child.on_negotiation = holds ? OnNegotiation::kHold : OnNegotiation::kPass;
  child.on_failure = drops ? OnFailure::kDrop : OnFailure::kPass;
}

AuthSide side_of(const crds::TunnelAuthentication& authentication, const std::string& ns) {
  const bool psk = authentication.type == crds::TunnelAuthentication::Type::kPsk;
  return {psk ? AuthType::kPsk : AuthType::kX509,
          {ns, authentication.secret.name, authentication.secret.key}};
}

}  // namespace

Owner owner_of(const crds::IPsecPolicy& policy) {
  return {"IPsecPolicy", {}, policy.meta.name};
}

Owner owner_of(const crds::Tunnel& tunnel) {
  return {"Tunnel", tunnel.meta.ns, tunnel.meta.name};
}

ConnectionPlan connection_from(const crds::IPsecPolicy& policy) {
  const std::string ns(kOperatorNamespace);
  ConnectionPlan connection;
  connection.owner = owner_of(policy);
  const crds::PolicyAuthentication& authentication = policy.spec.authentication;
  if (authentication.psk) {
    const SecretRef key = {ns, authentication.psk->name, authentication.psk->key};
    connection.local = {AuthType::kPsk, key};
    connection.remote = {AuthType::kPsk, key};
  } else {
    connection.local = {AuthType::kX509, {ns, std::string(kNodeSecret), {}}};
    connection.remote = {AuthType::kX509, {ns, std::string(kTrustSecret), "ca.crt"}};
  }
  set_common(connection, policy.spec, ns);
  return connection;
}

ConnectionPlan connection_from(const crds::Tunnel& tunnel) {
  const crds::TunnelSpec& spec = tunnel.spec;
  ConnectionPlan connection;
  connection.owner = owner_of(tunnel);
  connection.local = side_of(spec.local.authentication, tunnel.meta.ns);
  connection.remote = side_of(spec.remote.authentication, tunnel.meta.ns);
  connection.local_identity = spec.local.identity;
  if (!spec.remote.identity.empty()) connection.remote_identity = spec.remote.identity;
  connection.initiate =
      spec.establish == crds::Establish::kPassive ? Initiate::kPassive : Initiate::kInitiator;
  set_common(connection, spec, tunnel.meta.ns);
  return connection;
}

ChildPlan child_from(const crds::IPsecPolicy& policy, std::string name, Mode mode) {
  ChildPlan child;
  child.name = std::move(name);
  child.owner = owner_of(policy);
  child.mode = mode;
  set_common(child, policy.spec, policy.spec.enforcement != crds::Enforcement::kRequired);
  return child;
}

ChildPlan child_from(const crds::Tunnel& tunnel) {
  ChildPlan child;
  child.name = tunnel.meta.name;
  child.owner = owner_of(tunnel);
  child.mode = tunnel.spec.mode == crds::TunnelMode::kTunnel ? Mode::kTunnel : Mode::kTransport;
  child.narrowing = tunnel.spec.narrowing;
  set_common(child, tunnel.spec, tunnel.spec.enforcement == crds::TunnelEnforcement::kPreferred);
  return child;
}

bool same_profile(const crds::IPsecPolicySpec& a, const crds::IPsecPolicySpec& b) {
  return a.ike == b.ike && a.authentication == b.authentication && a.ppk == b.ppk;
}

}  // namespace espalier::plan
