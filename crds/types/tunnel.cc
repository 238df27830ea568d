#include "crds/types/tunnel.h"

#include <algorithm>

#include "crds/types/kinds.h"
#include "crds/types/settings_shape.h"

namespace espalier::crds {

namespace {

enum class Side { kLocal, kRemote };

// As it is written: a type and a member of the same name.
struct WrittenAuthentication {
  TunnelAuthentication::Type type = TunnelAuthentication::Type::kX509;
  std::optional<SecretKeyRef> x509;
  std::optional<SecretKeyRef> psk;
  bool raw_key = false;
};

struct X509 {
  SecretKeyRef ref;
};

Value<SecretKeyRef> x509_member(Side side) {
  Shape<X509> shape;
  if (side == Side::kLocal) {
    struct Name {
      std::string name;
    };
    Shape<Name> whole;
    whole.required("name", &Name::name, text(253, is_dns_subdomain, "the name of a Secret"));
    const Value<Name> named = whole.value();
    shape.required(
        "certificateRef", &X509::ref,
        Value<SecretKeyRef>{named.schema,
                            [read = named.read](const Cursor& here) -> std::optional<SecretKeyRef> {
                              auto got = read(here);
                              if (!got) return std::nullopt;
                              return SecretKeyRef{std::move(got->name), {}};
                            }});
  } else {
    shape.required("trustRef", &X509::ref, secret_ref("ca.crt"));
    shape.not_yet("revocation", "revocation lists (CRL)");
  }
  const Value<X509> x509 = shape.value();
  return {x509.schema, [read = x509.read](const Cursor& here) -> std::optional<SecretKeyRef> {
            auto got = read(here);
            if (!got) return std::nullopt;
            return std::move(got->ref);
          }};
}

Value<TunnelAuthentication> tunnel_authentication(Side side) {
  using Type = TunnelAuthentication::Type;
  using Written = WrittenAuthentication;
  Shape<Written> shape;
  shape.required("type", &Written::type,
                 choice<Type>({{"X509", Type::kX509, {}},
                               {"PSK", Type::kPsk, {}},
                               {"RawKey", Type::kX509, "raw public keys"},
                               {"Anonymous", Type::kX509, "NULL authentication (RFC 7619)"}}));
  shape.optional("x509", &Written::x509, x509_member(side));
  shape.optional("psk", &Written::psk, psk_member());
  shape.optional("rawKey", &Written::raw_key, present());
  shape.rule([](const Written& value, const Cursor& here) {
    const bool x509 = value.type == Type::kX509;
    if (x509 && !value.x509) here.invalid("`x509` is missing: type X509 needs it");
    if (!x509 && !value.psk) here.invalid("`psk` is missing: type PSK needs it");
    if (!x509 && value.x509) here.at("x509").invalid("goes with type X509 only");
    if (x509 && value.psk) here.at("psk").invalid("goes with type PSK only");
    if (value.raw_key) here.at("rawKey").invalid("goes with type RawKey only");
  });
  const Value<Written> written = shape.value();
  return {written.schema,
          [read = written.read](const Cursor& here) -> std::optional<TunnelAuthentication> {
            auto got = read(here);
            if (!got) return std::nullopt;
            return TunnelAuthentication{
                got->type, std::move(got->type == Type::kX509 ? *got->x509 : *got->psk)};
          }};
}

Value<TunnelLocal> tunnel_local() {
  struct Written : TunnelLocal {
    bool node_selector = false;
  };
  Shape<Written> shape;
  shape.optional("node", &Written::node, text(253, is_dns_subdomain, "the name of a node"));
  shape.not_yet("nodeSelector", "choice of a gateway among several nodes; name one with `node`");
  shape.optional("address", &Written::address, address());
  shape.optional("identity", &Written::identity, identity());
  shape.optional("subnets", &Written::subnets, prefixes(1, 64));
  shape.required("authentication", &Written::authentication, tunnel_authentication(Side::kLocal));
  shape.rule([](const Written& value, const Cursor& here) {
    if (value.node.empty()) here.invalid("`node` is missing");
  });
  const Value<Written> written = shape.value();
  return {written.schema, [read = written.read](const Cursor& here) -> std::optional<TunnelLocal> {
            auto got = read(here);
            if (!got) return std::nullopt;
            return TunnelLocal(std::move(*got));
          }};
}

// An address; a name that DNS could resolve is known, but not there yet.
Value<IpAddress> remote_address() {
  Value<IpAddress> value = address();
  value.schema["maxLength"] = 253;
  value.read = [read = std::move(value.read)](const Cursor& here) -> std::optional<IpAddress> {
    const auto* given =
        here.json().is_string() ? here.json().get_ptr<const std::string*>() : nullptr;
    const bool is_name = given && is_dns_subdomain(*given) &&
                         given->find_first_not_of("0123456789.") != std::string::npos;
    if (!is_name) return read(here);
    here.not_yet("DNS names of peers; allowed now: an IP address");
    return std::nullopt;
  };
  return value;
}

Value<TunnelRemote> tunnel_remote() {
  Shape<TunnelRemote> shape;
  shape.optional("addresses", &TunnelRemote::addresses, set(remote_address(), 1, 16));
  shape.optional("identity", &TunnelRemote::identity, identity());
  shape.optional("subnets", &TunnelRemote::subnets, prefixes(1, 64));
  shape.required("authentication", &TunnelRemote::authentication,
                 tunnel_authentication(Side::kRemote));
  return shape.value();
}

std::string_view family_name(IpFamily family) {
  return family == IpFamily::kV4 ? "IPv4" : "IPv6";
}

bool has_family(const std::vector<Prefix>& prefixes, IpFamily family) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const Prefix& prefix) { return prefix.family() == family; });
}

