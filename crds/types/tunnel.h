// Tunnel (namespaced): one peer outside the cluster, or any peer, from one node.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "crds/types/meta.h"
#include "crds/types/settings.h"

namespace espalier::crds {

enum class TunnelMode : std::uint8_t { kTunnel, kTransport };
enum class TunnelEnforcement : std::uint8_t { kRequired, kPreferred };

struct TunnelAuthentication {
  enum class Type : std::uint8_t { kX509, kPsk };
  Type type = Type::kX509;
  // kX509, local side: the Secret with tls.crt and tls.key (its key is empty). kX509, remote side:
  // the trust anchors. kPsk: the shared key.
  SecretKeyRef secret;

  friend bool operator==(const TunnelAuthentication&, const TunnelAuthentication&) = default;
};

struct TunnelLocal {
  std::string node;
  std::optional<IpAddress> address;
  std::string identity;         // empty: the address, or what the certificate says
  std::vector<Prefix> subnets;  // empty: the address that IKE runs on
  TunnelAuthentication authentication;

  friend bool operator==(const TunnelLocal&, const TunnelLocal&) = default;
};

struct TunnelRemote {
  std::vector<IpAddress> addresses;  // tried in order; empty: any peer
  std::string identity;              // empty: the one it proves
  std::vector<Prefix> subnets;       // empty: the address that IKE runs on
  TunnelAuthentication authentication;

  friend bool operator==(const TunnelRemote&, const TunnelRemote&) = default;
};

struct TunnelSpec {
  TunnelEnforcement enforcement = TunnelEnforcement::kRequired;
  TunnelMode mode = TunnelMode::kTunnel;
  Establish establish = Establish::kEager;
  TunnelLocal local;
  TunnelRemote remote;
  std::optional<Duration> idle_timeout;
  std::optional<OnNegotiation> on_negotiation;  // left out: Hold, with Preferred Pass
  std::optional<OnFailure> on_failure;          // left out: Drop, with Preferred Pass
  Ppk ppk;
  Ike ike;
  Esp esp;
  Encapsulation encapsulation;
  Liveness liveness;
  Offload offload = Offload::kAuto;
  bool narrowing = false;

  friend bool operator==(const TunnelSpec&, const TunnelSpec&) = default;
};

struct Tunnel {
  Meta meta;
  TunnelSpec spec;
};

}  // namespace espalier::crds
