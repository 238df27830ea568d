// Any octets as a stored plan: read or refused, and what was read is planned. Bounded: a plan for
// many nodes is only read.
#include "cmake/fuzz/fuzz_one.h"
#include "nodeagent/follow/stored_plan.h"
#include "operator/plan/node_rules.h"

void fuzz_one(std::span<const std::uint8_t> input) {
  using namespace espalier;
  const std::string_view text(reinterpret_cast<const char*>(input.data()), input.size());
  const auto stored = follow::decode_stored_plan(text, "node1");
  if (!stored || stored->world.endpoints.size() > 8 || stored->world.policies.size() > 8) return;
  follow::PlanFollower follower("node1", plan::known_features());
  (void)follower.hear(stored->heard());
}
