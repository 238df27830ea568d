// What the kernel tells on its own, as data.
//
// Assumption: events are hints. They may come late, in another order than answers on the request
// socket, and some may be lost (Overrun): whoever acts on one must be able to find the same by a
// dump.
// Caveat: changes that this process made itself are left out.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "base/ip.h"
#include "nodeagent/dataplane/policy.h"
#include "nodeagent/dataplane/sa.h"

namespace espalier::dataplane {

// A packet met a template without an SA. The kernel repeats it only after the placeholder expired
// (net.core.xfrm_acq_expires, 30 s).
struct Acquire {
  Selector packet{};  // the packet's own addresses, protocol and ports
  PolicyId policy{};  // whose template it was
  std::uint32_t policy_index = 0;
  std::uint32_t reqid = 0;
  Mode mode = Mode::kTransport;
  IpAddress source{};  // the ends of the SA that is wanted
  IpAddress destination{};
};

// A limit was reached. After a hard one the SA is gone.
struct Expire {
  SaId sa{};
  std::uint32_t reqid = 0;
  bool hard = false;
  Usage usage{};
};

// An authenticated packet of a UDP-encapsulated SA came from another address or port (NAT rebound).
struct Mapping {
  SaId sa{};
  std::uint32_t reqid = 0;
  Endpoint old_source{};
  Endpoint new_source{};
};

// Somebody else, or a hard limit, deleted an SA.
struct SaDeleted {
  SaId sa{};
  std::uint32_t reqid = 0;
};

// Somebody else deleted, or set, a policy.
struct PolicyDeleted {
  PolicyId policy{};
  std::uint32_t index = 0;
};
struct PolicySet {
  Policy policy{};
};

// Somebody else flushed them all.
struct SasFlushed {};
struct PoliciesFlushed {};

// Events were lost (ENOBUFS): read everything again.
struct Overrun {};

using KernelEvent = std::variant<Acquire, Expire, Mapping, SaDeleted, PolicyDeleted, PolicySet,
                                 SasFlushed, PoliciesFlushed, Overrun>;

}  // namespace espalier::dataplane
