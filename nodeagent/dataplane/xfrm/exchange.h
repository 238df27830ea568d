// Exchange: requests to the kernel and their answers, over one NetlinkSocket.
//
// Guarantees: a batch is one sendmsg as long as it fits the socket's room (else as few as
// possible); only its last message asks for an acknowledgement: the kernel works through a datagram
// in order and reports every failure unasked, so silence before the last answer means success.
// Answers are matched by sequence number.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "base/result.h"
#include "nodeagent/dataplane/xfrm/message.h"
#include "nodeagent/dataplane/xfrm/netlink_socket.h"

namespace espalier::dataplane::xfrm {

class Exchange {
 public:
  explicit Exchange(NetlinkSocket socket) : socket_(std::move(socket)) {}

  // Called with the index of a request and a message that answers it (not its acknowledgement).
  using OnReply = std::function<void(std::size_t, const RawMessage&)>;

  // One answer per request, in order. An Error where the answer was lost or never sent.
  [[nodiscard]] std::vector<Result<Answer>> run(std::span<Message> requests,
                                                const OnReply& on_reply);

  // A dump. Each message of it goes to `each`.
  [[nodiscard]] Status dump(Message request, const std::function<void(const RawMessage&)>& each);

  [[nodiscard]] std::uint32_t port() const { return socket_.port(); }

 private:
  void run_part(std::span<Message> requests, std::size_t first, const OnReply& on_reply,
                std::vector<Result<Answer>>& answers);
  // Forgets what an earlier exchange left unread.
  void drain_if_broken_off();

  NetlinkSocket socket_;
  std::uint32_t next_sequence_ = 1;
  bool broken_off_ = false;
};

}  // namespace espalier::dataplane::xfrm
