#include "nodeagent/dataplane/kernel_ipsec.h"

namespace espalier::dataplane {

Status KernelIpsec::apply(const Step& step) {
  auto results = apply(std::span<const Step>(&step, 1));
  return std::move(results.front());
}

Result<std::uint32_t> KernelIpsec::allocate_spi(const SpiRequest& request) {
  auto results = allocate_spis(std::span<const SpiRequest>(&request, 1));
  return std::move(results.front());
}

Result<SaState> KernelIpsec::query(const SaId& sa) {
  auto results = query(std::span<const SaId>(&sa, 1));
  return std::move(results.front());
}

}  // namespace espalier::dataplane
