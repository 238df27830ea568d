// StoredPlan: what the last plan was made of, as one text for the state folder, so that an agent
// whose API server is away begins with it.
//
// It holds the objects as the API server had them, and the CAs that nodes trust; no Secret ever.
//
// Guarantees: decode_stored_plan() is strict: another version, another node, a field that is not
// known, or an object that does not validate is an error that names it; what was encoded is decoded
// to the same. Pure; takes any octets.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crds/types/document.h"
#include "nodeagent/follow/plan_follower.h"
#include "operator/plan/pods_of_policies.h"

namespace espalier::follow {

struct StoredPlan {
  std::string node;
  std::shared_ptr<const crds::NodePolicy> node_policy;
  plan::World world;      // as Heard has it
  std::string trust_pem;  // the bundle of CAs; may be empty
  // Who the selected pods were; none: that was not known.
  std::optional<plan::PodsOfPolicies> pods;

  [[nodiscard]] Heard heard() const { return {node_policy, world, {}}; }
};

// An object of the API server without what it does not need here: its status, and of its metadata
// what only the API server wants.
[[nodiscard]] crds::Json without_status(const crds::Json& object);

// The parts of a stored plan as the API server has them.
struct StoredParts {
  crds::Json node_policy;
  std::vector<crds::Json> endpoints;
  std::vector<crds::Json> policies;
  std::vector<crds::Json> tunnels;
  std::string trust_pem;
  std::optional<plan::PodsOfPolicies> pods;
};

[[nodiscard]] std::string encode_stored_plan(const std::string& node, const StoredParts& parts);
// kInvalid, with the field in `where`.
[[nodiscard]] Result<StoredPlan> decode_stored_plan(std::string_view text, const std::string& node);

}  // namespace espalier::follow
