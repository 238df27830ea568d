// Message: one netlink message on its way to the kernel.
//
// Guarantees: move-only; its memory is wiped before it is given back, because it may hold keys.
// Caveat: a message that ran out of room says so once, by complete().
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include <linux/netlink.h>

#include "base/bytes.h"

struct nl_msg;

namespace espalier::dataplane::xfrm {

class Message {
 public:
  // `body` is the message's fixed structure; NLM_F_REQUEST is added to `flags`.
  template <typename Body>
  Message(int type, const Body& body, int flags = 0)
      : Message(type, ByteView(reinterpret_cast<const std::uint8_t*>(&body), sizeof(Body)), flags) {
  }
  Message(int type, ByteView body, int flags);

  void put(int attribute, ByteView value);
  template <typename Value>
  void put(int attribute, const Value& value) {
    put(attribute, ByteView(reinterpret_cast<const std::uint8_t*>(&value), sizeof(Value)));
  }

  [[nodiscard]] bool complete() const { return complete_; }
  [[nodiscard]] nlmsghdr& header();
  [[nodiscard]] const nlmsghdr& header() const;
  [[nodiscard]] ByteView bytes() const;

 private:
  struct WipeAndFree {
    void operator()(nl_msg* message) const;
  };
  std::unique_ptr<nl_msg, WipeAndFree> message_;
  bool complete_ = true;
};

}  // namespace espalier::dataplane::xfrm
