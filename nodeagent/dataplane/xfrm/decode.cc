#include "nodeagent/dataplane/xfrm/decode.h"

#include <algorithm>
#include <cerrno>

#include "nodeagent/dataplane/xfrm/attributes.h"
#include "nodeagent/dataplane/xfrm/decode_parts.h"

namespace espalier::dataplane::xfrm {

tl::unexpected<Error> too_short(std::string what) {
  return fail(Code::kTruncated, std::move(what), "the kernel's message is too short");
}

std::optional<RawMessage> take_message(ByteView& datagram) {
  const auto header = Attributes::read_front<nlmsghdr>(datagram);
  if (!header || header->nlmsg_len < sizeof(nlmsghdr) || header->nlmsg_len > datagram.size()) {
    return std::nullopt;
  }
  const std::size_t length = header->nlmsg_len;
  RawMessage message{*header, datagram.subspan(sizeof(nlmsghdr), length - sizeof(nlmsghdr))};
  const std::size_t aligned = (length + NLMSG_ALIGNTO - 1) & ~std::size_t{NLMSG_ALIGNTO - 1};
  datagram = datagram.subspan(std::min(aligned, datagram.size()));
  return message;
}

Result<Answer> decode_answer(const RawMessage& message) {
  const auto body = Attributes::read_front<nlmsgerr>(message.payload);
  if (!body) return too_short("NLMSG_ERROR");
  Answer answer;
  answer.error = body->error < 0 && body->error >= -4095 ? -body->error
                 : body->error == 0                      ? 0
                                                         : EIO;
  if ((message.header.nlmsg_flags & NLM_F_ACK_TLVS) == 0) return answer;
  // The request's bytes come back, too, unless they are capped to its header.
  std::size_t behind = sizeof(nlmsgerr);
  if ((message.header.nlmsg_flags & NLM_F_CAPPED) == 0) {
    if (body->msg.nlmsg_len < sizeof(nlmsghdr)) return answer;
    const std::size_t echoed = body->msg.nlmsg_len - sizeof(nlmsghdr);
    behind += (echoed + NLMSG_ALIGNTO - 1) & ~std::size_t{NLMSG_ALIGNTO - 1};
  }
  if (behind > message.payload.size()) return answer;
  const Attributes attributes(message.payload.subspan(behind));
  const auto text = attributes.bytes(NLMSGERR_ATTR_MSG);
  const auto end = std::find(text.begin(), text.end(), std::uint8_t{0});
  for (auto octet = text.begin(); octet != end; ++octet) {
    answer.text += *octet >= 0x20 && *octet < 0x7f ? static_cast<char>(*octet) : '?';
  }
  return answer;
}

}  // namespace espalier::dataplane::xfrm
