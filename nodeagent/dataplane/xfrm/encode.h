// Steps and questions as the kernel's messages. Pure: no socket, no clock.
//
// Guarantees: a value the kernel would misread (mixed families, an SPI below 256, keys of the wrong
// size) is refused with kInvalid, before the kernel sees it.
#pragma once

#include "base/result.h"
#include "nodeagent/dataplane/kernel_ipsec.h"
#include "nodeagent/dataplane/xfrm/message.h"

namespace espalier::dataplane::xfrm {

// What the encoding depends on.
struct KernelFeatures {
  bool sa_direction = false;  // XFRMA_SA_DIR is known (Linux 6.10)
};

[[nodiscard]] Result<Message> encode(const AddSa& step, KernelFeatures features);
[[nodiscard]] Result<Message> encode(const CompleteSa& step, KernelFeatures features);
// The kernel wants keys of the right size here, too, and does not look at them where the SA stands.
// `filler` must be unpredictable: were the SA no more than a reservation, it would get these keys.
[[nodiscard]] Result<Message> encode(const ChangeSa& step, const EspKeys& filler,
                                     KernelFeatures features);
[[nodiscard]] Result<Message> encode(const DeleteSa& step);
[[nodiscard]] Result<Message> encode(const SetPolicy& step);
[[nodiscard]] Result<Message> encode(const DeletePolicy& step);
[[nodiscard]] Result<Message> encode(const SpiRequest& request, KernelFeatures features);

[[nodiscard]] Message encode_get_sa(const SaId& sa);
[[nodiscard]] Message encode_dump_sas();
[[nodiscard]] Message encode_dump_policies();

// "SA 0xc0ffee01 to 10.0.0.2", "policy out …": what a step is about, for people.
[[nodiscard]] std::string subject_of(const Step& step);
[[nodiscard]] std::string subject_of(const SpiRequest& request);

}  // namespace espalier::dataplane::xfrm