// Every subnet needs one of its family at the other end, else no packet could ever match it.
void check_families(const std::vector<Prefix>& these, const std::vector<Prefix>& others,
                    const std::string& other_field, const Cursor& here) {
  if (these.empty() || others.empty()) return;
  for (std::size_t i = 0; i < these.size(); ++i) {
    if (has_family(others, these[i].family())) continue;
    here.at(i).invalid(fmt::format("{} has no counterpart: {} has no {} block",
                                   these[i].to_string(), other_field,
                                   family_name(these[i].family())));
  }
}

void check_subnets(const TunnelSpec& spec, const Cursor& here) {
  if (spec.mode == TunnelMode::kTransport) {
    const std::string only =
        "goes with mode: Tunnel only; in Transport mode the addresses of the peers are meant";
    if (!spec.local.subnets.empty()) here.at("local").at("subnets").invalid(only);
    if (!spec.remote.subnets.empty()) here.at("remote").at("subnets").invalid(only);
    return;
  }
  const auto& local = spec.local.subnets;
  const auto& remote = spec.remote.subnets;
  if (!local.empty())
    check_families(local, remote, "spec.remote.subnets", here.at("local").at("subnets"));
  if (!remote.empty())
    check_families(remote, local, "spec.local.subnets", here.at("remote").at("subnets"));
  for (std::size_t i = 0; i < remote.size(); ++i) {
    for (std::size_t j = 0; j < local.size(); ++j) {
      if (!remote[i].overlaps(local[j])) continue;
      // All addresses on one side are fine: the other side's block is the more specific one.
      if (remote[i].length() == 0 || local[j].length() == 0) continue;
      here.at("remote").at("subnets").at(i).invalid(
          fmt::format("{} overlaps {} (spec.local.subnets[{}])", remote[i].to_string(),
                      local[j].to_string(), j));
    }
  }
}

