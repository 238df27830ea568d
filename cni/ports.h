// What the plugin asks of the world: the agent of its node, and a pod's link.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "rpc/pods/pod_message.h"

namespace espalier::cni {

class AgentPort {
 public:
  virtual ~AgentPort() = default;
  // Waits for an answer as long as the request's patience, and a moment. kUnavailable: nobody
  // answers at `socket`; kInvalid: what answers there is no agent of ours.
  [[nodiscard]] virtual Result<pods::PodAnswer> ask(const std::string& socket,
                                                    const pods::PodRequest& request) = 0;
};

// One end of a pod's link.
struct LinkEnd {
  std::string ifname;
  bool in_pod = true;
  std::uint32_t mtu = 0;  // octets

  friend bool operator==(const LinkEnd&, const LinkEnd&) = default;
};

class LinkPort {
 public:
  virtual ~LinkPort() = default;
  // The pod's end and, where it is one of a veth pair that ends on the host, the host's, if that is
  // one of `host_ifnames`. kKernel: there is no such interface, or it cannot be read.
  [[nodiscard]] virtual Result<std::vector<LinkEnd>> ends(
      const std::string& netns, const std::string& ifname,
      const std::vector<std::string>& host_ifnames) = 0;
  [[nodiscard]] virtual Status set_mtu(const std::string& netns, const LinkEnd& end,
                                       std::uint32_t mtu) = 0;
};

}  // namespace espalier::cni
