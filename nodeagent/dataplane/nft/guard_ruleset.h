// The guard as text for nftables. Pure: the same layout gives the same text.
//
// Where packets are looked at: after defragmentation; inbound before routing, under the addresses
// they come with and, where those were translated, under the others; outbound after source
// translation, under the addresses they go with and, where those were translated, under the
// sender's own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "nodeagent/dataplane/nft/guard_layout.h"

namespace espalier::dataplane::nft {

// One transaction that makes the table anew. `counts` are what its counters begin with (as
// parse_counts() gives them; empty: zero).
[[nodiscard]] std::string render_table(const Layout& layout,
                                       const std::vector<ClearTrafficCount>& counts);

// One transaction that makes the sets of `from` those of `to`; same_shape(from, to). Empty where
// there is nothing to do.
[[nodiscard]] std::string render_changes(const Layout& from, const Layout& to);

[[nodiscard]] std::string render_removal();

// What `list counters table inet espalier` says, as four counts.
inline constexpr std::string_view kListCounters = "list counters table inet espalier";
[[nodiscard]] Result<std::vector<ClearTrafficCount>> parse_counts(std::string_view text);

}  // namespace espalier::dataplane::nft
