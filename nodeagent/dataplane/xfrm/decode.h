// The kernel's messages as our values. Pure: no socket, no clock.
//
// Guarantees: total: any bytes give a value, an Error or nothing, never a crash or a read outside.
// Keys in a message are not looked at.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <linux/netlink.h>

#include "base/bytes.h"
#include "base/result.h"
#include "nodeagent/dataplane/kernel_ipsec.h"

namespace espalier::dataplane::xfrm {

// One message of a datagram: its header, copied, and its bytes behind that.
struct RawMessage {
  nlmsghdr header{};
  ByteView payload;
};

// Takes the first message off a datagram; nullopt at its end, or where it is malformed.
[[nodiscard]] std::optional<RawMessage> take_message(ByteView& datagram);

// The kernel's answer to a request: NLMSG_ERROR, also when all went well.
struct Answer {
  int error = 0;     // errno, 0 = done
  std::string text;  // the extended acknowledgement's words, if any
};
[[nodiscard]] Result<Answer> decode_answer(const RawMessage& message);

// NEWSA (of GETSA, of a dump, of ALLOCSPI). kUnsupported: an SA of a kind that is none of ours (AH,
// BEET mode).
[[nodiscard]] Result<SaState> decode_sa(const RawMessage& message);
// NEWPOLICY. kUnsupported: a policy with several templates or of a kind we do not make.
[[nodiscard]] Result<PolicyState> decode_policy(const RawMessage& message);
// A notification; nullopt for those that say nothing to us. An Error for malformed ones.
[[nodiscard]] Result<std::optional<KernelEvent>> decode_event(const RawMessage& message);

// Whether a message of ALLOCSPI or GETSA shows that the kernel keeps the direction of SAs.
[[nodiscard]] bool shows_sa_direction(const RawMessage& message);

}  // namespace espalier::dataplane::xfrm
