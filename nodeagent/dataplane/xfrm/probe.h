// What the running kernel can do, found out by asking it.
#pragma once

#include "base/result.h"
#include "nodeagent/dataplane/kernel_ipsec.h"
#include "nodeagent/dataplane/xfrm/encode.h"
#include "nodeagent/dataplane/xfrm/exchange.h"

namespace espalier::dataplane::xfrm {

// By reserving an SPI with a direction: a kernel that knows directions gives it back. Works without
// ESP, too. kDenied without CAP_NET_ADMIN.
[[nodiscard]] Result<KernelFeatures> probe_features(Exchange& exchange);

// By making one SA of each kind and deleting it at once.
[[nodiscard]] Capabilities probe_capabilities(Exchange& exchange, KernelFeatures features);

}  // namespace espalier::dataplane::xfrm
