// Any datagram from the kernel: walked and decoded as every kind of message it could be.
#include <cstddef>
#include <vector>

#include "cmake/fuzz/fuzz_one.h"
#include "nodeagent/dataplane/xfrm/decode.h"
#include "nodeagent/dataplane/xfrm/encode.h"

void fuzz_one(std::span<const std::uint8_t> input) {
  using namespace espalier;
  using namespace espalier::dataplane;
  using namespace espalier::dataplane::xfrm;
  // Receive buffers are aligned as netlink wants it.
  std::vector<std::uint32_t> aligned((input.size() + 3) / 4);
  auto* bytes = reinterpret_cast<std::uint8_t*>(aligned.data());
  std::copy(input.begin(), input.end(), bytes);
  ByteView datagram(bytes, input.size());
  while (const auto message = take_message(datagram)) {
    static_cast<void>(decode_answer(*message));
    static_cast<void>(decode_event(*message));
    static_cast<void>(shows_sa_direction(*message));
    const auto sa = decode_sa(*message);
    if (sa) static_cast<void>(encode(DeleteSa{id_of(sa->sa)}));
    const auto policy = decode_policy(*message);
    // What the kernel shows can be set again as it is.
    if (policy && !encode(SetPolicy{policy->policy}) &&
        policy->policy.action == Policy::Action::kAllow) {
      __builtin_trap();
    }
  }
}
