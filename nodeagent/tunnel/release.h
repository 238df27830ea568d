// Releases: somebody opened this node, or a part of it, by hand. What a plan becomes under them,
// how they are kept across a restart, and what status says of them.
//
// A released child blocks nothing: its traffic goes by its SAs where they stand, and passes in
// clear, counted, where none does. So pairs that work go on encrypted. A release `in_clear` wants
// no SAs either: for a network that lets IKE through and ESP not.
//
// Guarantees: pure. A release is of what it names, not of what that was: a peer or a policy that
// comes later under a released name is released, too. decode(encode(x)) == x; decode() takes any
// text without harm.
// Assumptions: names and reasons hold no control characters (rpc/ refuses them).
// Caveat: the peer decides for itself: one that requires ESP goes on dropping what comes in clear.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "nodeagent/telemetry/snapshot.h"
#include "operator/plan/node_plan.h"

namespace espalier::tunnel {

using Releases = std::vector<telemetry::Release>;  // no name twice

// `plan` as it is carried out: Required and every hold turned to passing in clear where one of the
// releases says so. Its hash stays: it is what was asked for.
[[nodiscard]] plan::NodePlan opened(plan::NodePlan plan,
                                    std::span<const telemetry::Release> releases);

// Whether the connection is to have no SAs: all of its children are released in clear.
[[nodiscard]] bool is_in_clear(const plan::ConnectionPlan& connection,
                               std::span<const telemetry::Release> releases);

// Names of the connections of which the release opens a child, as the plan has them.
[[nodiscard]] std::vector<std::string> connections_of(const telemetry::Release& release,
                                                      const plan::NodePlan& plan);

// Writes into a snapshot of the opened plan what is released, and the enforcement that `plan` asks
// for where it says how the opened one is carried out.
void tell_releases(telemetry::Snapshot& snapshot, const plan::NodePlan& plan,
                   std::span<const telemetry::Release> releases);

// What a file keeps; an empty text is no release. kInvalid names the line; kUnsupported: written by
// another version of this program.
[[nodiscard]] std::string encode(std::span<const telemetry::Release> releases);
[[nodiscard]] Result<Releases> decode_releases(std::string_view text);

}  // namespace espalier::tunnel
