// Journal: what must outlive the agent so that it knows its own again: which reqid is whose, and
// which policies without a template are ours (a kernel may not give them the index we asked for).
//
// Guarantees: decode(encode(x)) == x; decode() takes any text without harm. A line of it is for
// people too. Holds no secret.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "nodeagent/dataplane/policy.h"
#include "nodeagent/tunnel/reqids.h"

namespace espalier::tunnel {

struct Journal {
  std::uint32_t next_reqid = dataplane::kReqidFirst;
  std::map<ChildKey, std::uint32_t> reqids;
  std::set<dataplane::PolicyId> clear_policies;
  std::map<std::string, std::uint8_t> groups;  // of pods, by policy (pod_groups.h)

  friend bool operator==(const Journal&, const Journal&) = default;
};

[[nodiscard]] std::string encode(const Journal& journal);

// An empty text is an empty journal. kInvalid names the line; kUnsupported: written by a later
// version of this program.
[[nodiscard]] Result<Journal> decode_journal(std::string_view text);

}  // namespace espalier::tunnel
