// XfrmEvents: what the kernel tells on its own about SAs and policies, from the socket it comes by.
//
// Guarantees: never blocks. A filter in the kernel leaves out new SAs (whose keys would come along)
// and whatever the given port did itself. Lost messages become one Overrun.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "nodeagent/dataplane/kernel_event.h"
#include "nodeagent/dataplane/xfrm/netlink_socket.h"

namespace espalier::dataplane::xfrm {

class XfrmEvents {
 public:
  // `own_port`: XfrmIpsec::port().
  [[nodiscard]] static Result<XfrmEvents> open(std::uint32_t own_port);

  // Readable when events wait.
  [[nodiscard]] int fd() const { return socket_.fd(); }

  // Appends what waits, at most some hundred: call again while fd() is readable.
  [[nodiscard]] Status read(std::vector<KernelEvent>& events);

 private:
  explicit XfrmEvents(NetlinkSocket socket) : socket_(std::move(socket)) {}
  NetlinkSocket socket_;
};

}  // namespace espalier::dataplane::xfrm
