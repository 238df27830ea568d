#include "crds/types/ipsec_policy.h"

#include <algorithm>
#include <utility>

#include "crds/types/kinds.h"
#include "crds/types/label_selector_shape.h"
#include "crds/types/settings_shape.h"

namespace espalier::crds {

namespace {

Value<PolicyPeer> policy_peer() {
  Shape<IpBlock> block;
  block.required("cidr", &IpBlock::cidr, prefix());
  block.optional("except", &IpBlock::except, prefixes(0, 32));
  block.rule([](const IpBlock& value, const Cursor& here) {
    for (std::size_t i = 0; i < value.except.size(); ++i) {
      const Prefix& except = value.except[i];
      if (value.cidr.contains(except) && value.cidr != except) continue;
      here.at("except").at(i).invalid(fmt::format("{} is no part of {}; allowed: blocks inside it",
                                                  except.to_string(), value.cidr.to_string()));
    }
  });

  Shape<PolicyPeer> shape;
  shape.required("ipBlock", &PolicyPeer::ip_block, block.value());
  return shape.value();
}

Value<PolicyAuthentication> policy_authentication() {
  using Type = PolicyAuthentication::Type;
  Shape<PolicyAuthentication> shape;
  shape.required("type", &PolicyAuthentication::type,
                 choice<Type>({{"X509", Type::kX509, {}},
                               {"PSK", Type::kPsk, {}},
                               {"RawKey", Type::kX509, "raw public keys"},
                               {"Anonymous", Type::kX509, "NULL authentication (RFC 7619)"}}));
  shape.optional("psk", &PolicyAuthentication::psk, psk_member());
  shape.not_yet("remote", "peers that prove themselves in another way than we do (Anonymous)");
  shape.rule([](const PolicyAuthentication& value, const Cursor& here) {
    if (value.type == Type::kPsk && !value.psk) here.invalid("`psk` is missing: type PSK needs it");
    if (value.type != Type::kPsk && value.psk) here.at("psk").invalid("goes with type PSK only");
  });
  return shape.value();
}

Value<Exemption> exemption() {
  Shape<ExemptPort> port;
  port.required("protocol", &ExemptPort::protocol,
                choice<PortProtocol>({{"TCP", PortProtocol::kTcp, {}},
                                      {"UDP", PortProtocol::kUdp, {}},
                                      {"SCTP", PortProtocol::kSctp, {}}}));
  port.required("port", &ExemptPort::port, whole_number(1, 65535));

  Shape<Exemption> shape;
  shape.required("name", &Exemption::name,
                 text(63, is_dns_label, "lower-case letters, digits and '-', up to 63"));
  shape.required("cidr", &Exemption::cidr, prefix());
  shape.optional("ports", &Exemption::ports,
                 keyed_list(port.value(), 0, 32, {"protocol", "port"}, [](const ExemptPort& one) {
                   return std::pair(one.protocol, one.port);
                 }));
  shape.optional("reason", &Exemption::reason, text(256));
  return shape.value();
}

// Fields that say how to encrypt make no sense in a policy that leaves traffic in clear.
void check_bypass(const Cursor& here) {
  for (const char* name :
       {"establish", "idleTimeout", "onNegotiation", "onFailure", "authentication", "ppk", "ike",
        "esp", "encapsulation", "liveness", "offload", "exemptions"}) {
    if (here.json().contains(name)) {
      here.at(name).invalid("has no meaning with enforcement: Bypass; leave it out");
    }
  }
  for (const char* name : {"nodeSelector", "peers", "namespaceSelector", "podSelector"}) {
    if (here.json().contains(name)) return;
  }
  here.invalid("a Bypass must select something: give nodeSelector or peers");
}

// Host-network pods are nodes; what a masquerade makes of pods' traffic goes with PodToNode.
void check_selection(const IPsecPolicySpec& spec, const Cursor& here) {
  const auto nodes = std::find(spec.traffic.begin(), spec.traffic.end(), Traffic::kNodeToNode);
  if (!spec.selects_pods() || nodes == spec.traffic.end()) return;
  here.at("traffic")
      .at(static_cast<std::size_t>(nodes - spec.traffic.begin()))
      .invalid(
          "NodeToNode has no pods that namespaceSelector and podSelector could select; leave it "
          "out, or write another policy for it");
}

void check_policy(const IPsecPolicySpec& spec, const Cursor& here) {
  check_selection(spec, here);
  if (spec.enforcement == Enforcement::kBypass) return check_bypass(here);
  if (spec.enforcement == Enforcement::kRequired) {
    if (spec.on_negotiation == OnNegotiation::kPass) {
      here.at("onNegotiation").invalid("Pass goes with enforcement: Preferred only; allowed: Hold");
    }
    if (spec.on_failure == OnFailure::kPass) {
      here.at("onFailure").invalid("Pass goes with enforcement: Preferred only; allowed: Drop");
    }
  }
  if (spec.idle_timeout && spec.establish != Establish::kOnDemand) {
    here.at("idleTimeout").invalid("goes with establish: OnDemand only");
  }
}

}  // namespace

Value<IPsecPolicySpec> ipsec_policy_spec() {
  using Spec = IPsecPolicySpec;
  Shape<Spec> shape;
  shape.required("enforcement", &Spec::enforcement,
                 choice<Enforcement>({{"Required", Enforcement::kRequired, {}},
                                      {"Preferred", Enforcement::kPreferred, {}},
                                      {"Bypass", Enforcement::kBypass, {}}}));
  shape.required("traffic", &Spec::traffic,
                 set(choice<Traffic>({{"NodeToNode", Traffic::kNodeToNode, {}},
                                      {"PodToPod", Traffic::kPodToPod, {}},
                                      {"PodToNode", Traffic::kPodToNode, {}}}),
                     1, 3));
  shape.optional("priority", &Spec::priority, whole_number(0, 1000));
  shape.optional("nodeSelector", &Spec::node_selector, label_selector());
  shape.optional("peers", &Spec::peers, list(policy_peer(), 1, 64));
  shape.optional("namespaceSelector", &Spec::namespace_selector, label_selector());
  shape.optional("podSelector", &Spec::pod_selector, label_selector());
  shape.optional("establish", &Spec::establish,
                 choice<Establish>(
                     {{"Eager", Establish::kEager, {}}, {"OnDemand", Establish::kOnDemand, {}}}));
  shape.optional("idleTimeout", &Spec::idle_timeout, idle_timeout());
  shape.optional("onNegotiation", &Spec::on_negotiation, on_negotiation());
  shape.optional("onFailure", &Spec::on_failure, on_failure());
  shape.optional("authentication", &Spec::authentication, policy_authentication());
  shape.optional("ppk", &Spec::ppk, ppk_settings());
  shape.optional("ike", &Spec::ike, ike_settings());
  shape.optional("esp", &Spec::esp, esp_settings());
  shape.optional("encapsulation", &Spec::encapsulation, encapsulation_settings());
  shape.optional("liveness", &Spec::liveness, liveness_settings());
  shape.optional("offload", &Spec::offload, offload());
  shape.not_yet("underlayMTU", "path MTU computed from the underlay's");
  shape.optional(
      "cryptoPolicy", &Spec::crypto_policy,
      choice<CryptoPolicy>({{"Honor", CryptoPolicy::kIgnore, "system-wide crypto policy"},
                            {"Ignore", CryptoPolicy::kIgnore, {}}}));
  shape.optional(
      "exemptions", &Spec::exemptions,
      keyed_list(exemption(), 0, 64, {"name"}, [](const Exemption& one) { return one.name; }));
  shape.rule(check_policy);
  return shape.value();
}

}  // namespace espalier::crds