void check_addresses(const TunnelSpec& spec, const Cursor& here) {
  if (spec.remote.addresses.empty()) {
    if (spec.establish != Establish::kPassive) {
      here.invalid(
          "without remote.addresses any peer may come, so nobody can be called: "
          "allowed is establish: Passive, or give addresses");
    }
    return;
  }
  const auto& addresses = spec.remote.addresses;
  const IpFamily family = spec.local.address ? spec.local.address->family() : addresses[0].family();
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    if (addresses[i].family() == family) continue;
    here.at("remote")
        .at("addresses")
        .at(i)
        .invalid(fmt::format("{} is not {}, as {} is; one Tunnel runs over one family",
                             addresses[i].to_string(), family_name(family),
                             spec.local.address ? "spec.local.address" : "the first address"));
  }
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    if (spec.local.address == addresses[i]) {
      here.at("remote").at("addresses").at(i).invalid("is spec.local.address itself");
    }
  }
}

void check_tunnel(const TunnelSpec& spec, const Cursor& here) {
  check_subnets(spec, here);
  check_addresses(spec, here);
  if (spec.enforcement == TunnelEnforcement::kRequired) {
    if (spec.on_negotiation == OnNegotiation::kPass) {
      here.at("onNegotiation").invalid("Pass goes with enforcement: Preferred only; allowed: Hold");
    }
    if (spec.on_failure == OnFailure::kPass) {
      here.at("onFailure").invalid("Pass goes with enforcement: Preferred only; allowed: Drop");
    }
  }
  if (spec.idle_timeout && spec.establish == Establish::kEager) {
    here.at("idleTimeout").invalid("goes with establish: OnDemand or Passive only");
  }
}

// MOBIKE may be left out or off.
Value<bool> mobike() {
  return {{{"type", "boolean"}}, [](const Cursor& here) -> std::optional<bool> {
            const auto on = boolean().read(here);
            if (on == true) {
              here.not_yet("MOBIKE (RFC 4555); allowed now: false");
              return std::nullopt;
            }
            return on;
          }};
}

}  // namespace

Value<TunnelSpec> tunnel_spec() {
  struct Written : TunnelSpec {
    bool mobike = false;
  };
  Shape<Written> shape;
  shape.optional("enforcement", &Written::enforcement,
                 choice<TunnelEnforcement>({{"Required", TunnelEnforcement::kRequired, {}},
                                            {"Preferred", TunnelEnforcement::kPreferred, {}}}));
  shape.optional("mode", &Written::mode,
                 choice<TunnelMode>({{"Tunnel", TunnelMode::kTunnel, {}},
                                     {"Transport", TunnelMode::kTransport, {}}}));
  shape.optional("establish", &Written::establish,
                 choice<Establish>({{"Eager", Establish::kEager, {}},
                                    {"OnDemand", Establish::kOnDemand, {}},
                                    {"Passive", Establish::kPassive, {}}}));
  shape.required("local", &Written::local, tunnel_local());
  shape.required("remote", &Written::remote, tunnel_remote());
  shape.not_yet("addressPool", "addresses handed out to clients");
  shape.optional("idleTimeout", &Written::idle_timeout, idle_timeout());
  shape.optional("onNegotiation", &Written::on_negotiation, on_negotiation());
  shape.optional("onFailure", &Written::on_failure, on_failure());
  shape.optional("ppk", &Written::ppk, ppk_settings());
  shape.optional("ike", &Written::ike, ike_settings());
  shape.optional("esp", &Written::esp, esp_settings());
  shape.optional("encapsulation", &Written::encapsulation, encapsulation_settings());
  shape.optional("liveness", &Written::liveness, liveness_settings());
  shape.optional("offload", &Written::offload, offload());
  shape.optional("narrowing", &Written::narrowing, boolean());
  shape.optional("mobike", &Written::mobike, mobike());
  shape.rule([](const Written& value, const Cursor& here) { check_tunnel(value, here); });
  const Value<Written> written = shape.value();
  return {written.schema, [read = written.read](const Cursor& here) -> std::optional<TunnelSpec> {
            auto got = read(here);
            if (!got) return std::nullopt;
            return TunnelSpec(std::move(*got));
          }};
}

}  // namespace espalier::crds
