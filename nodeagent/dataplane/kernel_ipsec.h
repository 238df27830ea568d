// KernelIpsec: the port to the kernel's SAs and policies. xfrm/ is the kernel, fake/ a simulated
// one.
//
// Guarantees: the steps of one apply() reach the kernel in order, by one system call; each has its
// own result, and a failed step does not stop those behind it. Keys are wiped from every buffer on
// the way, and none ever comes back.
// Assumptions: one thread calls at a time; a call returns when the kernel has answered.
// Caveats: not atomic; nothing is remembered here: what stands in the kernel is the state.
//
// Errors: kNotFound (no such SA, policy, or reservation), kExists, kDenied (no CAP_NET_ADMIN),
// kInvalid (refused before the kernel was asked), kUnavailable (no memory or buffer: try again),
// kUnsupported (an algorithm or family this kernel lacks), kKernel otherwise. `where` names the SA
// or policy, `detail` the kernel's errno and its own words.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "nodeagent/dataplane/esp_algorithm.h"
#include "nodeagent/dataplane/kernel_event.h"
#include "nodeagent/dataplane/policy.h"
#include "nodeagent/dataplane/sa.h"

namespace espalier::dataplane {

// A new SA under an SPI that the peer chose (or that nobody reserved). kExists if it stands.
struct AddSa {
  Sa sa{};
  EspKeys keys{};
};
// Makes an SA of a reserved SPI (allocate_spis). kNotFound if the reservation is gone.
struct CompleteSa {
  Sa sa{};
  EspKeys keys{};
};
// New lifetimes, encapsulation ports or selector for an SA that stands; its keys, counters and
// sequence numbers stay. `sa` repeats the rest as it was. An encapsulation can change, but neither
// come nor go.
struct ChangeSa {
  Sa sa{};
};
struct DeleteSa {
  SaId sa{};
};
// Makes the policy, or replaces the one with the same PolicyId.
struct SetPolicy {
  Policy policy{};
};
struct DeletePolicy {
  PolicyId policy{};
};

using Step = std::variant<AddSa, CompleteSa, ChangeSa, DeleteSa, SetPolicy, DeletePolicy>;

// A free SPI for an inbound SA, reserved for net.core.xfrm_acq_expires seconds (30).
struct SpiRequest {
  IpAddress source{};       // the peer
  IpAddress destination{};  // we
  std::uint32_t reqid = 0;
  Mode mode = Mode::kTransport;
};

struct PolicyState {
  Policy policy{};  // index as the kernel gave it
  Usage usage{};    // the kernel counts no bytes and packets here
};

// What this kernel can do, found out once by asking it.
struct Capabilities {
  bool esp = false;           // ESP SAs at all
  bool esp_ipv6 = false;      // and between IPv6 addresses
  bool esn = false;           // 64-bit sequence numbers
  bool sa_direction = false;  // SAs have a direction (Linux 6.10)
  bool esp_in_udp = false;
  bool esp_in_tcp = false;
  std::vector<EspAlgorithm> algorithms{};  // of those we know
  std::string reason{};                    // where esp or esp_ipv6 is false: why
};

class KernelIpsec {
 public:
  virtual ~KernelIpsec() = default;

  // One Status per step, in order. Large batches are good: a system call costs far more than a
  // step.
  [[nodiscard]] virtual std::vector<Status> apply(std::span<const Step> steps) = 0;

  // One SPI per request, in order.
  [[nodiscard]] virtual std::vector<Result<std::uint32_t>> allocate_spis(
      std::span<const SpiRequest> requests) = 0;

  // Every SA and every policy of this network namespace, ours and others'. ESP only; policies of
  // the main kind only (no sub-policies, no socket policies).
  [[nodiscard]] virtual Result<std::vector<SaState>> dump_sas() = 0;
  [[nodiscard]] virtual Result<std::vector<PolicyState>> dump_policies() = 0;

  // The named SAs as they stand now, one result each, in order.
  [[nodiscard]] virtual std::vector<Result<SaState>> query(std::span<const SaId> sas) = 0;

  [[nodiscard]] virtual const Capabilities& capabilities() = 0;

  // The same for one.
  [[nodiscard]] Status apply(const Step& step);
  [[nodiscard]] Result<std::uint32_t> allocate_spi(const SpiRequest& request);
  [[nodiscard]] Result<SaState> query(const SaId& sa);
};

}  // namespace espalier::dataplane
