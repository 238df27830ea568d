// PodLink: LinkPort by the kernel's own calls: a socket made in the pod's network namespace
// answers for that namespace, whichever the caller is in.
//
// Assumptions: called with CAP_SYS_ADMIN and CAP_NET_ADMIN, by a process of one thread. Caveat: of
// links that are no veth pair (macvlan, ipvlan, SR-IOV) there is the pod's end only.
#pragma once

#include <string>
#include <vector>

#include "cni/ports.h"

namespace espalier::cni {

class PodLink final : public LinkPort {
 public:
  [[nodiscard]] Result<std::vector<LinkEnd>> ends(
      const std::string& netns, const std::string& ifname,
      const std::vector<std::string>& host_ifnames) override;
  [[nodiscard]] Status set_mtu(const std::string& netns, const LinkEnd& end,
                               std::uint32_t mtu) override;
};

}  // namespace espalier::cni
