// PlanFollower: from what an API server says to the plan of one node, by docs/adr/015.
//
// Guarantees: the plan is that of exactly the policies and tunnels that the node's NodePolicy
// names, each in the state it names, and of all NodeEndpoints; until all of them are known, the
// last plan holds, and the verdict says what is missing. A NodePolicy that needs what this agent
// cannot do is refused, and the last plan holds. Pure. Caveat: a NodePolicy, or the node's own
// NodeEndpoint, that is gone leaves the last plan as it is: a node that was taken out of its
// cluster goes on until its agent is ended.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "crds/types/node_policy.h"
#include "operator/plan/node_planner.h"
#include "operator/plan/world.h"

namespace espalier::follow {

// What the API server said, decoded.
struct Heard {
  std::shared_ptr<const crds::NodePolicy> node_policy;  // of this node; null: there is none
  plan::World world;  // every NodeEndpoint, IPsecPolicy and Tunnel; api_servers stays empty
  std::map<std::string, std::string> refused;  // "IPsecPolicy web": why it is not in there
};

enum class Following : std::uint8_t {
  kFollows,  // the plan is that of the newest NodePolicy
  kWaits,    // for what is to come; the last plan holds
  kRefuses,  // it cannot do what is asked for; the last plan holds
};

struct Verdict {
  Following following = Following::kWaits;
  std::string reason;           // one CamelCase word
  std::string message;          // a sentence
  std::int64_t generation = 0;  // of the NodePolicy it is about; 0: there is none

  friend bool operator==(const Verdict&, const Verdict&) = default;
};

class PlanFollower {
 public:
  // `features` are those that a NodePolicy may ask for (plan::known_features()).
  PlanFollower(std::string node, std::vector<std::string> features);

  // True when followed() or plan() is another one now.
  bool hear(const Heard& heard);

  [[nodiscard]] const Verdict& verdict() const { return verdict_; }
  // The NodePolicy that plan() is of; null: there was none to follow yet.
  [[nodiscard]] const std::shared_ptr<const crds::NodePolicy>& followed() const {
    return followed_;
  }
  // Valid until the next hear().
  [[nodiscard]] const plan::NodePlan& plan() const { return planner_.plan(); }

 private:
  // kFollows, and the world to plan with; or why not.
  [[nodiscard]] Verdict judge(const Heard& heard, plan::World& world) const;

  const std::string node_;
  const std::vector<std::string> features_;
  plan::NodePlanner planner_;
  Verdict verdict_{Following::kWaits, "NotHeard", "the API server was not heard yet", 0};
  std::shared_ptr<const crds::NodePolicy> followed_;
};

}  // namespace espalier::follow
