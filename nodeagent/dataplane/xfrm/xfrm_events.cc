#include "nodeagent/dataplane/xfrm/xfrm_events.h"

#include <array>
#include <cerrno>
#include <cstddef>

#include <arpa/inet.h>
#include <linux/filter.h>
#include <sys/socket.h>

#include "nodeagent/dataplane/xfrm/errno_text.h"
#include "nodeagent/dataplane/xfrm/uapi.h"

namespace espalier::dataplane::xfrm {

namespace {

// Socket filters load in network order; a netlink header is in the host's.
std::uint16_t loaded(std::uint16_t value) {
  return htons(value);
}

sock_filter load(std::uint16_t size, std::size_t offset) {
  return {static_cast<std::uint16_t>(BPF_LD | size | BPF_ABS), 0, 0,
          static_cast<std::uint32_t>(offset)};
}
sock_filter jump_if(std::uint32_t equal, std::uint8_t then, std::uint8_t otherwise) {
  return {BPF_JMP | BPF_JEQ | BPF_K, then, otherwise, equal};
}
sock_filter give_back(std::uint32_t octets) {
  return {BPF_RET | BPF_K, 0, 0, octets};
}

Status attach_filter(int fd, std::uint32_t own_port) {
  // An EXPIRE, ACQUIRE or MAPPING passes whatever port it names: the kernel leaves that unset.
  std::array program{
      load(BPF_H, offsetof(nlmsghdr, nlmsg_type)),  // 0
      jump_if(loaded(XFRM_MSG_NEWSA), 8, 0),        // 1: to 10
      jump_if(loaded(XFRM_MSG_UPDSA), 7, 0),        // 2: to 10
      jump_if(loaded(XFRM_MSG_DELSA), 3, 0),        // 3: to 7
      jump_if(loaded(XFRM_MSG_NEWPOLICY), 2, 0),    // 4: to 7
      jump_if(loaded(XFRM_MSG_UPDPOLICY), 1, 0),    // 5: to 7
      jump_if(loaded(XFRM_MSG_DELPOLICY), 0, 2),    // 6: to 7, else to 9
      load(BPF_W, offsetof(nlmsghdr, nlmsg_pid)),   // 7: whose change?
      jump_if(htonl(own_port), 1, 0),               // 8: to 10
      give_back(~0U),                               // 9: pass
      give_back(0),                                 // 10: drop
  };
  sock_fprog filter{};
  filter.len = static_cast<unsigned short>(program.size());
  filter.filter = program.data();
  if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) != 0) {
    return fail(Code::kKernel, "netlink XFRM filter", errno_text(errno));
  }
  return {};
}

}  // namespace

Result<XfrmEvents> XfrmEvents::open(std::uint32_t own_port) {
  auto socket = NetlinkSocket::open();
  if (!socket) return forward(socket);
  if (auto attached = attach_filter(socket->fd(), own_port); !attached) return forward(attached);
  for (const int group :
       {XFRMNLGRP_ACQUIRE, XFRMNLGRP_EXPIRE, XFRMNLGRP_SA, XFRMNLGRP_POLICY, XFRMNLGRP_MAPPING}) {
    if (auto joined = socket->join(group); !joined) return forward(joined);
  }
  return XfrmEvents(std::move(*socket));
}

Status XfrmEvents::read(std::vector<KernelEvent>& events) {
  constexpr int kRounds = 16;  // each one system call; then others have their turn
  bool lost = false;
  for (int round = 0; round < kRounds; ++round) {
    const auto received = socket_.receive([&](const RawMessage& message) {
      auto event = decode_event(message);
      if (!event) {
        lost = true;  // unreadable: what it said must be found by reading everything
      } else if (*event) {
        events.push_back(std::move(**event));
      }
    });
    if (!received) return fail(Code::kKernel, "XFRM events", received.error().detail);
    lost = lost || received->overrun;
    if (received->datagrams == 0 && !received->overrun) break;
  }
  if (lost) events.emplace_back(Overrun{});
  return {};
}

}  // namespace espalier::dataplane::xfrm
