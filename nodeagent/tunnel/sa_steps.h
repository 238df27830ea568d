// One Child SA of the engine as the kernel's two SAs: pure translation.
#pragma once

#include <cstdint>
#include <optional>

#include "ike/output.h"
#include "nodeagent/dataplane/esp_algorithm.h"
#include "nodeagent/dataplane/sa.h"

namespace espalier::tunnel {

struct SaSettings {
  std::uint32_t reqid = 0;
  Duration lifetime{};  // soft, of the engine: the kernel's limits stand far above
  std::uint32_t replay_window = 0;
  std::optional<dataplane::Mark> mark_written = std::nullopt;  // by the inbound SA
};

// kUnsupported: a suite that the kernel port does not know.
[[nodiscard]] Result<dataplane::EspAlgorithm> kernel_algorithm(const ike::crypto::EspSuite& suite);
[[nodiscard]] ike::crypto::EspSuite engine_suite(const dataplane::EspAlgorithm& algorithm);
[[nodiscard]] dataplane::EspKeys kernel_keys(ike::crypto::EspKeys keys);

// `first_use`: the kernel shall tell the first packet (by an Expire; then give the SA its real
// lifetimes by a ChangeSa with first_use false).
[[nodiscard]] Result<dataplane::Sa> inbound_sa(const ike::ChildSaInfo& child,
                                               const SaSettings& settings, bool first_use);
[[nodiscard]] Result<dataplane::Sa> outbound_sa(const ike::ChildSaInfo& child,
                                                const SaSettings& settings);

// The kernel's limits for one SA. The soft ones make the engine rekey; the hard ones end the
// traffic, so they stand where going on would be worse: sequence numbers without ESN, and the bound
// on blocks under one key. `spi` spreads the two ends' and directions' soft limits.
[[nodiscard]] dataplane::Lifetimes lifetimes_of(Duration soft_lifetime, bool esn,
                                                std::uint32_t spi);

[[nodiscard]] dataplane::SaId inbound_id(const ike::ChildSaInfo& child);
[[nodiscard]] dataplane::SaId outbound_id(const ike::ChildSaInfo& child);

}  // namespace espalier::tunnel
