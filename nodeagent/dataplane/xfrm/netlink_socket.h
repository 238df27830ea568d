// NetlinkSocket: one NETLINK_XFRM socket of libnl, and datagrams read from it many at a time.
//
// Guarantees: nothing blocks: the kernel answers a request before the send returns. What was
// received is wiped after it was looked at, because it may hold keys.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "base/result.h"
#include "base/secret_bytes.h"
#include "nodeagent/dataplane/xfrm/decode.h"

struct nl_sock;

namespace espalier::dataplane::xfrm {

class NetlinkSocket {
 public:
  [[nodiscard]] static Result<NetlinkSocket> open();

  [[nodiscard]] int fd() const;
  [[nodiscard]] std::uint32_t port() const;
  [[nodiscard]] std::size_t send_room() const { return send_room_; }        // bytes
  [[nodiscard]] std::size_t receive_room() const { return receive_room_; }  // bytes

  [[nodiscard]] Status join(int group);

  struct Received {
    std::size_t datagrams = 0;  // 0: nothing is waiting
    bool overrun = false;       // something was lost before these (ENOBUFS)
  };
  // Reads what waits, up to one system call's worth, and gives each message to `each`.
  [[nodiscard]] Result<Received> receive(const std::function<void(const RawMessage&)>& each);
  // The same for the answers of a dump, which want one large buffer.
  [[nodiscard]] Result<Received> receive_large(const std::function<void(const RawMessage&)>& each);

  // One datagram of all the pieces, in order.
  [[nodiscard]] Status send(std::span<const ByteView> pieces);

 private:
  struct Free {
    void operator()(nl_sock* socket) const;
  };
  NetlinkSocket() = default;
  void make_room();

  std::unique_ptr<nl_sock, Free> socket_;
  std::size_t send_room_ = 0;
  std::size_t receive_room_ = 0;
  SecretBytes buffer_;
};

}  // namespace espalier::dataplane::xfrm
