// NftGuard: ClearTrafficGuard as a table of nftables, `inet espalier`, in the network namespace of
// the calling thread.
//
// Guarantees: each change is one transaction. Nothing outside the table is looked at or touched.
// Caveat: the table makes the kernel track connections (it must see datagrams whole, and behind
// translations).
#pragma once

#include <optional>

#include "nodeagent/dataplane/clear_traffic_guard.h"
#include "nodeagent/dataplane/nft/guard_layout.h"

namespace espalier::dataplane::nft {

class NftGuard final : public ClearTrafficGuard {
 public:
  [[nodiscard]] Status set_rules(const ClearTrafficRules& rules) override;
  [[nodiscard]] Result<std::vector<ClearTrafficCount>> counts() override;
  [[nodiscard]] Status remove() override;

 private:
  std::optional<Layout> standing_;  // none: not known
};

}  // namespace espalier::dataplane::nft
