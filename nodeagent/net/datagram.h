// One IKE message or NAT keepalive as it travels in UDP.
#pragma once

#include "base/bytes.h"
#include "base/ip.h"

namespace espalier::net {

struct Datagram {
  Endpoint local;  // the address the peer wrote to, and the one an answer comes from
  Endpoint remote;
  bool encapsulated = false;  // on the NAT-T port (RFC 3948); the non-ESP marker is never in `data`
  // An IKE message, or to send on the NAT-T port: the one octet 0xff of a keepalive (RFC 3948
  // section 2.3), which goes without the marker.
  Bytes data;

  friend bool operator==(const Datagram&, const Datagram&) = default;
};

}  // namespace espalier::net
