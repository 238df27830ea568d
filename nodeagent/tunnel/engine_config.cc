#include "nodeagent/tunnel/engine_config.h"

#include <algorithm>

#include "ike/wire/identification.h"

namespace espalier::tunnel {

namespace {

namespace wire = ike::wire;

ike::Mode mode_of(plan::Mode mode) {
  return mode == plan::Mode::kTransport ? ike::Mode::kTransport : ike::Mode::kTunnel;
}

ike::EsnChoice esn_of(plan::Esn esn) {
  switch (esn) {
    case plan::Esn::kOn:
      return ike::EsnChoice::kOnly;
    case plan::Esn::kOff:
      return ike::EsnChoice::kNever;
    case plan::Esn::kEither:
      break;
  }
  return ike::EsnChoice::kBoth;
}

ike::UdpEncapsulation udp_of(plan::UdpEncapsulation udp) {
  switch (udp) {
    case plan::UdpEncapsulation::kAlways:
      return ike::UdpEncapsulation::kAlways;
    case plan::UdpEncapsulation::kNever:
      return ike::UdpEncapsulation::kNever;
    case plan::UdpEncapsulation::kAuto:
      break;
  }
  return ike::UdpEncapsulation::kAuto;
}

ike::PpkMode ppk_of(plan::PpkMode mode) {
  switch (mode) {
    case plan::PpkMode::kPrefer:
      return ike::PpkMode::kPrefer;
    case plan::PpkMode::kInsist:
      return ike::PpkMode::kInsist;
    case plan::PpkMode::kNever:
      break;
  }
  return ike::PpkMode::kNever;
}

// A distinguished name is compared without regard to blanks after the commas.
std::string squeezed(std::string_view name) {
  std::string result;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] == ' ' && !result.empty() && result.back() == ',') continue;
    result += name[i];
  }
  return result;
}

wire::Identification subject_of(const ike::crypto::CertificateInfo& info) {
  return {wire::IdType::kDerAsn1Dn, info.subject_der};
}

Result<wire::Identification> local_identity(const plan::ConnectionPlan& plan,
                                            const IpAddress& address,
                                            const OwnCertificate* certificate) {
  if (plan.local_identity.empty()) {
    if (certificate == nullptr) return wire::identification_of(address);
    if (!certificate->info.subject_der.empty() && !certificate->info.subject.empty()) {
      return subject_of(certificate->info);
    }
    if (!certificate->info.identities.empty()) return certificate->info.identities.front();
    return fail(Code::kInvalid, "local identity",
                "the certificate has neither a subject nor a name that can be an IKE identity");
  }
  auto parsed = wire::parse_identity(plan.local_identity);
  if (!parsed) return within("local identity", parsed);
  if (auto* identity = std::get_if<wire::Identification>(&*parsed)) return std::move(*identity);
  if (const auto* name = std::get_if<wire::DnText>(&*parsed)) {
    if (certificate != nullptr && squeezed(name->text) == squeezed(certificate->info.subject)) {
      return subject_of(certificate->info);
    }
    return fail(Code::kInvalid, "local identity",
                name->text + " is not the subject of our certificate" +
                    (certificate != nullptr ? ", which is " + certificate->info.subject : ""));
  }
  return fail(Code::kInvalid, "local identity", "we must be somebody in particular");
}

Result<std::optional<wire::Identification>> remote_identity(const plan::ConnectionPlan& plan) {
  if (!plan.remote_identity) return std::optional<wire::Identification>{};
  auto parsed = wire::parse_identity(*plan.remote_identity);
  if (!parsed) return within("remote identity", parsed);
  if (auto* identity = std::get_if<wire::Identification>(&*parsed)) {
    return std::optional(std::move(*identity));
  }
  if (std::holds_alternative<wire::AnyIdentity>(*parsed)) {
    return std::optional<wire::Identification>{};
  }
  return fail(Code::kUnsupported, "remote identity",
              "not yet: a distinguished name; leave it out to accept what the certificate proves, "
              "or name one of the certificate's alternative names");
}

Result<ike::AuthSide> auth_side(const plan::AuthSide& side, bool ours,
                                const Credentials& credentials) {
  ike::AuthSide result;
  if (side.type == plan::AuthType::kPsk) {
    result.type = ike::AuthType::kPsk;
    auto key = credentials.secret(side.secret);
    if (!key) return forward(key);
    result.psk = std::move(*key);
    return result;
  }
  result.type = ike::AuthType::kX509;
  if (ours) {
    auto certificate = credentials.certificate(side.secret);
    if (!certificate) return forward(certificate);
    result.credential = certificate->id;
  } else {
    auto trust = credentials.trust(side.secret);
    if (!trust) return forward(trust);
    result.trust = trust->id;
  }
  return result;
}

