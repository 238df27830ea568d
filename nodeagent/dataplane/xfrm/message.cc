#include "nodeagent/dataplane/xfrm/message.h"

#include <cstring>
#include <new>

#include <netlink/attr.h>
#include <netlink/msg.h>

namespace espalier::dataplane::xfrm {

namespace {

// The longest we send, an SA with AES-CBC, HMAC-SHA2-512, encapsulation, offload and ESN, is below
// 700 octets.
constexpr std::size_t kRoom = 1024;

}  // namespace

void Message::WipeAndFree::operator()(nl_msg* message) const {
  explicit_bzero(nlmsg_hdr(message), nlmsg_get_max_size(message));
  nlmsg_free(message);
}

Message::Message(int type, ByteView body, int flags) : message_(nlmsg_alloc_size(kRoom)) {
  if (!message_) throw std::bad_alloc();
  nlmsghdr* header =
      nlmsg_put(message_.get(), 0, 0, type, static_cast<int>(body.size()), flags | NLM_F_REQUEST);
  if (header == nullptr) {
    complete_ = false;
    return;
  }
  if (!body.empty()) std::memcpy(nlmsg_data(header), body.data(), body.size());
}

void Message::put(int attribute, ByteView value) {
  if (nla_put(message_.get(), attribute, static_cast<int>(value.size()), value.data()) != 0) {
    complete_ = false;
  }
}

nlmsghdr& Message::header() {
  return *nlmsg_hdr(message_.get());
}
const nlmsghdr& Message::header() const {
  return *nlmsg_hdr(message_.get());
}

ByteView Message::bytes() const {
  return {reinterpret_cast<const std::uint8_t*>(&header()), header().nlmsg_len};
}

}  // namespace espalier::dataplane::xfrm