// What nobody asks for: a place that is kept.
ike::ChildConfig closed_child() {
  ike::ChildConfig child;
  child.name = "(removed)";
  const auto nowhere = Prefix::host(IpAddress::v4(0xffffffffU));
  child.local = {wire::TrafficSelector::from_prefix(nowhere, 255)};
  child.remote = child.local;
  child.proposals = ike::crypto::default_esp_proposals(true);
  return child;
}

Result<ike::ChildConfig> child_config(const plan::ChildPlan& plan) {
  ike::ChildConfig child;
  child.name = plan.name;
  child.mode = mode_of(plan.mode);
  for (const auto& prefix : plan.local_ts) {
    child.local.push_back(wire::TrafficSelector::from_prefix(prefix));
  }
  for (const auto& prefix : plan.remote_ts) {
    child.remote.push_back(wire::TrafficSelector::from_prefix(prefix));
  }
  for (const auto& keywords : plan.esp_proposals) {
    auto proposal = ike::crypto::parse_esp_proposal(keywords);
    if (!proposal) return within("child " + plan.name, proposal);
    child.proposals.push_back(std::move(*proposal));
  }
  if (child.proposals.empty()) return fail(Code::kInvalid, "child " + plan.name, "no ESP proposal");
  child.pfs = plan.pfs;
  child.esn = esn_of(plan.esn);
  child.lifetime = plan.lifetime;
  child.narrowing = plan.narrowing;
  return child;
}

bool same_key(const std::shared_ptr<const SecretBytes>& a,
              const std::shared_ptr<const SecretBytes>& b) {
  if (a == b) return true;
  return a && b && ct_equal(a->view(), b->view());
}

bool same_side(const ike::AuthSide& a, const ike::AuthSide& b) {
  return a.type == b.type && a.credential == b.credential && a.trust == b.trust &&
         same_key(a.psk, b.psk);
}

}  // namespace

Result<EngineConfig> engine_config(const plan::ConnectionPlan& plan,
                                   const std::vector<const plan::ChildPlan*>& children,
                                   const IpAddress& local, const Credentials& credentials) {
  EngineConfig result;
  ike::Connection& connection = result.connection;
  connection.name = plan.name;
  connection.local = local;
  connection.remotes = plan.remote_addresses;

  auto ours = auth_side(plan.local, true, credentials);
  if (!ours) return forward(ours);
  connection.local_auth = std::move(*ours);
  auto theirs = auth_side(plan.remote, false, credentials);
  if (!theirs) return forward(theirs);
  connection.remote_auth = std::move(*theirs);

  Result<OwnCertificate> certificate = fail(Code::kNotFound, "certificate");
  if (plan.local.type == plan::AuthType::kX509)
    certificate = credentials.certificate(plan.local.secret);
  auto identity = local_identity(plan, local, certificate ? &*certificate : nullptr);
  if (!identity) return forward(identity);
  result.local_identity =
      wire::to_string(*identity, certificate ? certificate->info.subject : std::string());
  connection.local_id = std::move(*identity);
  auto peer = remote_identity(plan);
  if (!peer) return forward(peer);
  connection.remote_id = std::move(*peer);
  if (connection.remote_id) result.remote_identity = wire::to_string(*connection.remote_id);

  connection.ppk = ppk_of(plan.ppk.mode);
  for (const auto& key : plan.ppk.keys) {
    auto secret = credentials.secret(key.secret);
    if (!secret) return forward(secret);
    connection.ppks.push_back({key.id, std::move(*secret)});
  }
  for (const auto& keywords : plan.ike_proposals) {
    auto proposal = ike::crypto::parse_ike_proposal(keywords);
    if (!proposal) return within("IKE proposal", proposal);
    connection.proposals.push_back(std::move(*proposal));
  }
  if (connection.proposals.empty()) return fail(Code::kInvalid, "IKE proposal", "there is none");
  connection.lifetime = plan.ike_lifetime;
  connection.udp = udp_of(plan.udp);
  connection.fragmentation = plan.fragmentation;
  connection.liveness.delay = plan.liveness.delay;
  for (const plan::ChildPlan* child : children) {
    if (child == nullptr) {
      connection.children.push_back(closed_child());
      continue;
    }
    auto config = child_config(*child);
    if (!config) return forward(config);
    connection.children.push_back(std::move(*config));
  }
  return result;
}

Proof proof_of(const ike::Connection& connection) {
  return {connection.local_auth, connection.remote_auth, connection.local_id,
          connection.remote_id,  connection.ppk,         connection.ppks};
}

bool operator==(const Proof& a, const Proof& b) {
  return same_side(a.local, b.local) && same_side(a.remote, b.remote) && a.local_id == b.local_id &&
         a.remote_id == b.remote_id && a.ppk == b.ppk &&
         std::equal(a.ppks.begin(), a.ppks.end(), b.ppks.begin(), b.ppks.end(),
                    [](const ike::PpkKey& x, const ike::PpkKey& y) {
                      return x.id == y.id && same_key(x.secret, y.secret);
                    });
}

}  // namespace espalier::tunnel
